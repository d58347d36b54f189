package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

// logged is what a server has written to its ErrorLog.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve runs a server with one handler, until the end of the test.
func serve(t *testing.T, h http.Handler) (url string, errors *logged) {
	errors = new(logged)
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(errors, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http"), errors
}

// dial connects to a server, until the end of the test.
func dial(t *testing.T, url string, opts *DialOptions) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { end(c) })
	return c
}

// What a handler returns becomes the code of the Close frame; the text of an
// error is nobody's business.
func TestHandlerResult(t *testing.T) {
	secret := errors.New("secret: the database is at 10.0.0.7")
	for _, tt := range []struct {
		name  string
		serve func(c *Conn) error
		want  *CloseError
		log   []string
	}{
		{"nil", func(*Conn) error { return nil }, &CloseError{Code: StatusNormalClosure}, nil},
		{"CloseError", func(*Conn) error { return &CloseError{Code: 4001, Reason: "log in first"} }, &CloseError{Code: 4001, Reason: "log in first"}, nil},
		{"wrapped CloseError", func(*Conn) error { return fmt.Errorf("%w: %w", secret, &CloseError{Code: StatusTryAgainLater}) },
			&CloseError{Code: StatusTryAgainLater}, nil},
		{"CloseError that cannot be sent", func(*Conn) error { return &CloseError{Code: StatusAbnormalClosure, Reason: "?"} },
			&CloseError{Code: StatusInternalError}, nil},
		{"another error", func(*Conn) error { return secret }, &CloseError{Code: StatusInternalError}, nil},
		{"panic", func(*Conn) error { panic(secret) }, &CloseError{Code: StatusInternalError},
			[]string{"panic serving 127.0.0.1", secret.Error(), "handler_test.go"}},
		{"http.ErrAbortHandler", func(*Conn) error { panic(http.ErrAbortHandler) }, &CloseError{Code: StatusInternalError}, nil},
		{"runtime.Goexit", func(*Conn) error { runtime.Goexit(); return nil }, &CloseError{Code: StatusInternalError}, nil},
		{"closed by itself", func(c *Conn) error { c.Close(4002, "done"); return secret }, &CloseError{Code: 4002, Reason: "done"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			over := make(chan *Conn, 1)
			url, errors := serve(t, Handler(nil, func(_ context.Context, c *Conn) error {
				over <- c
				return tt.serve(c)
			}))
			c := dial(t, url, nil)
			require.Equal(t, tt.want, read(t.Context(), c).Err)
			<-(<-over).Done()
			if tt.log == nil {
				require.Empty(t, errors.String())
			}
			for _, s := range tt.log {
				require.Contains(t, errors.String(), s)
			}
		})
	}
}

// What the peer said reaches the handler, and is not an error to be told back.
func TestHandlerWhenThePeerCloses(t *testing.T) {
	results := make(chan error, 1)
	url, errors := serve(t, Handler(nil, func(ctx context.Context, c *Conn) error {
		_, _, err := c.Read(ctx)
		results <- err
		return err
	}))
	c := dial(t, url, nil)
	require.NoError(t, c.Close(StatusGoingAway, "bye"))
	require.Equal(t, &CloseError{Code: StatusGoingAway, Reason: "bye"}, <-results)
	require.Empty(t, errors.String())
}

// The context has the values of the request's, ends with the connection and not
// with the HTTP handler, and knows why.
func TestHandlerContext(t *testing.T) {
	type key struct{}
	ended := make(chan error, 1)
	h := Handler(nil, func(ctx context.Context, c *Conn) error {
		if ctx != c.Context() {
			t.Error("ctx is not c.Context()")
		}
		if _, ok := ctx.Value(http.ServerContextKey).(*http.Server); !ok {
			t.Error("the values of net/http are not there")
		}
		context.AfterFunc(ctx, func() { ended <- context.Cause(ctx) })
		return c.Write(ctx, Text, []byte(ctx.Value(key{}).(string)))
	})
	handled := make(chan struct{})
	url, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), key{}, "from middleware"))
		h.ServeHTTP(w, r.WithContext(ctx))
		cancel()
		close(handled)
	}))
	c := dial(t, url, nil)
	<-handled
	ways[0].want(t, c, received{Type: Text, Data: "from middleware"})
	require.ErrorIs(t, read(t.Context(), c).Err, io.EOF)
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

// A request that is refused has been answered, and serve is not called.
func TestHandlerRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		opts   *AcceptOptions
		header http.Header
		status int
	}{
		{"another origin", nil, http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		{"Check", &AcceptOptions{Check: func(*handshake.Request) error { return errors.New("no") }}, nil, http.StatusForbidden},
		{"Check with a status", &AcceptOptions{Check: func(*handshake.Request) error {
			return &handshake.Error{Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {"Basic"}}, Body: []byte("who are you?")}
		}}, nil, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := serve(t, Handler(tt.opts, func(context.Context, *Conn) error {
				t.Error("serve was called")
				return nil
			}))
			_, err := Dial(t.Context(), url, &DialOptions{Header: tt.header})
			var refused *handshake.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, tt.status, refused.Status)
			if tt.status == http.StatusUnauthorized {
				require.Equal(t, "Basic", refused.Header.Get("Www-Authenticate"))
				require.Equal(t, "who are you?", string(refused.Body))
			}
		})
	}
}

// A plain request, as of a browser that looks at the URL, gets its answer too.
func TestHandlerOfAPlainRequest(t *testing.T) {
	url, _ := serve(t, Handler(nil, func(context.Context, *Conn) error { t.Error("serve was called"); return nil }))
	resp, err := http.Get("http" + strings.TrimPrefix(url, "ws"))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusUpgradeRequired, resp.StatusCode)
	require.True(t, resp.Close, "every rejection says Connection: close")
}

