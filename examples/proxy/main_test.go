package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// program is a running proxy.
type program struct {
	t    *testing.T
	addr string
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	lines []string
}

func start(t *testing.T, args ...string) *program {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &program{t: t, stop: stop, done: make(chan error, 1)}
	go func() {
		p.done <- run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), w)
		w.Close()
	}()
	drained := make(chan bool)
	go func() {
		defer close(drained)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		stop()
		<-drained
	})
	_, rest, _ := strings.Cut(p.logs("listening on http://"), "listening on http://")
	p.addr, _, _ = strings.Cut(rest, "/")
	return p
}

// logs waits until a line with that text was logged.
func (p *program) logs(text string) string {
	p.t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		for _, line := range p.lines {
			if strings.Contains(line, text) {
				p.mu.Unlock()
				return line
			}
		}
		p.mu.Unlock()
	}
	require.Fail(p.t, "the proxy does not log "+text, strings.Join(p.lines, "\n"))
	return ""
}

// backend is an echo server with a page, and the addresses that its clients are said to
// have.
func backend(t *testing.T, opts *conn.AcceptOptions) (url string, forwarded chan string) {
	forwarded = make(chan string, 100)
	echo := conn.Handler(opts, func(ctx context.Context, c *conn.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		forwarded <- r.Header.Get("X-Forwarded-For")
		echo.ServeHTTP(w, r)
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the page of "+r.Host) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL, forwarded
}

func dial(t *testing.T, p *program, opts *conn.DialOptions) *conn.Conn {
	c, err := conn.Dial(t.Context(), "ws://"+p.addr+"/ws", opts)
	require.NoError(t, err)
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func wantEcho(t *testing.T, c *conn.Conn, typ conn.MessageType, data []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, c.Write(ctx, typ, data))
	gotType, got, err := c.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, typ, gotType&^(conn.Compressed|conn.Uncompressed))
	require.True(t, bytes.Equal(data, got))
}

func TestPassesFramesAndShowsThem(t *testing.T) {
	url, forwarded := backend(t, nil)
	p := start(t, "-to", url, "-dump", "8")
	c := dial(t, p, &conn.DialOptions{Header: http.Header{"Origin": {"http://" + p.addr}}}) // as the backend's own page has
	require.Equal(t, "127.0.0.1", <-forwarded)
	wantEcho(t, c, conn.Text, []byte("hello, world"))
	wantEcho(t, c, conn.Binary, []byte{0xC0, 0xFF, 0xEE})
	wantEcho(t, c, conn.Text, nil)

	// A message in fragments, and a ping between them.
	w, err := c.Writer(t.Context(), conn.Text)
	require.NoError(t, err)
	for range 3 {
		_, err = io.WriteString(w, "\x1b[31m and so on")
		require.NoError(t, err)
		require.NoError(t, w.(interface{ Flush() error }).Flush())
	}
	read := make(chan string, 1)
	go func() {
		_, data, _ := c.Read(t.Context())
		read <- string(data)
	}()
	_, err = c.Ping(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Equal(t, strings.Repeat("\x1b[31m and so on", 3), <-read)
	require.NoError(t, c.Close(4001, "good bye"))

	require.Contains(t, p.logs("#1 client → TEXT FIN MASK len=12 in "), `s "hello, w"`)
	require.Contains(t, p.logs("#1 server → TEXT FIN len=12 in "), `s "hello, w"`)
	require.Contains(t, p.logs("#1 client → BINARY FIN MASK len=3 in "), "s c0 ff ee")
	p.logs("#1 client → TEXT FIN MASK len=0 in ")
	require.Contains(t, p.logs("#1 client → TEXT MASK len=15 in "), `"\x1b[31m an"`, "nothing reaches the terminal as it is")
	p.logs("#1 client → CONTINUATION MASK len=15 in ")
	p.logs("#1 client → PING FIN MASK")
	p.logs("#1 server → PONG FIN len=")
	require.Contains(t, p.logs("#1 client → CLOSE FIN MASK len=10 in "), `4001 "good bye"`)
	require.Contains(t, p.logs("#1 server → CLOSE FIN len="), `4001`)
	p.logs("#1 over after ")
}

func TestLargeMessagesAndCompression(t *testing.T) {
	deflate := &conn.Compression{}
	url, _ := backend(t, &conn.AcceptOptions{Config: conn.Config{MaxMessage: 16 << 20, Compression: deflate}})
	p := start(t, "-to", url)
	for name, compression := range map[string]*conn.Compression{"plain": nil, "compressed": deflate} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, p, &conn.DialOptions{Config: conn.Config{MaxMessage: 16 << 20, Compression: compression}})
			require.Equal(t, compression != nil, c.Deflate() != nil, "the ends agree")
			wantEcho(t, c, conn.Binary, bytes.Repeat([]byte("parley "), 1<<20))
			wantEcho(t, c, conn.Text, []byte("small"))
			require.NoError(t, c.Close(conn.StatusNormalClosure, ""))
		})
	}
	p.logs("client → BINARY FIN RSV1 MASK len=")
}

