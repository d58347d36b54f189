package handshake

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestH2DialsShareAConnection(t *testing.T) {
	s := serveH2(t, streams(nil, echoes), nil)
	const n = 100
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			u, err := Connect(t.Context(), s.url, s.config())
			if err != nil {
				t.Error(err)
				return
			}
			defer u.Conn.Close()
			for range 10 {
				requireEcho(t, u.Conn, fmt.Sprintf("stream %d", i))
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, s.dials.Load())
}

func maxStreams(n int) func(*httptest.Server) {
	return func(s *httptest.Server) { s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: n} }
}

// RFC 9113, section 5.1.2: the peer limits how many streams there may be.
func TestH2OpensAnotherConnectionForMoreStreams(t *testing.T) {
	s := serveH2(t, streams(nil, echoes), maxStreams(2))
	var open []*Upgraded
	for i := range 5 {
		u := connectH2(t, s, nil)
		requireEcho(t, u.Conn, "hello")
		open = append(open, u)
		require.EqualValues(t, i/2+1, s.dials.Load())
	}
	require.NoError(t, open[0].Conn.Close())
	open[0].Conn.(*Stream).Wait()
	for range 2 { // one beside the fifth, and one for that which was closed
		requireEcho(t, connectH2(t, s, nil).Conn, "hello")
	}
	require.EqualValues(t, 3, s.dials.Load())

	// The same all at once.
	s = serveH2(t, streams(nil, echoes), maxStreams(10))
	var all sync.WaitGroup
	conns := make(chan *Upgraded, 30)
	for range cap(conns) {
		all.Go(func() { conns <- connectH2(t, s, nil) })
	}
	all.Wait()
	for range cap(conns) {
		requireEcho(t, (<-conns).Conn, "hello")
	}
	require.EqualValues(t, 3, s.dials.Load())
}

// RFC 9113, section 6.8: "Receivers of a GOAWAY frame MUST NOT open additional
// streams on the connection, although a new connection can be established for new
// streams."
func TestH2GoAway(t *testing.T) {
	leaving, coming := serveH2(t, streams(nil, echoes), nil), serveH2(t, streams(nil, echoes), nil)
	old := connectH2(t, leaving, nil)
	left := make(chan error, 1)
	go func() { left <- leaving.Config.Shutdown(t.Context()) }()
	leaving.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, coming.Listener.Addr().String())
	}
	for coming.dials.Load() == 0 { // the GOAWAY is on its way
		u, err := Connect(t.Context(), leaving.url, leaving.config())
		require.NoError(t, err)
		requireEcho(t, u.Conn, "hello")
		u.Conn.Close()
	}
	requireEcho(t, connectH2(t, leaving, nil).Conn, "hello")
	require.EqualValues(t, 1, leaving.dials.Load())
	require.EqualValues(t, 1, coming.dials.Load())
	requireEcho(t, old.Conn, "what is open goes on")
	old.Conn.Close()
	require.NoError(t, <-left)
}

// known returns of how many servers something is known.
func (p *HTTP2) known() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.origins)
}

// A connection without streams is closed after a while, or at once.
func TestH2IdleConnections(t *testing.T) {
	for _, tt := range []struct{ timeout, open time.Duration }{
		{0, 90 * time.Second},
		{time.Minute, time.Minute},
		{-1, 0},
	} {
		inMemory(t, streams(nil, echoes), nil, func(t *testing.T, s *h2server) {
			s.pool.IdleTimeout = tt.timeout
			for range 2 { // the second finds it, if it is still there
				u := connectH2(t, s, nil)
				requireEcho(t, u.Conn, "hello")
				u.Conn.Close()
				u.Conn.(*Stream).Wait()
			}
			synctest.Wait()
			wantDials := 1
			if tt.open == 0 {
				wantDials = 2
			}
			require.EqualValues(t, wantDials, s.dials.Load())
			if tt.open > 0 {
				time.Sleep(tt.open - time.Millisecond)
				require.Equal(t, 1, s.pool.known())
				time.Sleep(time.Millisecond)
			}
			synctest.Wait()
			require.Zero(t, s.pool.known(), "nothing is left of it")
			connectH2(t, s, nil)
			require.EqualValues(t, wantDials+1, s.dials.Load())
			s.pool.CloseIdleConnections()
			require.Equal(t, 1, s.pool.known(), "one that is in use stays")
		})
	}
}