// Accept is for handlers that want to see to things themselves. The connection
// outlives them.
func TestAcceptInAPlainHandler(t *testing.T) {
	accepted := make(chan *Conn, 1)
	url, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		c, err := Accept(w, r, &AcceptOptions{Subprotocols: []string{"chat"}, Config: Config{MaxMessage: 3}})
		if err != nil {
			t.Error(err)
			return
		}
		accepted <- c
	}))
	c := dial(t, url, &DialOptions{Subprotocols: []string{"soap", "chat"}})
	s := <-accepted
	defer end(s)
	for _, side := range []*Conn{c, s} {
		require.Equal(t, "chat", side.Subprotocol())
		require.IsType(t, &net.TCPConn{}, side.Transport())
	}
	require.Equal(t, c.LocalAddr().String(), s.RemoteAddr().String())
	require.Equal(t, c.RemoteAddr().String(), s.LocalAddr().String())
	require.NoError(t, c.Write(t.Context(), Text, []byte("abc")))
	ways[0].want(t, s, received{Type: Text, Data: "abc"})
	require.NoError(t, c.Write(t.Context(), Text, []byte("abcd")))
	require.ErrorIs(t, read(t.Context(), s).Err, &ProtocolError{Code: StatusMessageTooBig})
	require.ErrorIs(t, read(t.Context(), c).Err, &CloseError{Code: StatusMessageTooBig})
}

func TestAcceptRefuses(t *testing.T) {
	url, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, &AcceptOptions{CheckOrigin: func(*handshake.Request, string) bool { return false }})
		if c != nil {
			t.Error("a connection was accepted")
		}
		if refused, ok := errors.AsType[*handshake.Error](err); !ok || refused.Status != http.StatusForbidden {
			t.Errorf("%T %v", err, err)
		}
	}))
	_, err := Dial(t.Context(), url, &DialOptions{Header: http.Header{"Origin": {"http://a.example"}}})
	require.Error(t, err)
}

// Bytes that follow the handshake in the same segment are the first of the
// frames, in both directions.
func TestRule8BytesBehindTheHandshake(t *testing.T) {
	hello := wstest.Text("hello, early")
	t.Run("server", func(t *testing.T) {
		url, _ := serve(t, Handler(nil, echo))
		nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
		require.NoError(t, err)
		defer nc.Close()
		request := "GET / HTTP/1.1\r\nHost: " + strings.TrimPrefix(url, "ws://") + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		_, err = nc.Write(hello.Wire([]byte(request), frame.Client, frame.Key{1, 2, 3, 4}))
		require.NoError(t, err)
		skipHead(t, nc)
		p := wstest.NewPeer(t, nc, frame.Client)
		p.Want("the echo of what came with the request", hello)
		p.Send(wstest.Close(StatusNormalClosure, ""))
		p.WantClose("the end", StatusNormalClosure)
	})
	t.Run("client", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		answered := call(func() error { return answerEarly(l, hello) })
		c := dial(t, "ws://"+l.Addr().String(), nil)
		ways[0].want(t, c, received{Type: Text, Data: "hello, early"})
		require.ErrorIs(t, read(t.Context(), c).Err, io.EOF)
		require.NoError(t, <-answered)
	})
}

// skipHead reads to the blank line, and not a byte more.
func skipHead(t *testing.T, r io.Reader) {
	t.Helper()
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		var b [1]byte
		_, err := io.ReadFull(r, b[:])
		require.NoError(t, err, "%s", head)
		head = append(head, b[0])
	}
	require.Contains(t, string(head), " 101 ")
}

// answerEarly accepts one connection, and sends the response, a message and a
// Close frame in one segment.
func answerEarly(l net.Listener, hello wstest.Frame) error {
	nc, err := l.Accept()
	if err != nil {
		return err
	}
	defer nc.Close()
	buf := make([]byte, 4096)
	n, err := nc.Read(buf)
	if err != nil {
		return err
	}
	_, key, _ := strings.Cut(string(buf[:n]), "Sec-WebSocket-Key: ")
	key, _, _ = strings.Cut(key, "\r\n")
	wire := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + handshake.AcceptKey(key) + "\r\n\r\n")
	wire = hello.Wire(wire, frame.Server, frame.Key{})
	wire = wstest.Close(StatusNormalClosure, "").Wire(wire, frame.Server, frame.Key{})
	if _, err := nc.Write(wire); err != nil {
		return err
	}
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, nc)
	return err
}

// What an Observer asks of a connection as it opens, it gets: Done, Context, a
// place in a Group, all of which are settled at the end.
func TestHandlerKeepsWhatOpenAskedFor(t *testing.T) {
	var g Group
	opened := make(chan *Conn, 1)
	var done <-chan struct{}
	var ctx context.Context
	cfg := Config{Observer: &Observer{Open: func(c *Conn) {
		g.Add(c)
		done, ctx = c.Done(), c.Context()
		opened <- c
	}}}
	url, _ := serve(t, Handler(&AcceptOptions{Config: cfg}, func(context.Context, *Conn) error { return nil }))
	require.Error(t, read(t.Context(), dial(t, url, nil)).Err)
	c := <-opened
	<-c.Done()
	require.Equal(t, done, c.Done())
	require.Equal(t, c.Err(), context.Cause(ctx))
	require.NotNil(t, ctx.Value(http.ServerContextKey), "it has the values of the request's, as early as that")
	require.Zero(t, g.Len())
}
