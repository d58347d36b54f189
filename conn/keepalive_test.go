package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// alive10 is a KeepAlive that is easy to reckon with.
var alive10 = &Config{KeepAlive: KeepAlive{Interval: 10 * time.Second, Timeout: 4 * time.Second}}

// waiting has somebody read c, as a program should.
func waiting(t *testing.T, c *Conn) <-chan received { return startRead(t.Context(), c) }

// A Ping comes after at least half an interval of silence and at most one, however
// Timeout is chosen and whenever the peer answers.
func TestKeepAlivePings(t *testing.T) {
	const interval = 10 * time.Second
	for _, timeout := range []time.Duration{-1, time.Second, 3 * time.Second, interval / 2, 9 * time.Second, interval, 3 * interval} {
		for answer := time.Duration(0); answer < interval && (timeout < 0 || answer < timeout); answer += 700 * time.Millisecond {
			cfg := &Config{KeepAlive: KeepAlive{Interval: interval, Timeout: timeout}}
			playAs(t, frame.Client, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) {
				waiting(t, c)
				last := time.Now()
				for range 4 {
					ping := p.Next("a Ping")
					require.Equal(t, frame.Ping, ping.Opcode)
					silent := time.Since(last)
					context := fmt.Sprintf("Timeout %v, answered after %v", timeout, answer)
					require.GreaterOrEqual(t, silent, interval/2, context)
					require.LessOrEqual(t, silent, interval, context)
					time.Sleep(answer)
					p.Send(wstest.Pong(string(ping.Payload)))
					last = time.Now()
				}
			})
		}
	}
}

// A peer that does not answer is pinged on and on if Timeout is negative, and
// never given up. Pings that are not answered do not pile up.
func TestKeepAliveWithoutTimeout(t *testing.T) {
	cfg := &Config{KeepAlive: KeepAlive{Interval: 10 * time.Second, Timeout: -1}}
	play(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := waiting(t, c)
		last := time.Now()
		for i := range 300 {
			require.Equal(t, frame.Ping, p.Next("a Ping").Opcode)
			require.LessOrEqual(t, time.Since(last), 10*time.Second)
			last = time.Now()
			if i%3 == 0 {
				p.Send(wstest.Pong("not the answer, but a sign of life"))
			}
		}
		notYet(t, reading, "the connection lives")
		require.LessOrEqual(t, pingsOf(c), 1)
	})
}

// pingsOf returns how many Pings of a connection wait for their answer.
func pingsOf(c *Conn) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := c.out.pings.waiting; p != nil; p = p.next {
		n++
	}
	return n
}

// Any byte is a sign of life: the pieces of a frame, data, a Pong to nothing.
func TestKeepAliveAnyByteIsLife(t *testing.T) {
	play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := waiting(t, c)
		keys := frame.Key{}
		for _, b := range wstest.Text("a frame of which a byte comes now and then").Wire(nil, peerOf(c.out.role), keys) {
			time.Sleep(4900 * time.Millisecond)
			p.WantIdle("the peer is not silent for half an interval")
			p.SendWire([]byte{b})
		}
		require.NoError(t, (<-reading).Err)
		reading = waiting(t, c)
		for range 10 {
			time.Sleep(4900 * time.Millisecond)
			p.WantIdle("the peer is not silent for half an interval")
			p.Send(wstest.Pong(""))
		}
		notYet(t, reading, "the connection lives")
	})
}

// After a Ping any byte will do too: the Pong may be stuck behind a long frame.
func TestKeepAliveAnyByteIsAnAnswer(t *testing.T) {
	play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := waiting(t, c)
		wire := wstest.Binary(make([]byte, 20)).Wire(nil, peerOf(c.out.role), frame.Key{})
		last := time.Now()
		for i := range 10 {
			require.Equal(t, frame.Ping, p.Next("a Ping").Opcode)
			require.GreaterOrEqual(t, time.Since(last), 5*time.Second)
			require.LessOrEqual(t, time.Since(last), 10*time.Second)
			time.Sleep(3999 * time.Millisecond)
			p.SendWire(wire[i : i+1])
			last = time.Now()
		}
		notYet(t, reading, "the connection lives")
	})
}

