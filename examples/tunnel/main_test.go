package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// program is a running server or client.
type program struct {
	t     *testing.T
	addr  string
	lines chan string
	stop  context.CancelFunc
	done  chan error
}

func start(t *testing.T, args ...string) *program {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &program{t: t, lines: make(chan string, 10_000), stop: stop, done: make(chan error, 1)}
	go func() {
		p.done <- run(ctx, args, nil, nil, w)
		w.Close()
	}()
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		stop()
		for range p.lines {
		}
	})
	_, p.addr, _ = strings.Cut(p.logs("listening on "), "listening on ")
	return p
}

// logs waits for a line with that text.
func (p *program) logs(text string) string {
	p.t.Helper()
	for late := time.After(20 * time.Second); ; {
		select {
		case line, ok := <-p.lines:
			require.True(p.t, ok, "the program ends and does not log %q", text)
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			require.Fail(p.t, "the program does not log "+text)
		}
	}
}

// target is a TCP server that calls serve for each connection.
func target(t *testing.T, serve func(*net.TCPConn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(20 * time.Second))
				serve(nc.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

func echo(nc *net.TCPConn) { io.Copy(nc, struct{ io.Reader }{nc}) }

// tunnelTo starts a server that leads to a target, and a client of it.
func tunnelTo(t *testing.T, to string, args ...string) (server, client *program) {
	server = start(t, append([]string{"-listen", "127.0.0.1:0", "-to", to}, args...)...)
	client = start(t, append([]string{"ws://" + server.addr + "/", "-local", "127.0.0.1:0"}, args...)...)
	return server, client
}

func dial(t *testing.T, addr string) *net.TCPConn {
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return nc.(*net.TCPConn)
}

func wantEcho(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(nc, text)
	require.NoError(t, err)
	got := make([]byte, len(text))
	_, err = io.ReadFull(nc, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

// requireReset: the connection has ended, and not as if all was well.
func requireReset(t *testing.T, nc net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, nc)
	require.Error(t, err, "an end of the stream would be nil")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	if netErr, ok := err.(net.Error); ok {
		require.False(t, netErr.Timeout(), "it has ended in time: %v", err)
	}
}

func TestCarriesBytes(t *testing.T) {
	server, client := tunnelTo(t, target(t, echo))
	nc := dial(t, client.addr)
	wantEcho(t, nc, "hello")
	wantEcho(t, nc, strings.Repeat("more ", 10_000))
	require.NoError(t, nc.CloseWrite())
	rest, err := io.ReadAll(nc)
	require.NoError(t, err, "the echo server ends when its client does")
	require.Empty(t, rest)
	require.Contains(t, server.logs(" in, "), "50005 bytes in, 50005 out, ended well")
}

// The protocol is that of many: the client sends until it is done and says so by
// closing its half, and only then does the server answer.
func TestHalfClose(t *testing.T) {
	server, client := tunnelTo(t, target(t, func(nc *net.TCPConn) {
		sum := crc32.NewIEEE()
		n, err := io.Copy(sum, nc)
		fmt.Fprintf(nc, "%d %08x %v", n, sum.Sum32(), err)
	}))
	for _, size := range []int{0, 1, 1 << 20} {
		nc := dial(t, client.addr)
		data := bytes.Repeat([]byte("x"), size)
		_, err := nc.Write(data)
		require.NoError(t, err)
		require.NoError(t, nc.CloseWrite())
		answer, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%d %08x <nil>", size, crc32.ChecksumIEEE(data)), string(answer))
		server.logs("ended well")
	}
}

// The other half closes first: the target has said all, and goes on listening.
func TestHalfCloseOfTheTarget(t *testing.T) {
	heard := make(chan string, 1)
	_, client := tunnelTo(t, target(t, func(nc *net.TCPConn) {
		io.WriteString(nc, "220 ready")
		nc.CloseWrite()
		all, _ := io.ReadAll(nc)
		heard <- string(all)
	}))
	nc := dial(t, client.addr)
	greeting, err := io.ReadAll(nc)
	require.NoError(t, err)
	require.Equal(t, "220 ready", string(greeting))
	_, err = io.WriteString(nc, "and yet it moves")
	require.NoError(t, err)
	require.NoError(t, nc.CloseWrite())
	require.Equal(t, "and yet it moves", <-heard)
}

// A side that has nothing more to get still answers Pings, and sees its peer go.
func TestHalfClosedTunnelIsAlive(t *testing.T) {
	quit := make(chan bool)
	server := start(t, "-listen", "127.0.0.1:0", "-to", target(t, func(*net.TCPConn) { <-quit }))
	c, err := conn.Dial(t.Context(), "ws://"+server.addr, &conn.DialOptions{Subprotocols: []string{halfClose}})
	require.NoError(t, err)
	require.NoError(t, c.Write(t.Context(), conn.Binary, nil))
	c.CloseRead(t.Context())
	for range 2 { // the first may be there before the end is passed on
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err = c.Ping(ctx)
		cancel()
		require.NoError(t, err)
	}
	c.CloseNow()
	server.logs("1006")
	close(quit)
}

const large = 24 << 20

// noise is a stream that is never the same for two seeds.
func noise(seed byte) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), large)
}

