package conn

import (
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	_ "github.com/parleyws/websocket/handshake/http2"
	"github.com/parleyws/websocket/internal/vectors"
	"github.com/parleyws/websocket/internal/wstest"
)

// h2server is an http.Server over TLS that knows HTTP/2.
type h2server struct {
	*httptest.Server
	url   string
	log   *logged
	dials atomic.Int32 // TCP connections that it has accepted
	pool  handshake.HTTP2
	dial  func(ctx context.Context, network, addr string) (net.Conn, error) // nil: TCP
}

// serveH2 starts a server on the loopback interface, or on l.
func serveH2(t *testing.T, l net.Listener, h http.Handler) *h2server {
	t.Helper()
	if l == nil {
		var err error
		l, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
	}
	s := &h2server{
		Server: &httptest.Server{Listener: l, Config: &http.Server{Handler: h}, EnableHTTP2: true},
		log:    new(logged),
	}
	s.Config.ErrorLog = log.New(s.log, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.dials.Add(1)
		}
	}
	s.StartTLS()
	s.url = "wss" + strings.TrimPrefix(s.URL, "https")
	t.Cleanup(func() {
		s.pool.CloseIdleConnections()
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// options are for clients of s, with the rest of opts.
func (s *h2server) options(opts DialOptions) *DialOptions {
	opts.HTTP2, opts.TLS, opts.NetDial = &s.pool, s.Client().Transport.(*http.Transport).TLSClientConfig, s.dial
	return &opts
}

// inMemory starts a server in a synctest bubble.
func inMemory(t *testing.T, h http.Handler, test func(t *testing.T, s *h2server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		s := serveH2(t, l, h)
		s.url, s.dial = "wss://example.com", l.dial
		test(t, s)
	})
}

// pipes listens for connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	last   *wstest.Conn // the client's end of the last one
}

func (m *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := wstest.Pipe()
	select {
	case m.conns <- server:
		m.last = client
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (m *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-m.conns:
		return nc, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *pipes) Close() error { m.once.Do(func() { close(m.closed) }); return nil }

// Addr implements net.Listener.
func (m *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// The same vectors over HTTP/2: a stream is as good as a TCP connection.
func TestRule37Vectors(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8441, 5))
	var got chan *handshake.Upgraded
	accept := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := handshake.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		got <- u
		u.Conn.(*handshake.Stream).Wait()
	})
	for _, name := range []string{"close", "control", "fragments", "framing", "kuhn", "limits", "opcodes", "utf8"} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, accept, func(t *testing.T, s *h2server) {
				got = make(chan *handshake.Upgraded, 1)
				for i, v := range vectors.Load(t, name) {
					if testing.Short() && i%5 != 0 {
						continue
					}
					w := append(ways[:len(ways):len(ways)], oneLoop)[rnd.IntN(len(ways)+1)]
					requireOutcomeOverHTTP2(t, s, got, v, w, splitsOf(rnd, v)[rnd.IntN(2)])
				}
				require.EqualValues(t, 1, s.dials.Load(), "all of them over one connection")
			})
		})
	}
}

func requireOutcomeOverHTTP2(t *testing.T, s *h2server, got chan *handshake.Upgraded, v vectors.Vector, w way, cut split) {
	defer func() {
		if t.Failed() {
			t.Logf("vector %v, read by %s, %s", v, w.name, cut.name)
		}
	}()
	ours, err := handshake.Connect(t.Context(), s.url, &handshake.ClientConfig{
		HTTP2: &s.pool, TLS: s.options(DialOptions{}).TLS, NetDial: s.dial,
	})
	require.NoError(t, err)
	theirs := <-got
	if v.Role == frame.Server {
		ours, theirs = theirs, ours
	}
	c := New(ours, calm(configOf(v)))
	judge(t, v, w, c, perform(t, v, w, c, theirs.Conn, cut.cuts))
}

