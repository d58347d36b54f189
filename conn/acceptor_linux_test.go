//go:build !parley_noraw

package conn

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// inLine connects n times to a listener from which nobody accepts yet.
func inLine(t *testing.T, l net.Listener, n int) (peers []net.Conn) {
	for range n {
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { nc.Close() })
		peers = append(peers, nc)
	}
	return peers
}

func listenTCP(t *testing.T, cfg net.ListenConfig) net.Listener {
	l, err := cfg.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// loopServer returns a Server whose loops run.
func loopServer(t *testing.T) *Server {
	wstest.NoLeaks(t)
	s := &Server{Handler: &events{message: echoes}, ErrorLog: log.New(io.Discard, "", 0)}
	require.NoError(t, s.start())
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return s
}

func optionsOf(t *testing.T, nc net.Conn) (o socketOptions) {
	raw, err := nc.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { err = o.get(int(fd)) }))
	require.NoError(t, err)
	return o
}

// Of those that are in line, the first is a connection of package net and the others are
// not. All have the options that the listener was made with, those that came before it
// was known to us too.
func TestAcceptorHandsDownOptions(t *testing.T) {
	for name, cfg := range map[string]net.ListenConfig{
		"as usual":      {},
		"no keep-alive": {KeepAlive: -1},
		"others": {KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 99 * time.Second, Interval: 7 * time.Second, Count: 3,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenTCP(t, cfg)
			a := loopServer(t).acceptor(l).(*acceptor)
			accept := func() net.Conn {
				nc, err := a.Accept()
				require.NoError(t, err)
				t.Cleanup(func() { nc.Close() })
				return nc
			}
			peers := inLine(t, l, 3)
			first := accept()
			require.IsType(t, (*net.TCPConn)(nil), first)
			want := optionsOf(t, first)
			require.NotEqual(t, socketOptions{}, want)
			for i, peer := range append(peers[1:], inLine(t, l, 2)...) {
				nc := accept()
				require.IsType(t, (*newcomer)(nil), nc)
				require.Equal(t, want, optionsOf(t, nc))
				require.Equal(t, i >= 2, a.inherited, "from then on there is nothing to set")
				require.Equal(t, peer.LocalAddr().String(), nc.RemoteAddr().String())
				require.Equal(t, peer.RemoteAddr().String(), nc.LocalAddr().String())
				raw, _ := nc.(syscall.Conn).SyscallConn()
				require.NoError(t, raw.Control(func(fd uintptr) {
					flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0)
					require.Zero(t, errno)
					require.EqualValues(t, syscall.FD_CLOEXEC, flags)
				}))
			}
		})
	}
}

// IPv6, and IPv4 on a listener for both.
func TestAcceptorAddresses(t *testing.T) {
	for _, to := range []string{"::1", "127.0.0.1"} {
		l, err := net.Listen("tcp", ":0")
		require.NoError(t, err)
		defer l.Close()
		a := loopServer(t).acceptor(l)
		for i := range 2 {
			_, port, err := net.SplitHostPort(l.Addr().String())
			require.NoError(t, err)
			peer, err := net.Dial("tcp", net.JoinHostPort(to, port))
			if err != nil && to == "::1" {
				t.Skip("there is no IPv6 here")
			}
			require.NoError(t, err)
			defer peer.Close()
			nc, err := a.Accept()
			require.NoError(t, err)
			defer nc.Close()
			_, direct := nc.(*newcomer)
			require.Equal(t, i == 1, direct)
			require.Equal(t, peer.LocalAddr().String(), nc.RemoteAddr().String())
			require.Equal(t, peer.RemoteAddr().String(), nc.LocalAddr().String())
		}
	}
}

// A listener of another kind, and one of a server without loops, is left alone.
func TestAcceptorOfOtherListeners(t *testing.T) {
	l := listenTCP(t, net.ListenConfig{})
	require.Equal(t, l, new(Server).acceptor(l))
	other := struct{ net.Listener }{l}
	require.Equal(t, net.Listener(other), loopServer(t).acceptor(other))
}

// When the loops have ended, connections are those of package net, which a goroutine
// can read.
func TestAcceptorWithoutLoops(t *testing.T) {
	l, s := listenTCP(t, net.ListenConfig{}), loopServer(t)
	a := s.acceptor(l)
	inLine(t, l, 2)
	_, err := a.Accept()
	require.NoError(t, err)
	s.stopLoops()
	s.running.Wait()
	nc, err := a.Accept()
	require.NoError(t, err)
	require.IsType(t, (*net.TCPConn)(nil), nc)
}

