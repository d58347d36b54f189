//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package conn

import (
	"bytes"
	"context"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// noMoreFiles has nobody open any, or duplicate one, until the test is over or what it
// returns is called.
func noMoreFiles(t *testing.T) (enough func()) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	next, err := syscall.Dup(1) // the lowest that is free
	require.NoError(t, err)
	syscall.Close(next)
	low := limit
	low.Cur -= low.Cur
	for range next { // Cur has another type on each system
		low.Cur++
	}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low))
	enough = func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) }
	t.Cleanup(enough)
	_, err = syscall.Dup(1)
	require.Equal(t, syscall.EMFILE, err)
	return enough
}

// A Write waits for a peer that is slow when there is no descriptor left, be it in a
// handler or elsewhere, and returns when the kernel has all of it.
func TestServerWaitsWithoutDescriptors(t *testing.T) {
	const size = 8 << 20
	for _, where := range []string{"handler", "elsewhere"} {
		t.Run(where, func(t *testing.T) {
			inAllManners(t, func(t *testing.T, s *Server) {
				result := make(chan error, 1)
				s.Handler = &events{message: func(c *Conn, _ Message) {
					write := func() { result <- c.Write(context.Background(), Binary, pattern(size)) }
					if where == "handler" {
						write()
					} else {
						go write()
					}
				}}
				peer := enters(t, s, frame.Server)
				defer peer.Close()
				peer.SetReadBuffer(32 << 10) // or the kernel might learn to take it all
				enough := noMoreFiles(t)
				for range 2 {
					say(t, peer, "go")
					time.Sleep(20 * time.Millisecond)
					require.Empty(t, result, "nobody reads")
					wire := make([]byte, 10+size)
					_, err := io.ReadFull(peer, wire)
					require.NoError(t, err)
					require.True(t, bytes.Equal(pattern(size), wire[10:]))
					require.NoError(t, <-result)
				}
				enough()
			})
		})
	}
}

// The same Write ends with its ctx, with WriteTimeout and with the connection.
func TestServerWaitEndsWithoutDescriptors(t *testing.T) {
	for name, tt := range map[string]struct {
		timeout time.Duration
		end     func(c *Conn, cancel func())
		want    error
	}{
		"ctx":          {-1, func(_ *Conn, cancel func()) { cancel() }, context.Canceled},
		"WriteTimeout": {100 * time.Millisecond, func(*Conn, func()) {}, os.ErrDeadlineExceeded},
		"CloseNow":     {-1, func(c *Conn, _ func()) { c.CloseNow() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inAllManners(t, func(t *testing.T, s *Server) {
				conns := make(chan *Conn, 1)
				s.Handler = &events{open: func(c *Conn) { conns <- c }}
				s.Options = &AcceptOptions{Config: Config{WriteTimeout: tt.timeout}}
				peer := enters(t, s, frame.Server)
				defer peer.Close()
				peer.SetReadBuffer(32 << 10)
				c := <-conns
				enough := noMoreFiles(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				writing := call(func() error { return c.Write(ctx, Binary, make([]byte, 8<<20)) })
				if tt.timeout < 0 {
					time.Sleep(20 * time.Millisecond)
					require.Empty(t, writing)
				}
				tt.end(c, cancel)
				err := <-writing
				if name == "CloseNow" {
					require.Equal(t, c.Err(), err)
				} else {
					require.ErrorIs(t, err, tt.want)
				}
				enough()
			})
		})
	}
}

// A connection that no loop can have, because that takes a descriptor, has a goroutine.
func TestServerAttachesWithoutDescriptors(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler = &events{message: echoes}
		require.NoError(t, s.start())
		nc, peer := tcpPair(t)
		defer peer.Close()
		enough := noMoreFiles(t)
		require.True(t, s.admitNow())
		s.attach(upgraded(nc, frame.Server))
		c := New(upgraded(peer, frame.Client), calm(nil))
		require.NoError(t, c.Write(t.Context(), Text, []byte("hello")))
		require.Equal(t, received{Text, "hello", nil}, read(t.Context(), c))
		require.NoError(t, c.Close(StatusNormalClosure, ""))
		enough()
	})
}