// Everything a program does with a connection, over HTTP/2: with a Handler, with
// Accept, and with a Server.
func TestH2Programs(t *testing.T) {
	ended := make(chan error, 1)
	server := &Server{Handler: &events{message: echoes}, Options: &AcceptOptions{Subprotocols: []string{"chat"}}}
	server.Options.Config.Compression = &Compression{}
	defer shutDown(t, server)
	for name, h := range map[string]http.Handler{
		"Handler": Handler(server.Options, func(ctx context.Context, c *Conn) error {
			err := echo(ctx, c)
			ended <- c.Err()
			return err
		}),
		"Accept": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := Accept(w, r, server.Options)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			echo(r.Context(), c)
			ended <- c.Err()
		}),
		"Accept, and another goroutine": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := Accept(w, r, server.Options)
			if err != nil {
				t.Error(err)
				return
			}
			go func() {
				echo(context.Background(), c)
				ended <- c.Err()
			}()
			<-c.Done()
		}),
		"Server": server,
	} {
		t.Run(name, func(t *testing.T) {
			s := serveH2(t, nil, h)
			for _, compression := range []*Compression{nil, {}} {
				opts := s.options(DialOptions{Subprotocols: []string{"chat"}})
				opts.Config.Compression = compression
				c := dial(t, s.url, opts)
				require.IsType(t, &handshake.Stream{}, c.Transport())
				require.Equal(t, "chat", c.Subprotocol())
				require.Equal(t, compression != nil, c.Deflate() != nil)
				require.Equal(t, s.Listener.Addr().String(), c.RemoteAddr().String())
				for _, n := range []int{0, 1, 125, 4096, 70_000, 1 << 20} {
					writing := call(func() error { return c.Write(t.Context(), Binary, pattern(n)) })
					require.Equal(t, received{Type: Binary, Data: string(pattern(n))}, read(t.Context(), c))
					require.NoError(t, <-writing)
				}
				_, err := c.Ping(startReading(t, c))
				require.NoError(t, err)
				began := time.Now()
				require.NoError(t, c.Close(StatusNormalClosure, "bye"))
				require.Less(t, time.Since(began), 3*time.Second, "nobody waits for a limit of time")
				if h != http.Handler(server) {
					require.Equal(t, &CloseError{Code: StatusNormalClosure, Reason: "bye"}, <-ended)
				}
			}
			require.EqualValues(t, 1, s.dials.Load())
			require.Empty(t, s.log.String())
		})
	}
}

// startReading reads until the connection ends, and returns a context.
func startReading(t *testing.T, c *Conn) context.Context {
	go read(context.Background(), c)
	return t.Context()
}

// 100 connections, one TCP connection; then the server goes, and says so to each.
func TestH2Broadcast(t *testing.T) {
	var room Group
	s := serveH2(t, nil, Handler(nil, func(ctx context.Context, c *Conn) error {
		room.Add(c)
		c.Write(ctx, Text, []byte("welcome"))
		<-c.CloseRead(ctx).Done()
		return c.Err()
	}))
	const n = 100
	var all sync.WaitGroup
	steps := map[string]*sync.WaitGroup{"welcome": {}, "hello, all": {}}
	for _, step := range steps {
		step.Add(n)
	}
	for range n {
		all.Go(func() {
			c, err := Dial(t.Context(), s.url, s.options(DialOptions{}))
			if err != nil {
				panic(err)
			}
			defer end(c)
			for _, want := range []string{"welcome", "hello, all"} {
				m := read(t.Context(), c)
				if m.Data != want {
					t.Errorf("got %v, want %q", m, want)
				}
				steps[want].Done()
			}
			if m := read(t.Context(), c); !errors.Is(m.Err, &CloseError{Code: StatusGoingAway}) {
				t.Errorf("got %v, want a Close frame with 1001", m)
			}
		})
	}
	steps["welcome"].Wait()
	require.Equal(t, n, room.Broadcast(Text, []byte("hello, all")))
	steps["hello, all"].Wait()
	require.NoError(t, room.Shutdown(t.Context()))
	all.Wait()
	require.EqualValues(t, 1, s.dials.Load())
}

// A cancelled read loses nothing, and a cancelled write leaves no trace or is
// completed.
func TestH2Cancellation(t *testing.T) {
	inMemory(t, Handler(nil, echo), func(t *testing.T, s *h2server) {
		opts := s.options(DialOptions{})
		c, err := Dial(t.Context(), s.url, opts)
		require.NoError(t, err)
		defer end(c)
		for i := range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
			require.Equal(t, context.DeadlineExceeded, read(ctx, c).Err)
			cancel()
			require.NoError(t, c.Write(t.Context(), Text, []byte("still here")))
			require.Equal(t, received{Type: Text, Data: "still here"}, read(t.Context(), c))
		}
	})
}

