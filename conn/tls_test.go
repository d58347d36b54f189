package conn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// A TLS connection cannot be tried without waiting, and a write that was
// interrupted breaks it. So other paths are taken, that keep the same promises
// as far as they can.

// certificate is one of nobody for anything; clients here do not look at it.
func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsPair lays TLS over both ends of a stream. It goes on when both have shaken
// hands.
func tlsPair(t *testing.T, cert tls.Certificate, role frame.Role, nc, other net.Conn) (ours, theirs *tls.Conn) {
	t.Helper()
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	client := &tls.Config{InsecureSkipVerify: true}
	if role == frame.Client {
		ours, theirs = tls.Client(nc, client), tls.Server(other, server)
	} else {
		ours, theirs = tls.Server(nc, server), tls.Client(other, client)
	}
	shaking := call(theirs.Handshake)
	require.NoError(t, ours.Handshake())
	require.NoError(t, <-shaking)
	return ours, theirs
}

// overTLS runs a test like play, with TLS over the pipe: nc is our end of it.
func overTLS(t *testing.T, test func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn)) {
	cert := certificate(t)
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, other := wstest.Pipe()
				ours, theirs := tlsPair(t, cert, role, nc, other)
				c := New(upgraded(ours, role), calm(nil))
				p := wstest.NewPeer(t, theirs, peerOf(role))
				t.Cleanup(func() { end(c); other.Close() })
				test(t, c, p, nc)
			})
		})
	}
}

func TestTLSMessages(t *testing.T) {
	overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, _ *wstest.Conn) {
		cancellable, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, n := range []int{0, 1, 16384, 16385, 70_000} {
			for _, ctx := range []context.Context{context.Background(), cancellable} {
				writing := call(func() error { return c.Write(ctx, Binary, pattern(n)) })
				p.Want("our message", wstest.Binary(pattern(n)))
				require.NoError(t, <-writing)
				sending := call(func() error { p.Send(wstest.Ping("?"), wstest.Binary(pattern(n))); return nil })
				require.Equal(t, received{Type: Binary, Data: string(pattern(n))}, read(ctx, c))
				require.NoError(t, <-sending)
				p.Want("the pong", wstest.Pong("?"))
			}
		}
	})
}

// A read that is cut anywhere, in the middle of a TLS record too, is resumed.
func TestTLSCancelledReads(t *testing.T) {
	cert := certificate(t)
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, near := wstest.Pipe()
			far, other := wstest.Pipe()
			go trickle(near, far)
			go io.Copy(far, near)
			ours, theirs := tlsPair(t, cert, role, nc, other)
			c := New(upgraded(ours, role), calm(nil))
			p := wstest.NewPeer(t, theirs, peerOf(role))
			t.Cleanup(func() { end(c); near.Close(); far.Close() })
			whole := string(pattern(300))
			p.Send(wstest.Binary([]byte(whole[:100])).NoFin(), wstest.Cont(whole[100:]))
			for cancelled := 0; ; cancelled++ {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
				m := read(ctx, c)
				cancel()
				if m.Err == nil {
					require.Equal(t, received{Type: Binary, Data: whole}, m)
					require.Greater(t, cancelled, 10)
					break
				}
				require.Equal(t, context.DeadlineExceeded, m.Err)
			}
		})
	}
}

// trickle lets a few bytes pass each millisecond.
func trickle(to io.Writer, from io.Reader) {
	buf := make([]byte, 7)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		time.Sleep(time.Millisecond)
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A write that waits for the peer returns when ctx ends, and its message arrives
// whole: it was given to TLS already. One behind it leaves no trace.
func TestTLSCancelledWrites(t *testing.T) {
	for _, n := range []int{10, 300_000} {
		overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn) {
			buffer := nc.SetBuffer(0)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			message := pattern(n)
			begin := time.Now()
			first := call(func() error { return c.Write(ctx, Binary, message) })
			synctest.Wait()
			second := call(func() error { return c.Write(ctx, Text, []byte("no trace")) })
			third := call(func() error { return c.Write(context.Background(), Text, []byte("waits")) })
			require.Equal(t, context.DeadlineExceeded, <-first)
			require.Equal(t, context.DeadlineExceeded, <-second)
			require.Equal(t, time.Second, time.Since(begin))
			clear(message) // it is the caller's again
			nc.SetBuffer(buffer)
			p.Want("the message that was cut, and the one that waited",
				wstest.Binary(pattern(n)), wstest.Text("waits"))
			require.NoError(t, <-third)
			require.NoError(t, c.Err())
		})
	}
}

