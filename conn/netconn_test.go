package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// streamed runs a test like play, of a NetConn.
func streamed(t *testing.T, cfg *Config, test func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer)) {
	t.Helper()
	play(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) { test(t, NetConn(c, Binary), c, p) })
}

// requireTimeout wants an error as package net has it for a deadline that passed.
func requireTimeout(t *testing.T, op string, err error) {
	t.Helper()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var timeout net.Error
	require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
	var opErr *net.OpError
	require.ErrorAs(t, err, &opErr)
	require.Equal(t, []string{op, "websocket"}, []string{opErr.Op, opErr.Net})
}

// What is read are the payloads of all messages, whatever their type and bounds.
// Messages of no bytes are none, and never an end.
func TestNetConnReads(t *testing.T) {
	for _, size := range []int{1, 2, 7, 100, 5000} {
		streamed(t, nil, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
			go p.Send(
				wstest.Text("one, "), wstest.Binary(nil), wstest.Binary([]byte("two, ")), wstest.Text("").NoFin(),
				wstest.Cont("th").NoFin(), wstest.Ping("?"), wstest.Cont("").NoFin(), wstest.Cont("ree, "), wstest.Text(""),
				wstest.Text(string(bytes.Repeat([]byte("long"), 3_000))), wstest.Text(" end"), wstest.Text(""),
				wstest.Close(StatusNormalClosure, ""),
			)
			var all []byte
			buf := make([]byte, size)
			for {
				k, err := n.Read(buf)
				all = append(all, buf[:k]...)
				if err != nil {
					require.Zero(t, k)
					require.Equal(t, io.EOF, err)
					break
				}
				require.Positive(t, k, "no byte and no error is no answer")
			}
			require.Equal(t, "one, two, three, "+string(bytes.Repeat([]byte("long"), 3_000))+" end", string(all))
			_, err := n.Read(buf)
			require.Equal(t, io.EOF, err, "for ever")
		})
	}
}

func TestNetConnReadsNothing(t *testing.T) {
	streamed(t, nil, func(t *testing.T, n net.Conn, _ *Conn, _ *wstest.Peer) {
		k, err := n.Read(nil)
		require.NoError(t, err, "it does not wait")
		require.Zero(t, k)
	})
}

// Each Write is a message, of the type that was asked for.
func TestNetConnWrites(t *testing.T) {
	for typ, want := range map[MessageType]MessageType{Text: Text, Binary: Binary, frame.Ping: Binary, 0: Binary} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			n := NetConn(c, typ)
			for _, size := range []int{5, 0, 100_000} {
				message := bytes.Repeat([]byte("x"), size)
				writing := call(func() error {
					k, err := n.Write(message)
					if k != size {
						return fmt.Errorf("%d bytes of %d, %w", k, size, err)
					}
					return err
				})
				p.Want("one message, also if it has no bytes", wstest.Op(want, message))
				require.NoError(t, <-writing)
			}
			require.Equal(t, c.LocalAddr(), n.LocalAddr())
			require.Equal(t, c.RemoteAddr(), n.RemoteAddr())
		})
	}
}

// How the connection ended decides whether it is an EOF.
func TestNetConnEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(c *Conn, n net.Conn, p *wstest.Peer)
		want error // matched; io.EOF has to be just that
	}{
		"1000":             {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.Send(wstest.Close(StatusNormalClosure, "")) }, io.EOF},
		"1001":             {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.Send(wstest.Close(StatusGoingAway, "bye")) }, io.EOF},
		"1005":             {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.Send(wstest.EmptyClose()) }, &CloseError{Code: StatusNoStatusReceived}},
		"1011":             {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.Send(wstest.Close(StatusInternalError, "")) }, &CloseError{Code: StatusInternalError}},
		"TCP ends":         {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.CloseWrite() }, io.ErrUnexpectedEOF},
		"TCP is reset":     {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.Reset() }, &CloseError{Code: StatusAbnormalClosure}},
		"a rule is broken": {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.Send(wstest.Cont("")) }, &ProtocolError{Code: StatusProtocolError}},
		"too long":         {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.Send(wstest.Text("more than ten")) }, &ProtocolError{Code: StatusMessageTooBig}},
		"our Close":        {func(_ *Conn, n net.Conn, _ *wstest.Peer) { n.Close() }, net.ErrClosed},
		"our CloseNow":     {func(c *Conn, _ net.Conn, _ *wstest.Peer) { c.CloseNow() }, net.ErrClosed},
		"1000 in a message": {func(_ *Conn, _ net.Conn, p *wstest.Peer) {
			p.Send(wstest.Text("x").NoFin(), wstest.Close(StatusNormalClosure, ""))
		}, io.ErrUnexpectedEOF},
		"1000 in a frame": {func(_ *Conn, _ net.Conn, p *wstest.Peer) { p.SendWire([]byte{0x82}); p.CloseWrite() }, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			streamed(t, &Config{MaxMessage: 10}, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
				p.Send(wstest.Text("before"))
				got := make([]byte, 6)
				_, err := io.ReadFull(n, got)
				require.NoError(t, err)
				tt.end(c, n, p)
				for range 3 {
					rest, err := io.ReadAll(n)
					if tt.want == io.EOF {
						require.NoError(t, err)
						_, err = n.Read(got)
						require.Equal(t, io.EOF, err)
					} else {
						require.ErrorIs(t, err, tt.want)
						require.NotErrorIs(t, err, io.EOF)
						var opErr *net.OpError
						require.ErrorAs(t, err, &opErr)
						require.Equal(t, "read", opErr.Op)
					}
					require.LessOrEqual(t, len(rest), 1)
					k, err := n.Write([]byte("x"))
					require.Error(t, err, "nor can anything be written")
					require.NotErrorIs(t, err, net.ErrWriteToConnected)
					require.Zero(t, k)
				}
			})
		})
	}
}

