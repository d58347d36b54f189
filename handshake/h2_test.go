package handshake

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	_ "github.com/parleyws/websocket/handshake/http2"
	"github.com/parleyws/websocket/internal/wstest"
)

// What HTTP/2 is tested with: net/http on both sides, TLS between them, and TCP over
// the loopback interface or, where time matters, a connection in memory.

// h2server is an http.Server on the loopback interface that knows HTTP/2.
type h2server struct {
	*httptest.Server
	url    string       // of scheme wss
	dials  atomic.Int32 // TCP connections that it has accepted
	pool   HTTP2
	memory *memory
	dial   func(ctx context.Context, network, addr string) (net.Conn, error) // nil: TCP
}

// serveH2 starts a server on the loopback interface. tune may change it before.
func serveH2(t *testing.T, handler http.HandlerFunc, tune func(*httptest.Server)) *h2server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveH2On(t, l, handler, tune)
}

func serveH2On(t *testing.T, l net.Listener, handler http.HandlerFunc, tune func(*httptest.Server)) *h2server {
	t.Helper()
	s := &h2server{Server: &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}, EnableHTTP2: true}}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.dials.Add(1)
		}
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tune != nil {
		tune(s.Server)
	}
	s.StartTLS()
	s.url = "wss" + s.URL[len("https"):]
	t.Cleanup(func() {
		s.pool.CloseIdleConnections()
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// inMemory runs a test of a server in a synctest bubble.
func inMemory(t *testing.T, handler http.HandlerFunc, tune func(*httptest.Server), test func(t *testing.T, s *h2server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
		s := serveH2On(t, l, handler, tune)
		s.url, s.dial, s.memory = "wss://example.com", l.dial, l
		test(t, s)
	})
}

// memory listens for connections in memory.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	last   *wstest.Conn // the client's end of the last one
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := wstest.Pipe()
	select {
	case m.conns <- server:
		m.last = client
		return client, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (m *memory) Accept() (net.Conn, error) {
	select {
	case nc := <-m.conns:
		return nc, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *memory) Close() error { m.once.Do(func() { close(m.closed) }); return nil }

// Addr implements net.Listener.
func (m *memory) Addr() net.Addr { return addr("memory") }

// config is for clients of s.
func (s *h2server) config() *ClientConfig {
	return &ClientConfig{HTTP2: &s.pool, TLS: s.Client().Transport.(*http.Transport).TLSClientConfig, NetDial: s.dial}
}

// streams is a handler that upgrades, runs f on the stream, and closes it.
func streams(cfg *ServerConfig, f func(*Upgraded)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, err := Upgrade(w, r, cfg)
		if err != nil {
			return
		}
		f(u)
		u.Conn.Close()
	}
}

// echoes sends back what comes, until it ends.
func echoes(u *Upgraded) { io.Copy(onlyWriter{u.Conn}, onlyReader{u.Conn}) }

type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }

// connectH2 opens a stream to s.
func connectH2(t *testing.T, s *h2server, cfg *ClientConfig) *Upgraded {
	t.Helper()
	if cfg == nil {
		cfg = s.config()
	}
	u, err := Connect(t.Context(), s.url+"/chat?room=1", cfg)
	require.NoError(t, err)
	t.Cleanup(func() { u.Conn.Close() })
	return u
}

// requireEcho has the server send p back.
func requireEcho(t *testing.T, nc net.Conn, p string) {
	t.Helper()
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(nc, p)
		wrote <- err
	}()
	got := make([]byte, len(p))
	_, err := io.ReadFull(nc, got)
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	require.Equal(t, p, string(got))
}

func TestH2Opens(t *testing.T) {
	got := make(chan *Upgraded, 1)
	s := serveH2(t, streams(&ServerConfig{KeepHeader: []string{"X-Here"}}, func(u *Upgraded) { got <- u; echoes(u) }), nil)
	cfg := s.config()
	cfg.Header = http.Header{"X-Here": {"yes"}}
	u := connectH2(t, s, cfg)
	require.IsType(t, &Stream{}, u.Conn)
	require.Equal(t, "/chat?room=1", u.URI)
	require.Equal(t, s.Listener.Addr().String(), u.Host)
	require.Equal(t, s.Listener.Addr().String(), u.Conn.RemoteAddr().String())
	theirs := <-got
	require.Equal(t, u.URI, theirs.URI)
	require.Equal(t, u.Host, theirs.Host)
	require.Equal(t, "yes", theirs.Header.Get("X-Here"))
	require.Equal(t, u.Conn.LocalAddr().String(), theirs.Conn.RemoteAddr().String())
	require.Equal(t, u.Conn.RemoteAddr().String(), theirs.Conn.LocalAddr().String())
	requireEcho(t, u.Conn, "hello")
	requireEcho(t, u.Conn, string(make([]byte, 300_000)))
}