// A peer that gives no sign of life is dead, and everything says so for ever.
func TestKeepAliveTimeout(t *testing.T) {
	play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
		begin := time.Now()
		reading := waiting(t, c)
		pinging := call(func() error { _, err := c.Ping(context.Background()); return err })
		want := &TimeoutError{Op: "keepalive", After: 4 * time.Second}
		require.Equal(t, want, (<-reading).Err)
		died := time.Since(begin)
		require.GreaterOrEqual(t, died, 9*time.Second, "half an interval, and Timeout")
		require.LessOrEqual(t, died, 14*time.Second, "an interval, and Timeout")
		require.Equal(t, want, <-pinging)
		<-c.Done()
		require.Equal(t, died, time.Since(begin))
		for range 2 {
			require.Equal(t, want, c.Err())
			require.Equal(t, want, read(t.Context(), c).Err)
			require.Equal(t, want, c.Write(t.Context(), Text, nil))
			require.Equal(t, want, c.TryWrite(Text, nil))
			require.Equal(t, want, c.WriteBatch(t.Context(), Message{Type: Text}))
			_, err := c.Ping(t.Context())
			require.Equal(t, want, err)
			_, err = c.Writer(t.Context(), Text)
			require.Equal(t, want, err)
			require.Equal(t, want, c.Close(StatusNormalClosure, ""))
			require.NoError(t, c.CloseNow())
		}
		require.Equal(t, want, context.Cause(c.Context()))
		var timeout net.Error
		require.True(t, errors.As(c.Err(), &timeout) && timeout.Timeout())
		require.ErrorIs(t, c.Err(), context.DeadlineExceeded)
		require.ErrorIs(t, c.Err(), os.ErrDeadlineExceeded)
		require.NotErrorIs(t, c.Err(), io.EOF)
		require.Equal(t, StatusAbnormalClosure, CloseStatus(c.Err()))
	})
}

// Nobody reads: then it cannot be told whether the peer is silent. No Ping is
// sent, and no connection ends.
func TestKeepAliveWhileNobodyReads(t *testing.T) {
	play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
		time.Sleep(time.Hour)
		p.WantIdle("nobody reads")
		p.Send(wstest.Text("hello"))
		for m, err := range c.Messages(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, "hello", string(m.Data))
			time.Sleep(time.Hour)
			p.WantIdle("the loop body is busy")
			break
		}
		require.NoError(t, c.Err())
	})
}

// A peer is dead only if a read has waited all the while: one that was cancelled
// has shown nothing, whether the peer has answered since or not.
func TestKeepAliveWaitsForAReader(t *testing.T) {
	for _, answers := range []bool{true, false} {
		play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
			ctx, cancel := context.WithCancel(t.Context())
			reading := startRead(ctx, c)
			ping := p.Next("a Ping")
			cancel()
			require.Equal(t, context.Canceled, (<-reading).Err)
			if answers {
				p.Send(wstest.Pong(string(ping.Payload)))
			}
			time.Sleep(time.Hour)
			require.NoError(t, c.Err())
			begin := time.Now()
			reading = waiting(t, c)
			if answers {
				require.Equal(t, frame.Ping, p.Next("another Ping").Opcode)
				require.GreaterOrEqual(t, time.Since(begin), 5*time.Second)
				return
			}
			require.Equal(t, &TimeoutError{Op: "keepalive", After: 4 * time.Second}, (<-reading).Err)
			require.GreaterOrEqual(t, time.Since(begin), 4*time.Second)
		})
	}
}

// Timeout runs from when the Ping is out. A peer on a slow line that still takes a
// long frame cannot know of the Ping behind it.
func TestKeepAliveBehindALongFrame(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			cfg := &Config{KeepAlive: alive10.KeepAlive, WriteTimeout: time.Hour}
			c, p, _ := blocked(t, role, cfg, 1000)
			reading := waiting(t, c)
			writing := call(func() error { return c.Write(t.Context(), Binary, make([]byte, 100_000)) })
			line := call(func() error { // 1,000 bytes a second
				buf := make([]byte, 1000)
				for n := 0; n < 100_000; {
					time.Sleep(time.Second)
					k, err := p.Conn().Read(buf)
					if err != nil {
						return err
					}
					n += k
				}
				return nil
			})
			require.NoError(t, <-writing)
			require.NoError(t, <-line)
			go io.Copy(io.Discard, p.Conn())
			begin := time.Now()
			require.Equal(t, &TimeoutError{Op: "keepalive", After: 4 * time.Second}, (<-reading).Err)
			require.LessOrEqual(t, time.Since(begin), 10*time.Second, "from now on it counts")
			p.Close()
		})
	}
}