// Close tells the peer, and does not wait for it. What was waiting ends.
func TestNetConnClose(t *testing.T) {
	streamed(t, nil, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
		c.Transport().(*wstest.Conn).SetBuffer(3)
		reading := call(func() error { _, err := n.Read(make([]byte, 1)); return err })
		writing := call(func() error { _, err := n.Write(make([]byte, 100)); return err })
		require.NoError(t, n.SetReadDeadline(time.Now().Add(time.Hour)))
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, n.Close())
		require.NoError(t, n.Close(), "twice does no harm")
		require.ErrorIs(t, <-reading, net.ErrClosed)
		require.Zero(t, time.Since(begin))
		c.Transport().(*wstest.Conn).SetBuffer(1000)
		p.Want("what was begun is finished", wstest.Binary(make([]byte, 100)))
		<-writing
		p.WantClose("and the peer is told", StatusNormalClosure)
		p.Send(wstest.Close(StatusNormalClosure, ""))
		p.Close()
		<-c.Done()
		require.Zero(t, time.Since(begin), "nobody reads, and yet its answer was seen")
		_, err := n.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = n.Write(nil)
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// Also after a deadline has passed, a closed stream says that it is closed.
func TestNetConnCloseAfterDeadline(t *testing.T) {
	streamed(t, nil, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
		require.NoError(t, n.SetDeadline(time.Now()))
		_, err := n.Read(make([]byte, 1))
		requireTimeout(t, "read", err)
		require.NoError(t, n.Close())
		_, err = n.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = n.Write(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		p.WantClose("the peer is told", StatusNormalClosure)
	})
}

// A deadline cuts a read anywhere, and the next one goes on there.
func TestNetConnReadDeadlineResumes(t *testing.T) {
	streamed(t, nil, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
		frames := []wstest.Frame{
			wstest.Text("first "), wstest.Text("in ").NoFin(), wstest.Ping("?"), wstest.Cont("pieces "),
			wstest.Binary(nil), wstest.Binary([]byte("last")), wstest.Close(StatusNormalClosure, ""),
		}
		var wire []byte
		for i, f := range frames {
			wire = f.Wire(wire, peerOf(c.out.role), frame.Key{1, 2, 3, byte(i)})
		}
		go func() {
			for _, b := range wire {
				time.Sleep(time.Second)
				p.SendWire([]byte{b})
			}
		}()
		var all []byte
		timeouts := 0
		buf := make([]byte, 100)
		for {
			require.NoError(t, n.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
			k, err := n.Read(buf)
			all = append(all, buf[:k]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				requireTimeout(t, "read", err)
				timeouts++
			}
		}
		require.Equal(t, "first in pieces last", string(all))
		require.Greater(t, timeouts, 3*len(wire)-10)
	})
}

// A deadline may be moved at any time, also under a Read that waits.
func TestNetConnDeadlineIsMoved(t *testing.T) {
	streamed(t, nil, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
		begin := time.Now()
		waits := func(want time.Duration, move func()) {
			t.Helper()
			at := time.Now()
			reading := call(func() error { _, err := n.Read(make([]byte, 1)); return err })
			synctest.Wait()
			move()
			requireTimeout(t, "read", <-reading)
			require.Equal(t, want, time.Since(at))
		}
		in := func(d time.Duration) func() {
			return func() { require.NoError(t, n.SetReadDeadline(time.Now().Add(d))) }
		}
		in(time.Second)()
		waits(time.Second, func() {})
		waits(0, func() {}) // it has passed
		in(time.Hour)()
		waits(2*time.Second, in(2*time.Second))            // sooner
		waits(0, in(-time.Second))                         // at once
		require.NoError(t, n.SetReadDeadline(time.Time{})) // none
		waits(3*time.Second, in(3*time.Second))            // from none
		in(time.Second)()                                  //
		waits(5*time.Second, in(5*time.Second))            // later
		waits(0, in(0))                                    // now
		in(time.Second)()                                  //
		waits(time.Hour+time.Second, func() {              // to none, and back
			require.NoError(t, n.SetDeadline(time.Time{}))
			time.Sleep(time.Hour)
			in(time.Second)()
		})
		require.NoError(t, n.SetReadDeadline(time.Time{}))
		reading := call(func() error { _, err := n.Read(make([]byte, 1)); return err })
		time.Sleep(time.Hour)
		p.Send(wstest.Text("x"))
		require.NoError(t, <-reading)
		require.Greater(t, time.Since(begin), 2*time.Hour)
		p.WantIdle("deadlines are no business of the peer's")
		require.NoError(t, c.Err())
	})
}