// A peer that takes nothing stops the writer, whose deadline passes, and whose
// message arrives whole nonetheless.
func TestH2CutWrite(t *testing.T) {
	const n = 2 << 20
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			var got chan *Conn
			h := Handler(&AcceptOptions{Config: Config{MaxMessage: n, Backlog: 2 * n}}, func(ctx context.Context, c *Conn) error {
				got <- c
				<-c.Done()
				return nil
			})
			inMemory(t, h, func(t *testing.T, s *h2server) {
				got = make(chan *Conn, 1)
				opts := s.options(DialOptions{})
				opts.Config = Config{MaxMessage: n, Backlog: 2 * n}
				c, err := Dial(t.Context(), s.url, opts)
				require.NoError(t, err)
				peer := <-got
				defer end(c)
				defer end(peer)
				if role == frame.Server {
					c, peer = peer, c
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.ErrorIs(t, c.Write(ctx, Binary, pattern(n)), context.DeadlineExceeded)
				require.Equal(t, received{Type: Binary, Data: string(pattern(n))}, read(t.Context(), peer))
				require.NoError(t, c.Write(t.Context(), Text, []byte("next")))
				require.Equal(t, received{Type: Text, Data: "next"}, read(t.Context(), peer))
			})
		})
	}
}

// A peer that takes nothing for WriteTimeout loses the connection, and CloseNow does
// not wait for it.
func TestH2StuckPeer(t *testing.T) {
	var got chan *Conn
	h := Handler(&AcceptOptions{Config: Config{WriteTimeout: time.Second}}, func(ctx context.Context, c *Conn) error {
		got <- c
		<-c.Done()
		return nil
	})
	inMemory(t, h, func(t *testing.T, s *h2server) {
		got = make(chan *Conn, 1)
		client, err := Dial(t.Context(), s.url, s.options(DialOptions{}))
		require.NoError(t, err)
		defer end(client)
		c := <-got
		err = nil
		for range 100 {
			if err = c.Write(t.Context(), Binary, make([]byte, 64<<10)); err != nil {
				break
			}
		}
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		<-c.Done()
		m := read(t.Context(), client)
		for m.Err == nil {
			m = read(t.Context(), client)
		}
		require.ErrorIs(t, m.Err, io.ErrUnexpectedEOF, "a message was cut off, and that is no orderly end")
	})
}

// What both sides find out by KeepAlive is the same as over TCP.
func TestH2KeepAlive(t *testing.T) {
	ended := make(chan error, 1)
	inMemory(t, Handler(nil, func(ctx context.Context, c *Conn) error {
		err := echo(ctx, c)
		ended <- c.Err()
		return err
	}), func(t *testing.T, s *h2server) {
		ended = make(chan error, 1)
		c, err := Dial(t.Context(), s.url, s.options(DialOptions{}))
		require.NoError(t, err)
		defer end(c)
		reading := call(func() error { return read(t.Context(), c).Err })
		time.Sleep(time.Hour) // with Pings now and then
		require.NoError(t, c.Err())
		c.CloseNow()
		<-reading
		require.ErrorIs(t, <-ended, io.ErrUnexpectedEOF)
	})
}

// A handler that returns too early ends the connection, which says why.
func TestH2HandlerReturnsEarly(t *testing.T) {
	got := make(chan *Conn, 1)
	s := serveH2(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := Accept(w, r, nil); err == nil {
			got <- c
		}
	}))
	client := dial(t, s.url, s.options(DialOptions{}))
	c := <-got
	defer end(c)
	err := read(t.Context(), c).Err
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "the HTTP handler has returned")
	require.ErrorIs(t, read(t.Context(), client).Err, io.ErrUnexpectedEOF)
}

func TestH2ServerIsFull(t *testing.T) {
	server := &Server{Handler: &events{message: echoes}, MaxConns: 1}
	defer shutDown(t, server)
	s := serveH2(t, nil, server)
	c := dial(t, s.url, s.options(DialOptions{}))
	_, err := Dial(t.Context(), s.url, s.options(DialOptions{}))
	failure, ok := errors.AsType[*handshake.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, 503, failure.Status)
	require.NoError(t, c.Close(StatusNormalClosure, ""))
}

// Others write to a connection while its handler gives up and returns, which
// net/http does not forgive: nobody may use its http.ResponseWriter after that.
func TestH2HandlersReturnUnderWriters(t *testing.T) {
	var room Group
	s := serveH2(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		room.Add(c)
		read(r.Context(), c)
	}))
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			p := pattern(20_000)
			for {
				select {
				case <-stop:
					return
				default:
					room.Broadcast(Binary, p)
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for range 25 {
				c, err := Dial(t.Context(), s.url, s.options(DialOptions{}))
				if err != nil {
					t.Error(err)
					return
				}
				read(t.Context(), c)
				if i%2 == 0 {
					c.Write(t.Context(), Text, []byte("enough"))
				}
				end(c)
			}
		})
	}
	clients.Wait()
	close(stop)
	writers.Wait()
	require.Empty(t, s.log.String(), "and nothing panics")
}
