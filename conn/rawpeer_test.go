//go:build unix

package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// This file has peers that do real sockets no good.

// leavings are the ways in which a peer leaves.
var leavings = []struct {
	name string
	do   func(nc *net.TCPConn)
	all  bool // of what it has sent is sure to arrive
}{
	{"ends its half", func(nc *net.TCPConn) { nc.CloseWrite() }, true},
	{"closes", func(nc *net.TCPConn) { nc.Close() }, false},
	{"resets", func(nc *net.TCPConn) {
		nc.SetLinger(0)
		nc.Close()
	}, false},
}

// TestPeerLeavesAnywhere: the peer says its part of the session up to some byte,
// and leaves, while we write on and on.
func TestPeerLeavesAnywhere(t *testing.T) {
	for _, role := range roles {
		var wire []byte
		faultCase{role: role, read: ways[0]}.play(t, func(_ *testing.T, o *faultOutcome) { wire = o.tap.in })
		all := places(t, wire)
		if testing.Short() || raceEnabled {
			all = everyFifth(all)
		}
		for _, leaving := range leavings {
			t.Run(fmt.Sprintf("%v/%s", role, leaving.name), func(t *testing.T) {
				wstest.NoLeaks(t)
				for i, at := range all {
					nc, other := tcpPair(t)
					s := sideOf(New(upgraded(nc, role), calm(nil)), ways[i%len(ways)])
					writing := call(func() (err error) {
						for err == nil {
							err = s.Write(context.Background(), Binary, pattern(1000))
						}
						return err
					})
					_, err := other.Write(wire[:at])
					require.NoError(t, err)
					leaving.do(other.(*net.TCPConn))
					s.checkLeft(t, wire[:at], leaving.all, writing)
					other.Close()
				}
			})
		}
	}
}

// checkLeft holds what came of a connection whose peer has sent wire and left.
func (s *side) checkLeft(t *testing.T, wire []byte, all bool, writing <-chan error) {
	<-s.failed
	want, closed := complete(t, peerOf(s.out.role), wire)
	if all {
		require.Equal(t, len(want), len(s.got))
	}
	require.LessOrEqual(t, len(s.got), len(want))
	require.Equal(t, append([]received{}, want[:len(s.got)]...), append([]received{}, s.got...))
	if closed && all {
		require.Equal(t, &CloseError{Code: StatusNormalClosure, Reason: "done"}, s.Err())
		require.Error(t, <-writing)
	} else if CloseStatus(s.Err()) != StatusNormalClosure {
		requireAbnormal(t, s.Err())
		requireAbnormal(t, <-writing)
	}
	err := s.Err()
	require.Equal(t, err, s.Write(context.Background(), Text, nil))
	require.Equal(t, err, read(context.Background(), s.Conn).Err)
	s.CloseNow()
	<-s.Done()
}

// TestPeerLeavesInOurMessage: a peer reads some bytes of a message that is larger
// than all buffers, and leaves. No method says that it was sent.
func TestPeerLeavesInOurMessage(t *testing.T) {
	const size = 8 << 20
	for name, write := range map[string]func(c *Conn, p []byte) error{
		"Write": func(c *Conn, p []byte) error { return c.Write(context.Background(), Binary, p) },
		"WriteBatch": func(c *Conn, p []byte) error {
			return c.WriteBatch(context.Background(), Message{Text, []byte("first")}, Message{Binary, p})
		},
		"WritePrepared": func(c *Conn, p []byte) error {
			m, err := NewPrepared(Binary, p)
			if err != nil {
				return err
			}
			return c.WritePrepared(context.Background(), m)
		},
		"Writer": func(c *Conn, p []byte) error {
			w, err := c.Writer(context.Background(), Binary)
			if err != nil {
				return err
			}
			if _, err = w.Write(p); err != nil {
				return err
			}
			return w.Close()
		},
	} {
		for _, role := range roles {
			for _, leaving := range leavings[1:] {
				t.Run(fmt.Sprintf("%s/%v/%s", name, role, leaving.name), func(t *testing.T) {
					wstest.NoLeaks(t)
					for _, n := range []int64{0, 1, 5, 100_000} {
						nc, other := tcpPair(t)
						c := New(upgraded(nc, role), calm(nil))
						writing := call(func() error { return write(c, make([]byte, size)) })
						_, err := io.CopyN(io.Discard, other, n)
						require.NoError(t, err)
						leaving.do(other.(*net.TCPConn))
						err = <-writing
						requireAbnormal(t, err)
						require.True(t, isGone(err), "%v", err)
						require.Equal(t, err, c.Write(context.Background(), Text, nil))
						requireAbnormal(t, read(context.Background(), c).Err)
						end(c)
					}
				})
			}
		}
	}
}

// isGone: the kernel has said that there is nobody to write to.
func isGone(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// A reset comes together with the last message, and a writer hears of it before a loop
// has looked: the kernel tells of it but once. The loop ends all the same, be it one that
// waits already or one that begins after that.
func TestResetThatAWriterHears(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that the loop does not look first
	for name, late := range map[string]bool{"the loop waits": false, "the loop begins": true} {
		t.Run(name, func(t *testing.T) {
			wstest.NoLeaks(t)
			for range 20 {
				nc, other := tcpPair(t)
				peer := other.(*net.TCPConn)
				c := New(upgraded(nc, frame.Server), calm(nil))
				first, reset := make(chan bool, 2), make(chan bool)
				loops := call(func() error {
					for _, err := range c.Messages(context.Background()) {
						if err != nil {
							return err
						}
						first <- true
						if late {
							<-reset
							break
						}
					}
					for _, err := range c.Messages(context.Background()) {
						if err != nil {
							return err
						}
					}
					return nil
				})
				say(t, peer, "first")
				<-first
				time.Sleep(2 * time.Millisecond) // until it waits
				say(t, peer, "last")
				require.NoError(t, peer.SetLinger(0))
				require.NoError(t, peer.Close())
				for c.Write(t.Context(), Text, []byte("heard")) == nil {
				}
				close(reset)
				select {
				case err := <-loops:
					require.Error(t, err)
				case <-time.After(5 * time.Second):
					c.CloseNow()
					t.Fatal("the loop waits for what has been said already")
				}
			}
		})
	}
}