// A connection that died without a word while it was idle is found out.
func TestH2DeadConnectionIsReplaced(t *testing.T) {
	inMemory(t, streams(nil, echoes), nil, func(t *testing.T, s *h2server) {
		u := connectH2(t, s, nil)
		require.NoError(t, s.memory.last.Close())
		_, err := io.ReadAll(u.Conn)
		require.Error(t, err)
		u.Conn.Close()
		requireEcho(t, connectH2(t, s, nil).Conn, "hello")
		require.EqualValues(t, 2, s.dials.Load())
	})
}

// One whose peer is there no more, and TCP does not know: the streams fail in time.
func TestH2SilentConnectionIsGivenUp(t *testing.T) {
	inMemory(t, streams(nil, echoes), nil, func(t *testing.T, s *h2server) {
		u := connectH2(t, s, nil)
		s.memory.last.SetBuffer(0) // nothing gets through to the server
		began := time.Now()
		_, err := io.ReadAll(u.Conn)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.LessOrEqual(t, time.Since(began), pingAfter+pingTimeout+pingAfter)
	})
}

// A server that does not choose h2 is spoken to over HTTP/1.1, on the connection
// that there is.
func TestH2FallsBackWithoutALPN(t *testing.T) {
	s := serveH2(t, streams(nil, echoes), func(s *httptest.Server) { s.EnableHTTP2 = false })
	for i := range 3 {
		u := connectH2(t, s, nil)
		require.IsType(t, &tls.Conn{}, u.Conn)
		requireEcho(t, u.Conn, "hello")
		require.EqualValues(t, i+1, s.dials.Load())
	}
}

// oldServer knows HTTP/2, but not RFC 8441: its SETTINGS are empty. It knows
// WebSocket over HTTP/1.1.
func oldServer(t *testing.T, s *h2server, seen chan<- string) {
	conf := &tls.Config{Certificates: s.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
	l := tls.NewListener(s.memory, conf)
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		tc := nc.(*tls.Conn)
		if tc.Handshake() != nil {
			continue
		}
		protocol := tc.ConnectionState().NegotiatedProtocol
		seen <- protocol
		if protocol == "h2" {
			io.ReadFull(tc, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
			tc.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS, empty
			got, _ := io.ReadAll(bufio.NewReader(tc))
			if strings.Contains(string(got), "\x01\x04\x00\x00\x00\x01") {
				t.Error("HEADERS were sent before, or after, the SETTINGS that forbid them")
			}
			tc.Close()
			continue
		}
		if u, err := Accept(tc, nil); err == nil {
			u.Conn.Close()
		}
	}
}

// RFC 8441, section 3: "Using a SETTINGS parameter to opt into an otherwise
// incompatible protocol change is a use of "Extending HTTP/2"", and section 4: it is
// used "if and only if" the server has sent it. The client waits for it.
func TestRule37FallsBackWithoutTheSetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveH2On(t, &memory{closed: make(chan struct{})}, streams(nil, echoes), nil)
		l := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
		s.memory, s.dial, s.url = l, l.dial, "wss://example.com"
		seen := make(chan string, 10)
		done := make(chan struct{})
		go func() { defer close(done); oldServer(t, s, seen) }()
		for range 2 {
			u := connectH2(t, s, nil)
			require.IsType(t, &tls.Conn{}, u.Conn)
			u.Conn.Close()
		}
		require.Equal(t, "h2", <-seen)
		require.Equal(t, "http/1.1", <-seen)
		require.Equal(t, "http/1.1", <-seen, "it is not asked again")
		time.Sleep(plainTime)
		connectH2(t, s, nil).Conn.Close()
		require.Equal(t, "h2", <-seen, "until it may have learned it")
		s.pool.CloseIdleConnections()
		s.memory.Close()
		<-done
	})
}