// On a line that is slower still the Ping itself is long on its way.
func TestKeepAliveOnASlowLine(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, _ := blocked(t, role, alive10, 1) // a byte a second
			reading := waiting(t, c)
			for range 5 {
				var wire []byte
				for len(wire) < 10 || role == frame.Client && len(wire) < 14 {
					var b [1]byte
					_, err := io.ReadFull(p.Conn(), b[:])
					require.NoError(t, err)
					time.Sleep(time.Second)
					wire = append(wire, b[0])
				}
				require.Equal(t, frame.Ping, frames(t, role, wire)[0].Opcode)
				p.Send(wstest.Pong("it is alive"))
			}
			notYet(t, reading, "the connection lives")
		})
	}
}

// A Write that has all the time in the world does not keep a dead peer from being
// found: once a Ping waits behind it, WriteTimeout counts.
func TestKeepAliveUnderAPatientWrite(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := blocked(t, role, &Config{KeepAlive: KeepAlive{Interval: 30 * time.Second, Timeout: 15 * time.Second}}, 100)
			reading := startRead(t.Context(), c)
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			begin := time.Now()
			require.Error(t, c.Write(ctx, Binary, make([]byte, 1000)))
			require.Error(t, (<-reading).Err)
			require.Less(t, time.Since(begin), 5*time.Minute, "a peer that takes nothing and says nothing is dead")
		})
	}
}

func TestKeepAliveOff(t *testing.T) {
	play(t, &Config{KeepAlive: KeepAlive{Interval: -1}}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := waiting(t, c)
		time.Sleep(1000 * time.Hour)
		p.WantIdle("no Ping")
		notYet(t, reading, "the connection lives")
		require.Nil(t, c.keep.seat, "no timer either")
	})
}

// By default a silent peer is pinged within 30 s, and given up 15 s later.
func TestKeepAliveByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, other := wstest.Pipe()
		before := runtime.NumGoroutine()
		c := New(upgraded(nc, frame.Server), nil)
		require.LessOrEqual(t, runtime.NumGoroutine(), before, "there is no goroutine for it")
		p := wstest.NewPeer(t, other, frame.Client)
		p.Patience = time.Minute
		begin := time.Now()
		reading := waiting(t, c)
		require.Equal(t, frame.Ping, p.Next("a Ping").Opcode)
		require.LessOrEqual(t, time.Since(begin), 30*time.Second)
		pinged := time.Now()
		require.Equal(t, &TimeoutError{Op: "keepalive", After: 15 * time.Second}, (<-reading).Err)
		require.Equal(t, 15*time.Second, time.Since(pinged))
		<-c.Done()
	})
}

// There are no Pings after a Close frame, and no other timeout than CloseTimeout.
func TestKeepAliveEndsWithClose(t *testing.T) {
	play(t, &Config{KeepAlive: alive10.KeepAlive, CloseTimeout: time.Hour}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := waiting(t, c)
		ping := p.Next("a Ping")
		closing := call(func() error { return c.Close(StatusNormalClosure, "") })
		p.WantClose("our Close frame", StatusNormalClosure)
		p.Send(wstest.Pong(string(ping.Payload)))
		time.Sleep(59 * time.Minute)
		p.WantIdle("the peer takes its time")
		p.Send(wstest.EmptyClose())
		p.Close()
		require.NoError(t, <-closing)
		require.ErrorIs(t, (<-reading).Err, net.ErrClosed)
	})
}

// Latency is that of the last answer, to whomsoever's Ping.
func TestLatency(t *testing.T) {
	play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.Zero(t, c.Latency())
		waiting(t, c)
		for _, after := range []time.Duration{3 * time.Second, 20 * time.Millisecond, time.Second} {
			ping := p.Next("a Ping")
			time.Sleep(after)
			p.Send(wstest.Pong(string(ping.Payload)))
			synctest.Wait()
			require.Equal(t, after, c.Latency())
			require.Equal(t, after, c.Stats().Latency)
		}
		pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
		ping := p.Next("ours")
		time.Sleep(7 * time.Millisecond)
		p.Send(wstest.Pong(string(ping.Payload)))
		require.NoError(t, <-pinging)
		require.Equal(t, 7*time.Millisecond, c.Latency())
		p.Send(wstest.Pong("unsolicited"))
		synctest.Wait()
		require.Equal(t, 7*time.Millisecond, c.Latency())
	})
}