func requireNoise(t *testing.T, seed byte, r io.Reader) {
	t.Helper()
	want, got := crc32.NewIEEE(), crc32.NewIEEE()
	io.Copy(want, noise(seed))
	n, err := io.Copy(got, r)
	require.NoError(t, err)
	require.EqualValues(t, large, n)
	require.Equal(t, want.Sum32(), got.Sum32())
}

func TestLargeTransfersBothWaysAtOnce(t *testing.T) {
	send := func(nc *net.TCPConn, seed byte) (sent chan error) {
		sent = make(chan error, 1)
		go func() {
			_, err := io.Copy(nc, noise(seed))
			nc.CloseWrite()
			sent <- err
		}()
		return sent
	}
	arrived := make(chan bool)
	_, client := tunnelTo(t, target(t, func(nc *net.TCPConn) {
		defer close(arrived)
		sent := send(nc, 2)
		requireNoise(t, 1, nc)
		require.NoError(t, <-sent)
	}))
	nc := dial(t, client.addr)
	sent := send(nc, 1)
	requireNoise(t, 2, nc)
	require.NoError(t, <-sent)
	<-arrived
}

// A target that does not read makes the other end wait, and nothing is lost.
func TestBackPressure(t *testing.T) {
	read := make(chan bool)
	got := make(chan int64, 1)
	_, client := tunnelTo(t, target(t, func(nc *net.TCPConn) {
		<-read
		n, _ := io.Copy(io.Discard, nc)
		got <- n
	}))
	nc := dial(t, client.addr)
	require.NoError(t, nc.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
	n, err := io.Copy(nc, io.LimitReader(rand.NewChaCha8([32]byte{}), 1<<30))
	require.ErrorContains(t, err, "timeout", "a GiB does not fit into buffers, and is not collected")
	close(read)
	require.NoError(t, nc.CloseWrite())
	require.Equal(t, n, <-got)
}

// The same for ten minutes, which is longer than any time limit of a connection.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := conn.Pipe(&config, &config)
		tcp, target := wstest.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- relay(t.Context(), c, tcp, time.Hour) }()
		go func() {
			stream := conn.NetConn(peer, conn.Binary)
			io.Copy(stream, io.LimitReader(rand.NewChaCha8([32]byte{}), 1<<20))
			stream.Close()
		}()
		time.Sleep(10 * time.Minute)
		n, err := io.Copy(io.Discard, target)
		require.NoError(t, err)
		require.EqualValues(t, 1<<20, n)
		require.NoError(t, <-ended)
	})
}

func TestIdleTunnelEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := conn.Pipe(&config, &config)
		tcp, target := wstest.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- relay(t.Context(), c, tcp, time.Hour) }()
		stream := conn.NetConn(peer, conn.Binary)
		for range 3 { // each message gives it another hour
			time.Sleep(59 * time.Minute)
			stream.Write([]byte("x"))
			synctest.Wait()
		}
		go io.Copy(io.Discard, target)
		last := time.Now()
		_, err := stream.Read(make([]byte, 1))
		require.Equal(t, conn.StatusPolicyViolation, conn.CloseStatus(err))
		require.Equal(t, time.Hour, time.Since(last))
		require.ErrorIs(t, <-ended, errIdle)
		target.Close()
	})
}

func TestTargetRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	server, client := tunnelTo(t, l.Addr().String())
	if nc, err := net.Dial("tcp", client.addr); err == nil { // it may be reset already
		defer nc.Close()
		requireReset(t, nc)
	}
	client.logs("502")
	server.logs("refused")
}

func TestWhoMayPass(t *testing.T) {
	other := target(t, echo)
	server := start(t, "-listen", "127.0.0.1:0", "-to", target(t, echo)+","+other, "-origin", "friend.example", "-max", "1")
	url := "ws://" + server.addr + "/"
	var handshakeErr *handshake.Error
	_, err := conn.Dial(t.Context(), url+"127.0.0.1:1", nil)
	require.ErrorAs(t, err, &handshakeErr)
	require.Equal(t, http.StatusForbidden, handshakeErr.Status, "a target that is not on the list")
	_, err = conn.Dial(t.Context(), url, &conn.DialOptions{Header: http.Header{"Origin": {"https://foe.example"}}})
	require.ErrorAs(t, err, &handshakeErr)
	require.Equal(t, http.StatusForbidden, handshakeErr.Status, "a page of another site")

	c, err := conn.Dial(t.Context(), url+other, &conn.DialOptions{Header: http.Header{"Origin": {"https://friend.example"}}})
	require.NoError(t, err, "the second target, for a page that may")
	defer c.CloseNow()
	wantEcho(t, conn.NetConn(c, conn.Binary), "hello")
	_, err = conn.Dial(t.Context(), url, nil)
	require.ErrorAs(t, err, &handshakeErr)
	require.Equal(t, http.StatusServiceUnavailable, handshakeErr.Status, "one tunnel at a time")
}

// A client that does not know the subprotocol: a plain stream, both directions of which
// end together.
func TestPlainStream(t *testing.T) {
	ended := make(chan error, 1)
	server := start(t, "-listen", "127.0.0.1:0", "-to", target(t, func(nc *net.TCPConn) {
		_, err := io.Copy(nc, io.LimitReader(nc, 5))
		if err == nil {
			_, err = io.Copy(io.Discard, nc)
		}
		ended <- err
	}))
	c, err := conn.Dial(t.Context(), "ws://"+server.addr, nil)
	require.NoError(t, err)
	stream := conn.NetConn(c, conn.Text)
	_, err = stream.Write(nil)
	require.NoError(t, err, "an empty message means nothing here")
	wantEcho(t, stream, "hello")
	require.NoError(t, c.Close(conn.StatusNormalClosure, ""))
	require.NoError(t, <-ended, "the target sees an orderly end")
}