func TestH2Failures(t *testing.T) {
	s := serveH2(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes"})
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/chat", http.StatusFound)
		case "/private":
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, strings.Repeat("who are you? ", 10_000))
		case "/other":
			w.Header().Set("Sec-WebSocket-Protocol", "other")
			w.WriteHeader(http.StatusOK)
		case "/many":
			for i := range 300 {
				w.Header().Set(fmt.Sprint("X-", i), "")
			}
			w.WriteHeader(http.StatusOK)
		default:
			if _, err := r.Cookie("seen"); err != nil {
				http.Error(w, "no cookie", http.StatusTeapot)
				return
			}
			streams(nil, echoes)(w, r)
		}
	}, nil)
	cfg := s.config()
	cfg.Jar, _ = cookiejar.New(nil)

	_, err := Connect(t.Context(), s.url+"/private", cfg)
	failure := requireFailure(t, err)
	require.Equal(t, 401, failure.Status)
	require.Equal(t, "Basic", failure.Header.Get("WWW-Authenticate"))
	require.Len(t, failure.Body, 16<<10, "as much of the body as is kept")
	require.True(t, strings.HasPrefix(string(failure.Body), "who are you? "))

	_, err = Connect(t.Context(), s.url+"/moved", cfg)
	require.Equal(t, 302, requireFailure(t, err).Status)
	require.ErrorContains(t, err, "set CheckRedirect")
	cfg.CheckRedirect = func(to *url.URL, via []*url.URL) error { return nil }
	u, err := Connect(t.Context(), s.url+"/moved", cfg)
	require.NoError(t, err, "and the cookie came along")
	requireEcho(t, u.Conn, "hello")
	require.Equal(t, "/chat", u.URI)
	u.Conn.Close()

	_, err = Connect(t.Context(), s.url+"/other", cfg)
	require.ErrorContains(t, err, "not offered")
	_, err = Connect(t.Context(), s.url+"/many", cfg)
	require.ErrorContains(t, err, "too many header fields")
	require.EqualValues(t, 1, s.dials.Load(), "all of that over one connection")
}

func TestH2CancelledDials(t *testing.T) {
	checking := make(chan struct{}, 1)
	var answer chan struct{}
	cfg := &ServerConfig{Check: func(r *Request) error {
		if r.Path() == "/slow" {
			checking <- struct{}{}
			<-answer
		}
		return nil
	}}
	inMemory(t, streams(cfg, echoes), nil, func(t *testing.T, s *h2server) {
		checking, answer = make(chan struct{}, 1), make(chan struct{})
		defer close(answer)
		ctx, cancel := context.WithCancel(t.Context())
		dialling := make(chan error, 1)
		go func() {
			_, err := Connect(ctx, s.url+"/slow", s.config())
			dialling <- err
		}()
		<-checking
		requireEcho(t, connectH2(t, s, nil).Conn, "others are not held up")
		cancel()
		require.ErrorIs(t, <-dialling, context.Canceled)
		_, err := Connect(ctx, s.url, s.config())
		require.ErrorIs(t, err, context.Canceled)
		requireEcho(t, connectH2(t, s, nil).Conn, "nor harmed")
		require.EqualValues(t, 1, s.dials.Load())
	})
}

// Who waits for another's connection to be opened can be cancelled, and opens one
// when the other is.
func TestH2WaitingForAnothersDial(t *testing.T) {
	inMemory(t, streams(nil, echoes), nil, func(t *testing.T, s *h2server) {
		real := s.dial
		stuck := true
		s.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if stuck {
				stuck = false
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return real(ctx, network, addr)
		}
		dial := func(ctx context.Context) chan error {
			done := make(chan error, 1)
			go func() {
				u, err := Connect(ctx, s.url, s.config())
				if err == nil {
					u.Conn.Close()
				}
				done <- err
			}()
			synctest.Wait()
			return done
		}
		ctx1, cancel1 := context.WithCancel(t.Context())
		ctx2, cancel2 := context.WithCancel(t.Context())
		first, second, third := dial(ctx1), dial(ctx2), dial(t.Context())
		cancel2()
		require.ErrorIs(t, <-second, context.Canceled)
		cancel1()
		require.ErrorIs(t, <-first, context.Canceled)
		require.NoError(t, <-third)
	})
}

