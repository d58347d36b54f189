package conn

import (
	"context"
	"io"
	"log"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

// With a negative CloseTimeout nobody waits for a peer that does not end the stream.
func TestServerNoCloseTimeout(t *testing.T) {
	for name, wire := range map[string][]byte{
		"the peer closes":        {0x88, 0x82, 0, 0, 0, 0, 3, 0xe8},
		"the peer breaks a rule": {0xff, 0x82, 0, 0, 0, 0, 3, 0xe8},
	} {
		t.Run(name, func(t *testing.T) {
			inAllManners(t, func(t *testing.T, s *Server) {
				s.Options = &AcceptOptions{Config: Config{CloseTimeout: -1}}
				closed := make(chan error, 1)
				s.Handler = &events{close: func(_ *Conn, err error) { closed <- err }}
				peer := enters(t, s, frame.Server)
				defer peer.Close()
				_, err := peer.Write(wire)
				require.NoError(t, err)
				require.Error(t, <-closed)
			})
		})
	}
}

// KeepAlive does not take our own idleness for the peer's.
func TestServerKeepAliveOfThePaused(t *testing.T) {
	keep := KeepAlive{Interval: 200 * time.Millisecond, Timeout: 200 * time.Millisecond}
	for _, workers := range []int{0, 1} {
		closed := make(chan error, 1)
		s := &Server{
			Loops: 1, Workers: workers, Options: &AcceptOptions{Config: Config{KeepAlive: keep}},
			Handler: &events{
				message: func(*Conn, Message) { time.Sleep(20 * time.Millisecond) },
				close:   func(_ *Conn, err error) { closed <- err },
			},
		}
		c := dialCalm(t, listenAndServe(t, s))
		c.CloseRead(t.Context())
		for range 100 {
			require.NoError(t, c.Write(t.Context(), Text, []byte("x")))
		}
		select {
		case err := <-closed:
			t.Fatalf("with %d workers: %v", workers, err)
		case <-time.After(2500 * time.Millisecond):
		}
		c.CloseNow()
		shutDown(t, s)
	}
}

// Shutdown waits for no handshake longer than its ctx.
func TestServerShutdownDuringAHandshake(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		s.Handler = &events{}
		url := listenAndServe(t, s)
		nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
		require.NoError(t, err)
		defer nc.Close()
		require.Eventually(t, func() bool { return s.Len() == 1 }, 5*time.Second, time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begin := time.Now()
		require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
		require.Less(t, time.Since(begin), 5*time.Second)
	})
}

// A handler that ends its goroutine in Close is counted all the same; and after a loop
// has ended there are goroutines.
func TestServerGoexitInClose(t *testing.T) {
	for _, workers := range []int{0, 1} {
		s := &Server{Loops: 1, Workers: workers, ErrorLog: log.New(io.Discard, "", 0), Handler: &events{
			message: echoes,
			close:   func(*Conn, error) { runtime.Goexit() },
		}}
		enters(t, s, frame.Server).Close()
		require.Eventually(t, func() bool { return s.Len() == 0 }, 5*time.Second, time.Millisecond)
		c := New(upgraded(enters(t, s, frame.Server), frame.Client), calm(nil))
		require.NoError(t, c.Write(t.Context(), Text, []byte("still there")))
		require.Equal(t, received{Text, "still there", nil}, read(t.Context(), c))
		end(c)
		require.Eventually(t, func() bool { return s.Len() == 0 }, 5*time.Second, time.Millisecond)
		shutDown(t, s)
	}
}

// A function of the options that panics ends no more than the handshake.
func TestServerPanicInTheHandshake(t *testing.T) {
	s := &Server{Handler: &events{}, ErrorLog: log.New(io.Discard, "", 0), Options: &AcceptOptions{
		Check: func(*handshake.Request) error { panic("oh") },
	}}
	_, err := Dial(t.Context(), listenAndServe(t, s), nil)
	require.Error(t, err)
	require.Eventually(t, func() bool { return s.Len() == 0 }, 5*time.Second, time.Millisecond)
	shutDown(t, s)
}

// An Observer that closes connections as they open.
func TestServerObserverClosesAtOpen(t *testing.T) {
	inAllManners(t, func(t *testing.T, s *Server) {
		var opened, closed atomic.Int32
		s.Options = &AcceptOptions{Config: Config{Observer: &Observer{Open: func(c *Conn) { c.CloseNow() }}}}
		s.Handler = &events{open: func(*Conn) { opened.Add(1) }, close: func(*Conn, error) { closed.Add(1) }}
		for range 10 {
			enters(t, s, frame.Server).Close()
		}
		require.Eventually(t, func() bool { return s.Len() == 0 }, 5*time.Second, time.Millisecond)
		require.Equal(t, opened.Load(), closed.Load())
	})
}

// A connection that floods is in line but once.
func TestServerFloodIsInLineOnce(t *testing.T) {
	var most atomic.Int64
	s := &Server{Loops: 1, Handler: &events{message: func(c *Conn, m Message) {
		most.Store(max(most.Load(), int64(len(c.socket().loop.again))))
		for begin := time.Now(); time.Since(begin) < 20*time.Microsecond; {
		}
	}}}
	nc, other := tcpPair(t)
	nc.(*net.TCPConn).SetReadBuffer(4 << 20)
	other.(*net.TCPConn).SetWriteBuffer(4 << 20)
	require.NoError(t, s.start())
	require.True(t, s.admitNow())
	s.attach(upgraded(nc, frame.Server))
	c := New(upgraded(other, frame.Client), calm(nil))
	defer end(c)
	for begin := time.Now(); time.Since(begin) < 2*time.Second; {
		require.NoError(t, c.Write(t.Context(), Binary, pattern(15_000)))
	}
	require.LessOrEqual(t, most.Load(), int64(1))
	shutDown(t, s)
}