func TestEitherSideVanishes(t *testing.T) {
	vanish := func(nc *net.TCPConn) {
		nc.SetLinger(0) // a reset
		nc.Close()
	}
	t.Run("the client's client", func(t *testing.T) {
		saw := make(chan error, 1)
		server, client := tunnelTo(t, target(t, func(nc *net.TCPConn) {
			_, err := io.Copy(nc, struct{ io.Reader }{nc})
			saw <- err
		}))
		nc := dial(t, client.addr)
		wantEcho(t, nc, "hello")
		vanish(nc)
		require.Error(t, <-saw, "the target is reset")
		server.logs("1011")
	})
	t.Run("the target", func(t *testing.T) {
		_, client := tunnelTo(t, target(t, func(nc *net.TCPConn) {
			io.CopyN(nc, nc, 5)
			vanish(nc)
		}))
		nc := dial(t, client.addr)
		_, err := io.WriteString(nc, "hello")
		require.NoError(t, err)
		requireReset(t, nc)
		client.logs("1011")
	})
	t.Run("the client", func(t *testing.T) {
		saw := make(chan error, 1)
		server := start(t, "-listen", "127.0.0.1:0", "-to", target(t, func(nc *net.TCPConn) {
			_, err := io.Copy(nc, struct{ io.Reader }{nc})
			saw <- err
		}))
		c, err := conn.Dial(t.Context(), "ws://"+server.addr, &conn.DialOptions{Subprotocols: []string{halfClose}})
		require.NoError(t, err)
		wantEcho(t, conn.NetConn(c, conn.Binary), "hello")
		c.CloseNow()
		require.Error(t, <-saw, "the target is reset")
		server.logs("1006")
	})
}

// Whoever is interrupted tells the other end, which has its TCP connection reset.
func TestInterrupt(t *testing.T) {
	for _, name := range []string{"server", "client"} {
		t.Run(name, func(t *testing.T) {
			saw := make(chan error, 1)
			server, client := tunnelTo(t, target(t, func(nc *net.TCPConn) {
				_, err := io.Copy(nc, struct{ io.Reader }{nc})
				saw <- err
			}))
			nc := dial(t, client.addr)
			wantEcho(t, nc, "hello")
			interrupted, other := server, client
			if name == "client" {
				interrupted, other = client, server
			}
			interrupted.stop()
			requireReset(t, nc)
			require.Error(t, <-saw)
			require.NoError(t, <-interrupted.done)
			other.logs("1001")
			_, err := net.Dial("tcp", interrupted.addr)
			require.Error(t, err, "nobody listens any more")
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	_, client := tunnelTo(t, target(t, echo), "-max", "200")
	var all sync.WaitGroup
	for i := range 200 {
		nc := dial(t, client.addr)
		all.Go(func() {
			text := strings.Repeat(fmt.Sprint(i, " "), 5000)
			go func() {
				io.WriteString(nc, text)
				nc.CloseWrite()
			}()
			got, err := io.ReadAll(nc)
			if err != nil || string(got) != text {
				t.Errorf("tunnel %d: %d of %d bytes came back: %v", i, len(got), len(text), err)
			}
		})
	}
	all.Wait()
}

// buffer is a standard output.
type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// As ssh's ProxyCommand.
func TestStandardInputAndOutput(t *testing.T) {
	server := start(t, "-listen", "127.0.0.1:0", "-to", target(t, echo))
	text := strings.Repeat("SSH-2.0 ", 100_000)
	var out buffer
	require.NoError(t, run(t.Context(), []string{"ws://" + server.addr}, strings.NewReader(text), &out, io.Discard))
	require.Equal(t, text, out.String())

	r, w := io.Pipe()
	defer w.Close()
	ctx, interrupt := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer interrupt()
	require.ErrorIs(t, run(ctx, []string{"ws://" + server.addr}, r, &out, io.Discard), context.DeadlineExceeded)

	server.stop()
	require.NoError(t, <-server.done)
	require.Error(t, run(t.Context(), []string{"ws://" + server.addr}, strings.NewReader(""), &out, io.Discard), "nobody is there")
}

func TestStartsOnlyWhenItCan(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing to do":     {},
		"no target":         {"-listen", "127.0.0.1:0"},
		"a server's client": {"-listen", "127.0.0.1:0", "-to", "localhost:22", "ws://localhost/"},
		"two servers":       {"ws://localhost/", "ws://localhost/"},
		"unknown flag":      {"ws://localhost/", "-no-such-flag"},
		"no address":        {"-listen", "nowhere", "-to", "localhost:22"},
		"no URL":            {"ftp://localhost/"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), args, strings.NewReader(""), &buffer{}, io.Discard))
		})
	}
}
