//go:build unix && !parley_noraw

package conn

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// sip is a socket that takes so many bytes of the first write that has more, and then
// says that it would block.
type sip struct {
	syscall.RawConn
	c     *Conn
	n     int
	taken func() // called when it has
}

func (s *sip) Write(try func(fd uintptr) bool) error {
	f := s.c.out.air
	p := slices.Concat(f.p, f.d)
	if s.taken == nil || len(p) <= s.n { // a held reply that went out by itself
		return s.RawConn.Write(try)
	}
	p = p[:s.n]
	err := s.RawConn.Write(func(fd uintptr) bool {
		n, err := sysWrite(fd, p)
		p = p[n:]
		return err != errWouldBlock // or else there will be room
	})
	f.advance(s.n)
	f.err = errWouldBlock
	s.taken()
	s.taken = nil
	return err
}

// A large message that goes the short way, from where it lies, is cut anywhere. It
// arrives as a whole all the same, also when it is given up after that, and when its
// memory is used for something else as soon as the call has returned.
func TestLargeMessagesAreCutInPlace(t *testing.T) {
	const last = "after"
	for name, send := range map[string]func(ctx context.Context, c *Conn, p []byte) error{
		"Write":     func(_ context.Context, c *Conn, p []byte) error { return c.Write(context.Background(), Binary, p) },
		"cancelled": func(ctx context.Context, c *Conn, p []byte) error { return c.Write(ctx, Binary, p) },
		"TryWrite":  func(_ context.Context, c *Conn, p []byte) error { return c.TryWrite(Binary, p) },
	} {
		for _, size := range []int{largeFrame, largeFrame + 1, 100_000, maxDirect} {
			wire := wstest.Binary(pattern(size)).Wire(nil, frame.Server, frame.Key{})
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				wstest.NoLeaks(t)
				for _, at := range []int{0, 1, 3, 4, 5, 9, 10, 11, 1000, len(wire) - 1} {
					nc, peer := tcpPair(t)
					c := New(upgraded(nc, frame.Server), calm(&Config{Backlog: 1 << 20}))
					ctx, cancel := context.WithCancel(t.Context())
					c.raw = &sip{RawConn: c.raw, c: c, n: at, taken: cancel}
					var got []byte
					reading := call(func() (err error) {
						peer.SetReadDeadline(time.Now().Add(10 * time.Second))
						got, err = io.ReadAll(peer)
						return err
					})
					p := pattern(size)
					err := send(ctx, c, p)
					clear(p)
					if name != "cancelled" || err == nil {
						require.NoError(t, err)
					} else {
						require.ErrorIs(t, err, context.Canceled)
					}
					require.NoError(t, c.Write(t.Context(), Text, []byte(last)))
					require.NoError(t, nc.(*net.TCPConn).CloseWrite())
					require.NoError(t, <-reading)
					end := wstest.Text(last).Wire(nil, frame.Server, frame.Key{})
					switch {
					case slices.Equal(slices.Concat(wire, end), got):
					case err != nil && at == 0 && slices.Equal(end, got):
						// none of it was sent, so none will be
					default:
						t.Fatalf("cut after %d bytes, %v: other bytes have arrived", at, err)
					}
					require.Zero(t, c.Stats().Backlog)
					c.CloseNow()
					peer.Close()
				}
			})
		}
	}
}

// A large reply goes behind the small one that is held for it, be it cut or not.
func TestLargeReplyBehindOneThatIsHeld(t *testing.T) {
	for _, at := range []int{0, 3, 9, 10, 100, largeFrame} {
		nc, peer := tcpPair(t)
		c := New(upgraded(nc, frame.Server), calm(nil))
		c.raw = &sip{RawConn: c.raw, c: c, n: at, taken: func() {}}
		say(t, peer, "small", "large")
		peer.(*net.TCPConn).CloseWrite()
		for m, err := range c.Messages(t.Context()) {
			switch {
			case err != nil:
			case string(m.Data) == "small":
				require.NoError(t, c.Write(t.Context(), Binary, pattern(5)))
			default:
				require.NoError(t, c.Write(t.Context(), Binary, pattern(largeFrame)))
			}
		}
		c.CloseNow()
		got, err := io.ReadAll(peer)
		require.NoError(t, err)
		want := wstest.Binary(pattern(5)).Wire(nil, frame.Server, frame.Key{})
		want = wstest.Binary(pattern(largeFrame)).Wire(want, frame.Server, frame.Key{})
		require.True(t, slices.Equal(want, got), "cut after %d bytes", at)
		peer.Close()
	}
}