// If a Write returns with a timeout, all of it will arrive or nothing, and n says
// which.
func TestNetConnWriteDeadlineIsAllOrNothing(t *testing.T) {
	for _, role := range roles {
		for _, size := range []int{0, 10, largeFrame + 10, maxDirect + 10} {
			whole := len(wstest.Binary(make([]byte, size)).Wire(nil, role, frame.Key{}))
			for _, at := range []int{0, 1, 9, size / 2, whole - 1} {
				if at >= whole {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					c, p, open := blocked(t, role, nil, at)
					n := NetConn(c, Binary)
					require.NoError(t, n.SetWriteDeadline(time.Now().Add(time.Second)))
					begin := time.Now()
					var taken []wstest.Frame
					for range 3 {
						message := pattern(size)
						k, err := n.Write(message)
						clear(message)
						requireTimeout(t, "write", err)
						require.Equal(t, time.Second, time.Since(begin))
						if at > 0 && len(taken) == 0 {
							require.Equal(t, size, k, "it was begun")
							taken = append(taken, wstest.Binary(pattern(size)))
						} else {
							require.Zero(t, k)
						}
					}
					open()
					p.Want("just that", taken...)
					p.WantIdle("and no more")
					_, err := n.Write([]byte("x"))
					requireTimeout(t, "write", err)
					require.NoError(t, n.SetWriteDeadline(time.Time{}))
					_, err = n.Write([]byte("x"))
					require.NoError(t, err)
					p.Want("the stream is whole", wstest.Binary([]byte("x")))
				})
			}
		}
	}
}

// The two directions have deadlines of their own.
func TestNetConnDeadlinesAreApart(t *testing.T) {
	streamed(t, nil, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
		require.NoError(t, n.SetWriteDeadline(time.Now()))
		p.Send(wstest.Text("x"))
		_, err := n.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, n.SetWriteDeadline(time.Time{}))
		require.NoError(t, n.SetReadDeadline(time.Now()))
		_, err = n.Write([]byte("x"))
		require.NoError(t, err)
		p.Want("it is written", wstest.Binary([]byte("x")))
		_, err = n.Read(make([]byte, 1))
		requireTimeout(t, "read", err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, context.DeadlineExceeded, read(ctx, c).Err, "the connection's own methods know nothing of them")
	})
}

// A connection that dies under a deadline says why, and not that time is up.
func TestNetConnDiesUnderADeadline(t *testing.T) {
	cfg := &Config{KeepAlive: KeepAlive{Interval: 10 * time.Second, Timeout: time.Second}}
	streamed(t, cfg, func(t *testing.T, n net.Conn, c *Conn, p *wstest.Peer) {
		require.NoError(t, n.SetDeadline(time.Now().Add(time.Hour)))
		want := &TimeoutError{Op: "keepalive", After: time.Second}
		for range 2 {
			var got *TimeoutError
			_, err := n.Read(make([]byte, 1))
			require.ErrorAs(t, err, &got)
			require.Equal(t, want, got)
			_, err = n.Write(nil)
			require.ErrorAs(t, err, &got)
			require.Equal(t, want, got)
			require.NoError(t, n.SetDeadline(time.Now()))
		}
	})
}
