package conn

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// RFC 6455, section 5.5.3: a Pong has the payload of the Ping, to the byte.
func TestRule25PongEchoesThePayload(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		startRead(t.Context(), c)
		for _, payload := range []string{"", "?", "\x00\xFF\xFE not text", strings.Repeat("x", 125), string(pattern(125))} {
			p.Send(wstest.Ping(payload))
			p.Want("the same bytes", wstest.Pong(payload))
		}
		p.WantIdle("one pong for each")
	})
}

// A peer that reads gets a pong for each of ten pings in a row, in their order.
func TestRule23TenPingsTenPongs(t *testing.T) {
	for _, bytewise := range []bool{false, true} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			startRead(t.Context(), c)
			var pings, pongs []wstest.Frame
			for i := range 10 {
				payload := fmt.Sprintf("%d %s", i, pattern(100))
				pings, pongs = append(pings, wstest.Ping(payload)), append(pongs, wstest.Pong(payload))
			}
			if bytewise {
				sending := call(func() error { p.SendBytewise(pings...); return nil })
				require.NoError(t, <-sending)
			} else {
				p.Send(pings...)
			}
			p.Want("ten pongs", pongs...)
			p.WantIdle("and no more")
		})
	}
}

// A peer that pings and does not read: what waits for it is bounded, and the
// latest ping is the one that is answered.
func TestRule23FloodOfPings(t *testing.T) {
	const pings = 20_000
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p, open := blocked(t, role, nil, 0)
				startRead(t.Context(), c)
				var wire []byte
				for i := range pings {
					wire = wstest.Ping(fmt.Sprintf("%d %s", i, pattern(100))).Wire(wire, peerOf(role), frame.Key{1, 2, 3, 4})
				}
				allocated := allocatedBy(func() {
					_, err := p.Conn().Write(wire)
					require.NoError(t, err)
					synctest.Wait()
				})
				require.Less(t, allocated, uint64(len(wire)), "memory does not grow with the flood")
				if waiting := c.out.replies; waiting != nil { // else they are in the air
					require.LessOrEqual(t, len(waiting.B), maxReplies)
				}
				open()
				answered := -1
				for answered < pings-1 {
					var i int
					f := p.Next("pongs until the latest")
					_, err := fmt.Sscanf(string(f.Payload), "%d ", &i)
					require.NoError(t, err)
					require.Greater(t, i, answered)
					answered = i
				}
				require.LessOrEqual(t, len(p.Frames()), 2*maxReplies/100)
				p.WantIdle("the latest was the last")
			})
		})
	}
}

// A peer that does not even take pongs loses the connection, as with any write.
func TestPongsAreBoundByWriteTimeout(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, _ := blocked(t, role, nil, 0)
			p.Send(wstest.Ping("?"))
			begin := time.Now()
			require.Equal(t, &TimeoutError{Op: "write", After: 30 * time.Second}, read(t.Context(), c).Err)
			require.Equal(t, 30*time.Second, time.Since(begin))
		})
	}
}

// A pong is not held up by the program: it goes out before a message is handed
// over, and while a message is streamed.
func TestPongsGoBeforeMessages(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Ping("1"), wstest.Text("hello"))
		w.want(t, c, received{Type: Text, Data: "hello"})
		p.Want("the program has the message, and the peer its pong", wstest.Pong("1"))
	})
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("a").NoFin())
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		go io.Copy(io.Discard, r)
		for range 3 {
			p.Send(wstest.Ping("in the middle of a message"))
			p.Want("a pong", wstest.Pong("in the middle of a message"))
			p.Send(wstest.Cont("b").NoFin())
		}
	})
}

// Somebody has to read; nobody does it behind the program's back. What came
// meanwhile is answered with the next read.
func TestNoReaderNoPong(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Ping("?"), wstest.Text("hello"))
		p.WantIdle("nobody reads")
		require.NoError(t, c.Write(t.Context(), Text, []byte("writing is not reading")))
		p.Want("the message", wstest.Text("writing is not reading"))
		p.WantIdle("nobody reads")
		ways[0].want(t, c, received{Type: Text, Data: "hello"})
		p.Want("the pong", wstest.Pong("?"))
	})
}