// A newcomer whose handshake is done when the last loop has ended is closed, for nobody
// could read it.
func TestNewcomerWithoutLoops(t *testing.T) {
	l, s := listenTCP(t, net.ListenConfig{}), loopServer(t)
	a := s.acceptor(l)
	peers := inLine(t, l, 2)
	first, err := a.Accept()
	require.NoError(t, err)
	first.Close()
	nc, err := a.Accept()
	require.NoError(t, err)
	require.IsType(t, (*newcomer)(nil), nc)
	s.stopLoops()
	s.running.Wait()
	require.True(t, s.admitNow())
	s.attach(upgraded(nc, frame.Server))
	require.Zero(t, s.Len())
	peers[1].SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err = peers[1].Read(make([]byte, 1))
	require.Error(t, err)
	require.False(t, isTimeout(err), "it was closed")
}

// An error of accepting is told by the listener.
func TestAcceptorErrors(t *testing.T) {
	l := listenTCP(t, net.ListenConfig{})
	a := loopServer(t).acceptor(l)
	inLine(t, l, 3)
	_, err := a.Accept()
	require.NoError(t, err)
	enough := noMoreFiles(t)
	_, err = a.Accept()
	require.ErrorIs(t, err, syscall.EMFILE)
	enough()
	nc, err := a.Accept()
	require.NoError(t, err)
	require.IsType(t, (*newcomer)(nil), nc, "it was not lost")
	nc.Close()
	l.Close()
	_, err = a.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

// newcomers has a Server accept connections that have come together, and returns those
// which are no connections of package net.
func newcomers(t *testing.T, s *Server, n int) []net.Conn {
	l := listenTCP(t, net.ListenConfig{})
	peers := inLine(t, l, 1+n)
	peers[0].Close()
	require.NoError(t, s.start())
	serving := call(func() error { return s.Serve(l) })
	t.Cleanup(func() {
		shutDown(t, s)
		require.ErrorIs(t, <-serving, ErrServerClosed)
	})
	return peers[1:]
}

const request = "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// sayHello is a masked frame.
const sayHello = "\x81\x85\x00\x00\x00\x00hello"

// The opening handshake of a newcomer is that of any other connection, however its
// request comes, and whatever comes behind it.
func TestNewcomers(t *testing.T) {
	const pause = 3 * time.Millisecond
	half := len(request) / 2
	for name, pieces := range map[string][]string{
		"at once":                     {request, sayHello},
		"with a message behind it":    {request + sayHello},
		"in two pieces":               {request[:half], request[half:], sayHello},
		"with a part of a message":    {request + sayHello[:4], sayHello[4:]},
		"byte by byte":                strings.Split(request+sayHello, ""),
		"after a while of being idle": {"", "", "", "", request, sayHello},
	} {
		t.Run(name, func(t *testing.T) {
			wstest.NoLeaks(t)
			s := &Server{Handler: &events{message: echoes}}
			peers := newcomers(t, s, 10)
			for _, piece := range pieces {
				for _, peer := range peers {
					_, err := io.WriteString(peer, piece)
					require.NoError(t, err)
				}
				time.Sleep(pause)
			}
			for _, peer := range peers {
				peer.SetDeadline(time.Now().Add(10 * time.Second))
				answer := readHead(t, peer)
				require.True(t, strings.HasPrefix(answer, "HTTP/1.1 101 "), answer)
				frame := make([]byte, 7)
				_, err := io.ReadFull(peer, frame)
				require.NoError(t, err)
				require.Equal(t, "\x81\x05hello", string(frame))
			}
			require.Eventually(t, func() bool { return s.Len() == len(peers) }, 5*time.Second, time.Millisecond,
				"the first of all, which has left, may be counted a moment longer")
			s.waiting.mu.Lock()
			defer s.waiting.mu.Unlock()
			require.Empty(t, s.waiting.all, "nobody waits any more")
			require.Empty(t, s.waiting.tokens)
		})
	}
}

// readHead reads an answer up to its blank line.
func readHead(t *testing.T, nc net.Conn) string {
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b[0]) {
		_, err := io.ReadFull(nc, b)
		require.NoError(t, err, "after %q", head)
	}
	return string(head)
}