// What a program sends by HTTP/1.1 it sends by HTTP/2, and nothing of net/http's.
func TestH2RequestHeader(t *testing.T) {
	got := make(chan *http.Request, 1)
	s := serveH2(t, func(w http.ResponseWriter, r *http.Request) { got <- r }, nil)
	cfg := s.config()
	cfg.Subprotocols, cfg.Deflate = []string{"a", "b"}, &DeflateConfig{}
	cfg.Header = http.Header{"Host": {"other.example"}, "Origin": {"https://page.example"}, "User-Agent": {""}}
	u := "wss://joe:pw@" + strings.TrimPrefix(s.url, "wss://") + "/a%20b?x=ü y"
	upgraded, err := Connect(t.Context(), u, cfg)
	require.NoError(t, err, "a handler that does nothing has answered with 200")
	defer upgraded.Conn.Close()
	r := <-got
	require.Equal(t, "CONNECT", r.Method)
	require.Equal(t, "/a%20b?x=%C3%BC%20y", r.RequestURI)
	require.Equal(t, "other.example", r.Host)
	require.Equal(t, http.Header{
		":protocol":                {"websocket"},
		"Authorization":            {"Basic am9lOnB3"},
		"Origin":                   {"https://page.example"},
		"Sec-Websocket-Version":    {"13"},
		"Sec-Websocket-Protocol":   {"a, b"},
		"Sec-Websocket-Extensions": {string(cfg.Deflate.offer().append(nil))},
	}, r.Header)
}

// A server that agrees on h2 and then says nothing is waited for as long as ctx
// allows, and by the next dial again.
func TestRule37WaitsForTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveH2On(t, &memory{closed: make(chan struct{})}, streams(nil, echoes), nil)
		l := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
		s.dial = l.dial
		silent := make(chan int64, 2)
		go func() {
			for nc := range l.conns {
				tc := tls.Server(nc, &tls.Config{Certificates: s.TLS.Certificates, NextProtos: []string{"h2"}})
				tc.Handshake()
				n, _ := io.Copy(io.Discard, tc)
				silent <- n
				tc.Close()
			}
		}()
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			_, err := Connect(ctx, "wss://example.com", s.config())
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			require.Less(t, <-silent, int64(200), "the preface and our own SETTINGS, and no request")
			require.Zero(t, s.pool.known(), "the connection is not kept")
		}
		close(l.conns)
	})
}

// GODEBUG may take HTTP/2 away from net/http's clients.
func TestH2FallsBackWithoutNetHTTPs(t *testing.T) {
	t.Setenv("GODEBUG", "http2client=0")
	s := serveH2(t, streams(nil, echoes), func(s *httptest.Server) {
		s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	})
	for range 2 {
		u := connectH2(t, s, nil)
		require.IsType(t, &tls.Conn{}, u.Conn)
		requireEcho(t, u.Conn, "hello")
	}
	require.EqualValues(t, 3, s.dials.Load(), "the first of them chose h2")
}

// Plain text is for HTTP/1.1, and another configuration of TLS for another connection.
func TestH2IsSharedByWhatIsAlike(t *testing.T) {
	s := serveH2(t, streams(nil, echoes), nil)
	one, other := s.config(), s.config()
	other.TLS = other.TLS.Clone()
	for range 2 {
		for _, cfg := range []*ClientConfig{one, other} {
			requireEcho(t, connectH2(t, s, cfg).Conn, "hello")
		}
	}
	require.EqualValues(t, 2, s.dials.Load())

	plain := httptest.NewServer(streams(nil, echoes))
	defer plain.Close()
	u, err := Connect(t.Context(), plain.URL, one)
	require.NoError(t, err)
	defer u.Conn.Close()
	require.IsType(t, &net.TCPConn{}, u.Conn)
}

// What is known of servers does not grow without end.
func TestH2ForgetsServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p HTTP2
		for i := range 10 * manyOrigins {
			key := originKey{addr: fmt.Sprint(i)}
			_, found, err := p.get(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, foundNone, found)
			p.opened(key, nil, true)
			_, found, err = p.get(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, foundPlain, found)
			time.Sleep(plainTime / manyOrigins)
		}
		require.LessOrEqual(t, p.known(), manyOrigins+1)
	})
}