// RFC 6455, section 5.5.3: "A Pong frame MAY be sent unsolicited." It is no
// answer to anything.
func TestRule25UnsolicitedPongs(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := startRead(t.Context(), c)
		number := func(n uint64) wstest.Frame { return wstest.Pong(string(binary.BigEndian.AppendUint64(nil, n))) }
		p.Send(wstest.Pong(""), wstest.Pong("hello"), number(0), number(1), number(1<<63))
		synctest.Wait()
		pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
		ping := p.Next("our ping")
		p.Send(wstest.Pong(""), wstest.Pong(string(ping.Payload)+"x"), wstest.Pong(string(ping.Payload[1:])), number(1<<63))
		notYet(t, pinging, "none of these answers it")
		p.Send(wstest.Op(frame.Pong, ping.Payload), wstest.Op(frame.Pong, ping.Payload))
		require.NoError(t, <-pinging)
		notYet(t, reading, "two pongs to one ping are harmless")
		p.WantIdle("a pong needs no answer")
		require.NoError(t, c.Err())
	})
}

func TestPingMeasuresTheRoundTrip(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		startRead(t.Context(), c)
		for _, want := range []time.Duration{120 * time.Millisecond, 3 * time.Second} {
			var rtt time.Duration
			pinging := call(func() (err error) { rtt, err = c.Ping(t.Context()); return err })
			ping := p.Next("a ping")
			require.Equal(t, frame.Ping, ping.Opcode)
			time.Sleep(want)
			p.Send(wstest.Op(frame.Pong, ping.Payload))
			require.NoError(t, <-pinging)
			require.Equal(t, want, rtt)
			require.Equal(t, want, c.Latency())
		}
	})
}

// A Ping that is given up does no harm, nor does its late answer.
func TestPingIsCancelled(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		startRead(t.Context(), c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Ping(ctx)
		require.Equal(t, context.DeadlineExceeded, err)
		_, err = c.Ping(ctx)
		require.Equal(t, context.DeadlineExceeded, err)
		late := p.Next("the ping was sent")
		p.WantIdle("the second was not: its ctx had ended")
		require.Empty(t, c.out.pings.waiting)

		pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
		ping := p.Next("another ping")
		p.Send(wstest.Op(frame.Pong, late.Payload))
		notYet(t, pinging, "that was the answer to the first")
		p.Send(wstest.Op(frame.Pong, ping.Payload))
		require.NoError(t, <-pinging)
	})
}

// Pings that cannot be sent at once become one, and a Pong answers all pings up to
// its own: RFC 6455, section 5.5.3.
func TestPingsCoalesce(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, nil, 0)
			startRead(t.Context(), c)
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if _, err := c.Ping(t.Context()); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			open()
			p.Next("the first")
			last := p.Next("one for all the others")
			p.WantIdle("no more")
			p.Send(wstest.Op(frame.Pong, last.Payload))
			all.Wait()
		})
	}
}

// The end of the connection ends a Ping, with the connection's error.
func TestPingOnAnEndedConnection(t *testing.T) {
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				startRead(t.Context(), c)
				pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
				p.Next("the ping")
				e.do(p)
				err := <-pinging
				e.check(t, err)
				require.Equal(t, c.Err(), err)
				_, err = c.Ping(t.Context())
				require.Equal(t, c.Err(), err)
			})
		})
	}
}

// When nothing can be written any more, no Ping will be answered.
func TestPingOnABrokenStream(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, other := wstest.Pipe()
			faults := wstest.Faults{Write: []wstest.Fault{wstest.ErrorAt(20, syscall.EPIPE)}}
			c := New(upgraded(wstest.Faulty(nc, faults), role), calm(nil))
			p := wstest.NewPeer(t, other, peerOf(role))
			defer end(c)
			startRead(t.Context(), c)
			pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
			p.Next("the ping")
			require.ErrorIs(t, c.Write(t.Context(), Binary, pattern(20)), syscall.EPIPE)
			require.ErrorIs(t, <-pinging, syscall.EPIPE)
			_, err := c.Ping(t.Context())
			require.ErrorIs(t, err, syscall.EPIPE)
		})
	}
}