// Newcomers that are refused, give up or never come to an end leave nothing behind.
func TestNewcomersThatFail(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(peer *net.TCPConn)
		want string // what the answer begins with
	}{
		"silent":               {func(*net.TCPConn) {}, ""},
		"in the middle":        {func(p *net.TCPConn) { io.WriteString(p, request[:20]) }, "HTTP/1.1 408 "},
		"no HTTP":              {func(p *net.TCPConn) { io.WriteString(p, "\x16\x03\x01") }, "HTTP/1.1 400 "},
		"no upgrade":           {func(p *net.TCPConn) { io.WriteString(p, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }, "HTTP/1.1 426 "},
		"gone":                 {func(p *net.TCPConn) { p.Close() }, ""},
		"gone in the middle":   {func(p *net.TCPConn) { io.WriteString(p, request[:20]); p.Close() }, ""},
		"gone with a reset":    {func(p *net.TCPConn) { p.SetLinger(0); p.Close() }, ""},
		"half closed":          {func(p *net.TCPConn) { p.CloseWrite() }, ""},
		"half closed midway":   {func(p *net.TCPConn) { io.WriteString(p, request[:20]); p.CloseWrite() }, ""},
		"half closed, refused": {func(p *net.TCPConn) { io.WriteString(p, "no HTTP\r\n"); p.CloseWrite() }, "HTTP/1.1 400 "},
	} {
		t.Run(name, func(t *testing.T) {
			wstest.NoLeaks(t)
			s := &Server{Handler: &events{}, Options: &AcceptOptions{Timeout: time.Second}}
			peers := newcomers(t, s, 6)
			for _, peer := range peers[:5] {
				tt.do(peer.(*net.TCPConn))
			}
			_, err := io.WriteString(peers[5], request)
			require.NoError(t, err)
			require.Contains(t, readHead(t, peers[5]), " 101 ", "and when it is served, so are those before it")
			peers[5].Close()
			for _, peer := range peers[:5] {
				peer.SetReadDeadline(time.Now().Add(10 * time.Second))
				answer, err := io.ReadAll(peer)
				require.False(t, isTimeout(err))
				require.True(t, strings.HasPrefix(string(answer), tt.want), "%q", answer)
			}
			require.Eventually(t, func() bool { return s.Len() == 0 }, 5*time.Second, time.Millisecond)
			s.waiting.mu.Lock()
			defer s.waiting.mu.Unlock()
			require.Empty(t, s.waiting.all, "nobody waits any more")
			require.Empty(t, s.waiting.tokens)
		})
	}
}

// Newcomers make room for each other, and Shutdown waits for none longer than its ctx.
func TestNewcomersAreEnded(t *testing.T) {
	wstest.NoLeaks(t)
	s := &Server{Handler: &events{message: echoes}, MaxHandshakes: 2, Options: &AcceptOptions{Timeout: time.Hour}}
	s.grace = time.Millisecond
	peers := newcomers(t, s, 10)
	for _, peer := range peers[:8] {
		peer.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err := peer.Read(make([]byte, 1))
		require.Error(t, err)
		require.False(t, isTimeout(err), "it was ended")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
}

// A newcomer that takes nothing is given up after the time of the handshake.
func TestNewcomerThatTakesNothing(t *testing.T) {
	s := loopServer(t)
	l := listenTCP(t, net.ListenConfig{})
	a := s.acceptor(l)
	peers := inLine(t, l, 2)
	first, err := a.Accept()
	require.NoError(t, err)
	defer first.Close()
	nc, err := a.Accept()
	require.NoError(t, err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := nc.Write(pattern(64 << 20))
	require.True(t, isTimeout(err), "%v", err)
	require.Less(t, n, 64<<20)
	got := call(func() error { _, err := io.CopyN(io.Discard, peers[1], int64(n)); return err })
	require.NoError(t, <-got, "so much was sent")

	nc.SetDeadline(time.Now().Add(10 * time.Second))
	const size = 16 << 20
	whole := call(func() error { _, err := io.CopyN(io.Discard, peers[1], size); return err })
	n, err = nc.Write(pattern(size))
	require.NoError(t, err)
	require.Equal(t, size, n)
	require.NoError(t, <-whole)
	nc.SetDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = nc.Read(make([]byte, 1))
	require.True(t, isTimeout(err), "%v", err)
	nc.SetDeadline(time.Time{})
	nc.Close()
	_, err = nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = nc.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
}
