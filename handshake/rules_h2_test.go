package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Rule 37: WebSocket over HTTP/2 is CONNECT with :protocol (RFC 8441).

// ask sends an extended CONNECT to s with some edits of the header, and returns the
// answer with the first bytes of its body.
func ask(t *testing.T, s *h2server, edit func(r *http.Request)) (*http.Response, string) {
	t.Helper()
	nc, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	l := s.pool.newLink(originKey{addr: s.Listener.Addr().String()}, nc, 0)
	defer l.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body, stop := io.Pipe()
	defer stop.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodConnect, s.URL+"/chat?room=1", body)
	require.NoError(t, err)
	r.Header = http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	if edit != nil {
		edit(r)
	}
	answer, err := l.rt.RoundTrip(r)
	require.NoError(t, err)
	require.Equal(t, 2, answer.ProtoMajor)
	if answer.StatusCode == http.StatusOK {
		return answer, ""
	}
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(text)
}

// with sets a field of the header.
func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func without(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(name) }
}

func TestRule37SuccessIs200(t *testing.T) {
	cfg := &ServerConfig{
		Subprotocols: []string{"b", "a"}, Deflate: &DeflateConfig{},
		Header: http.Header{"X-Server": {"one\r\ntwo"}, "Upgrade": {"h2c"}, "Not A Token": {"x"}},
	}
	s := serveH2(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Sec-WebSocket-Accept", "x")
		streams(cfg, func(u *Upgraded) {})(w, r)
	}, nil)
	answer, _ := ask(t, s, func(r *http.Request) {
		r.Header.Set("Sec-WebSocket-Protocol", "a, b")
		r.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate")
		r.Header.Set("Sec-WebSocket-Key", "is not looked at")
	})
	require.Equal(t, 200, answer.StatusCode)
	require.Equal(t, "b", answer.Header.Get("Sec-WebSocket-Protocol"))
	require.Contains(t, answer.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	require.Equal(t, "a=b", answer.Header.Get("Set-Cookie"))
	require.Equal(t, "one  two", answer.Header.Get("X-Server"))
	for _, name := range []string{"Upgrade", "Connection", "Sec-Websocket-Accept", "Content-Length", "Content-Type", "Not A Token"} {
		require.NotContains(t, answer.Header, name)
	}
}

func TestRule37Rejections(t *testing.T) {
	cfg := &ServerConfig{Check: func(r *Request) error {
		switch r.Path() {
		case "/private":
			return &Error{Status: 401, Header: http.Header{"Www-Authenticate": {"Basic"}}}
		case "/broken":
			return errors.New("a secret")
		}
		return nil
	}}
	failed := make(chan error, 1)
	s := serveH2(t, func(w http.ResponseWriter, r *http.Request) {
		u, err := Upgrade(w, r, cfg)
		if err == nil {
			u.Conn.Close()
		}
		failed <- err
	}, nil)
	for _, tt := range []struct {
		edit   func(*http.Request)
		status int
		says   string
	}{
		{without("Sec-WebSocket-Version"), 400, "Sec-WebSocket-Version header must be 13"},
		{func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, 400, "must be 13"},
		{with("Sec-WebSocket-Version", "13"), 400, "there must be one"},
		{func(r *http.Request) { r.Header[":protocol"] = []string{"connect-udp"} }, 501, ":protocol"},
		{with("Origin", "https://evil.example"), 403, "origin"},
		{with("Sec-WebSocket-Extensions", "permessage-deflate;"), 400, "malformed"},
		{with("Sec-WebSocket-Protocol", "a b"), 400, "token"},
		{func(r *http.Request) { r.ContentLength = 5 }, 400, "no body"},
		{func(r *http.Request) { r.URL.Path = "/private" }, 401, "Unauthorized"},
		{func(r *http.Request) { r.URL.Path = "/broken" }, 403, "refused"},
	} {
		answer, body := ask(t, s, tt.edit)
		require.Equal(t, tt.status, answer.StatusCode, tt.says)
		require.Contains(t, body, tt.says)
		require.NotContains(t, body, "a secret")
		require.NotContains(t, answer.Header, "Connection", "RFC 9113, section 8.2.2")
		require.NotContains(t, answer.Header, "Upgrade")
		require.Equal(t, tt.status, requireFailure(t, <-failed).Status)
		if strings.Contains(tt.says, "must be 13") {
			require.Equal(t, "13", answer.Header.Get("Sec-WebSocket-Version"))
		}
	}
	answer, _ := ask(t, s, with("Origin", s.URL))
	require.Equal(t, 200, answer.StatusCode, "the server's own origin")
	require.NoError(t, <-failed)
}

// plainWriter cannot flush, and so cannot begin a stream.
type plainWriter struct{ http.ResponseWriter }

// unwrapping is a middleware's writer that can be seen through.
type unwrapping struct {
	http.ResponseWriter
	t *testing.T
}

func (w unwrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w unwrapping) Write(p []byte) (int, error) {
	w.t.Errorf("a middleware has %d bytes of the stream to change", len(p))
	return len(p), nil
}

func TestRule37Middlewares(t *testing.T) {
	wrap := func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{w, t} }
	failed := make(chan error, 1)
	s := serveH2(t, func(w http.ResponseWriter, r *http.Request) {
		u, err := Upgrade(wrap(w), r, nil)
		failed <- err
		if err == nil {
			echoes(u)
		}
	}, nil)
	u := connectH2(t, s, nil)
	require.NoError(t, <-failed)
	requireEcho(t, u.Conn, "hello")

	wrap = func(w http.ResponseWriter) http.ResponseWriter { return plainWriter{w} }
	_, err := Connect(t.Context(), s.url, s.config())
	require.Equal(t, 501, requireFailure(t, err).Status)
	require.ErrorContains(t, <-failed, "plainWriter")
}