func TestTLSWriteTimeout(t *testing.T) {
	overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn) {
		nc.SetBuffer(0)
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		require.Equal(t, &TimeoutError{Op: "write", After: 30 * time.Second}, c.Write(ctx, Text, []byte("hello")))
		require.Equal(t, 30*time.Second, time.Since(begin))
		<-c.Done()
	})
}

// Closing a tls.Conn writes. CloseNow does not wait for that, whatever is under
// way.
func TestTLSCloseNowNeverBlocks(t *testing.T) {
	for _, writing := range []bool{true, false} {
		overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn) {
			nc.SetBuffer(0)
			if writing {
				call(func() error { return c.Write(t.Context(), Text, []byte("hello")) })
			}
			reading := startRead(t.Context(), c)
			synctest.Wait()
			begin := time.Now()
			require.NoError(t, c.CloseNow())
			require.ErrorIs(t, (<-reading).Err, net.ErrClosed)
			<-c.Done()
			require.Zero(t, time.Since(begin))
			require.ErrorIs(t, c.Write(t.Context(), Text, nil), net.ErrClosed)
		})
	}
}

// Close is bounded, though TLS waits to write.
func TestTLSCloseWhileBlocked(t *testing.T) {
	overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn) {
		nc.SetBuffer(0)
		writing := call(func() error { return c.Write(t.Context(), Text, []byte("hello")) })
		synctest.Wait()
		begin := time.Now()
		require.Equal(t, &TimeoutError{Op: "close", After: 5 * time.Second}, c.Close(StatusNormalClosure, ""))
		require.Equal(t, 5*time.Second, time.Since(begin))
		require.ErrorIs(t, <-writing, net.ErrClosed)
	})
}

func TestTLSClosingHandshake(t *testing.T) {
	overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn) {
		closing := call(func() error { return c.Close(StatusNormalClosure, "bye") })
		p.WantClose("our Close frame", StatusNormalClosure)
		p.Send(wstest.Close(StatusNormalClosure, ""))
		if c.out.role == frame.Server {
			p.WantEOF("the server ends the stream first, as TLS wants it")
		}
		p.Close()
		require.NoError(t, <-closing)
	})
}

// Where the peer ends its half the way TLS wants it, so do we, with a
// close_notify alert (RFC 8446, section 6.1): before a Close frame and after.
func TestTLSEndsAreAnswered(t *testing.T) {
	cert := certificate(t)
	for name, tt := range map[string]struct {
		shake  func(c *Conn, p *wstest.Peer)
		writes int64
	}{
		"without a Close frame": {func(*Conn, *wstest.Peer) {}, 1},
		"with Close frames": {func(c *Conn, p *wstest.Peer) {
			startClose(c, StatusNormalClosure, "")
			p.WantClose("our Close frame", StatusNormalClosure)
			p.Send(wstest.Close(StatusNormalClosure, ""))
		}, 2},
	} {
		for _, role := range roles {
			t.Run(fmt.Sprintf("%s/%v", name, role), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					nc, other := wstest.Pipe()
					counted := &countedWrites{Conn: nc}
					ours, theirs := tlsPair(t, cert, role, counted, other)
					c := New(upgraded(ours, role), calm(nil))
					p := wstest.NewPeer(t, theirs, peerOf(role))
					defer end(c)
					startRead(t.Context(), c)
					before := counted.n.Load()
					tt.shake(c, p)
					p.CloseWrite()
					<-c.Done()
					require.Equal(t, tt.writes, counted.n.Load()-before, "the last is the alert")
				})
			})
		}
	}
}

// countedWrites counts the calls of Write.
type countedWrites struct {
	net.Conn
	n atomic.Int64
}

func (c *countedWrites) Write(p []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(p)
}

// A program that calls CloseNow as soon as its read tells that the peer has closed
// does not take the answer away from the peer. RFC 6455, section 5.5.1: "the endpoint
// MUST send a Close frame in response."
func TestTLSCloseIsAnsweredBeforeItIsTold(t *testing.T) {
	overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, _ *wstest.Conn) {
		p.Send(wstest.Close(1000, "bye"))
		require.Equal(t, &CloseError{Code: StatusNormalClosure, Reason: "bye"}, read(t.Context(), c).Err)
		require.NoError(t, c.CloseNow())
		p.Want("our answer", wstest.Close(1000, ""))
	})
}