func TestManyAtOnce(t *testing.T) {
	url, _ := backend(t, nil)
	p := start(t, "-to", url)
	var all sync.WaitGroup
	for range 50 {
		c := dial(t, p, nil)
		all.Go(func() {
			for size := range 50 {
				data := bytes.Repeat([]byte("x"), size*size)
				if c.Write(t.Context(), conn.Binary, data) != nil {
					t.Error("a write fails")
				}
				if _, got, err := c.Read(t.Context()); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes came back for %d: %v", len(got), len(data), err)
				}
			}
			c.Close(conn.StatusNormalClosure, "")
		})
	}
	all.Wait()
}

// What is no handshake, or none that succeeds, is HTTP as ever.
func TestHTTP(t *testing.T) {
	url, _ := backend(t, nil)
	p := start(t, "-to", "ws"+strings.TrimPrefix(url, "http"))
	resp, err := http.Get("http://" + p.addr + "/")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, "the page of "+p.addr, string(body), "the backend gets the browser's Host")
	http.DefaultClient.CloseIdleConnections()

	var refused *handshake.Error
	_, err = conn.Dial(t.Context(), "ws://"+p.addr+"/missing", nil)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusNotFound, refused.Status)
	_, err = conn.Dial(t.Context(), "ws://"+p.addr+"/ws", &conn.DialOptions{Header: http.Header{"Origin": {"https://foe.example"}}})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusForbidden, refused.Status, "the backend checks the origin, and can")
}

// The backend gets the path as the client has written it, behind its own, and the query.
func TestPath(t *testing.T) {
	asked := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.RequestURI
		w.WriteHeader(http.StatusTeapot)
	}))
	defer s.Close()
	for to, want := range map[string]string{
		"":       "/a%2Fb/c%20d?x=%26",
		"/":      "/a%2Fb/c%20d?x=%26",
		"/base/": "/base/a%2Fb/c%20d?x=%26",
	} {
		_, err := conn.Dial(t.Context(), "ws://"+start(t, "-to", s.URL+to).addr+"/a%2Fb/c%20d?x=%26", nil)
		require.ErrorContains(t, err, "418")
		require.Equal(t, want, <-asked)
	}
}

// raw sends a request, and returns the first line of the answer.
func raw(t *testing.T, addr, request string) string {
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.WriteString(nc, request)
	require.NoError(t, err)
	line, _, err := bufio.NewReader(nc).ReadLine()
	require.NoError(t, err)
	return string(line)
}

func TestRefuses(t *testing.T) {
	url, _ := backend(t, nil)
	p := start(t, "-to", url, "-max", "1")
	require.Equal(t, "HTTP/1.1 400 Bad Request", raw(t, p.addr, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), "another protocol")
	require.Equal(t, "HTTP/1.1 400 Bad Request", raw(t, p.addr, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx"), "a body")
	dial(t, p, nil)
	_, err := conn.Dial(t.Context(), "ws://"+p.addr+"/ws", nil)
	require.ErrorContains(t, err, "503", "one at a time")
}

// A backend that is not there, and two that agree on what is not known.
func TestBadGateway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	_, err = conn.Dial(t.Context(), "ws://"+start(t, "-to", "http://"+l.Addr().String()).addr, nil)
	require.ErrorContains(t, err, "502")

	for name, extensions := range map[string]string{
		"another extension":  "x-noise",
		"two extensions":     "permessage-deflate, x-noise",
		"and in a parameter": "x-noise; permessage-deflate",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-WebSocket-Extensions", extensions)
			w.WriteHeader(http.StatusSwitchingProtocols)
		}))
		_, err := conn.Dial(t.Context(), "ws://"+start(t, "-to", s.URL).addr, nil)
		require.ErrorContains(t, err, "502", name)
		s.Close()
	}
}

func TestEitherEndVanishes(t *testing.T) {
	accepted := make(chan *conn.Conn, 1)
	ended := make(chan error, 1)
	s := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		accepted <- c
		_, _, err := c.Read(ctx)
		ended <- err
		return err
	}))
	defer s.Close()
	p := start(t, "-to", s.URL)

	c := dial(t, p, nil)
	<-accepted
	c.CloseNow()
	require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(<-ended))

	c = dial(t, p, nil)
	(<-accepted).CloseNow()
	_, _, err := c.Read(t.Context())
	require.Equal(t, conn.StatusBadGateway, conn.CloseStatus(err))
	<-ended
	p.logs("#1 over")
	p.logs("#2 over")
}

func TestInterruptLeavesWith1001(t *testing.T) {
	url, _ := backend(t, nil)
	p := start(t, "-to", url)
	c := dial(t, p, nil)
	wantEcho(t, c, conn.Text, []byte("hello"))
	p.stop()
	_, _, err := c.Read(t.Context())
	require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(err))
	require.NoError(t, <-p.done)
}

func TestStartsOnlyWhenItCan(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":   {"-no-such-flag"},
		"no address":     {"-listen", "nowhere"},
		"no such scheme": {"-to", "ftp://localhost"},
		"no URL":         {"-to", "http://a b"},
	} {
		require.Error(t, run(t.Context(), args, io.Discard), name)
	}
}
