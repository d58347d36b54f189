package handshake

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// aRequest returns a proper opening request with some edits: "GET / HTTP/1.0" is
// another first line, "-Host" takes a field away, "+Host: a" adds a line, and
// "Host: a" takes the place of the line there is.
func aRequest(edits ...string) string {
	lines := []string{
		"GET /chat?room=1 HTTP/1.1",
		"Host: example.com",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Key: " + sampleKey,
		"Sec-WebSocket-Version: 13",
	}
	return assemble(lines, edits)
}

// aResponse returns a proper answer to sampleKey, edited likewise.
func aResponse(edits ...string) string {
	lines := []string{
		"HTTP/1.1 101 Switching Protocols",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Accept: {accept}",
	}
	return assemble(lines, edits)
}

func assemble(lines, edits []string) string {
	for _, edit := range edits {
		name, _, _ := strings.Cut(strings.TrimLeft(edit, "+-"), ":")
		has := func(line string) bool { return strings.HasPrefix(line, name+":") }
		i := slices.IndexFunc(lines, has)
		switch {
		case edit[0] == '+':
			lines = append(lines, edit[1:])
		case edit[0] == '-':
			lines = slices.Delete(lines, i, i+1)
		case strings.Contains(edit, "HTTP/"):
			lines[0] = edit
		case i < 0:
			lines = append(lines, edit)
		default:
			lines[i] = edit
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// outcome is what came of a request: what the client read until the server hung
// up, and what the server's function returned.
type outcome struct {
	*http.Response // nil if nothing came
	raw, body      string
	upgraded       *Upgraded
	err            error
}

func (o *outcome) requireUpgraded(t *testing.T, msg ...any) {
	t.Helper()
	require.NoError(t, o.err, msg...)
	require.Equal(t, 101, o.StatusCode, msg...)
	require.Equal(t, []string{sampleAccept}, o.Header["Sec-Websocket-Accept"], msg...)
}

// requireRejected checks what every rejection has; net/http may have made it
// before we were asked.
func (o *outcome) requireRejected(t *testing.T, status int, msg ...any) {
	t.Helper()
	require.NotNil(t, o.Response, msg...)
	require.Equal(t, status, o.StatusCode, msg...)
	require.Nil(t, o.upgraded, msg...)
	require.Contains(t, o.raw, "\r\nConnection: close\r\n", msg...)
	if o.err != nil {
		var failure *Error
		require.ErrorAs(t, o.err, &failure, msg...)
		require.Equal(t, status, failure.Status, msg...)
		require.NotEmpty(t, failure.Reason, msg...)
	}
}

// server is a way for a request to reach us.
type server func(t *testing.T, cfg *ServerConfig, request string) *outcome

// onBothPaths runs a test of the server's rules for Upgrade and for Accept.
func onBothPaths(t *testing.T, test func(t *testing.T, serve server)) {
	t.Run("net-http", func(t *testing.T) { test(t, serveHTTP) })
	t.Run("raw", func(t *testing.T) { test(t, serveRaw) })
}

// serveHTTP sends the request to an http.Server on the loopback interface.
func serveHTTP(t *testing.T, cfg *ServerConfig, request string) *outcome {
	return serveWith(t, request, func(w http.ResponseWriter, r *http.Request) (*Upgraded, error) {
		return Upgrade(w, r, cfg)
	})
}

func serveWith(t *testing.T, request string, upgrade func(http.ResponseWriter, *http.Request) (*Upgraded, error)) *outcome {
	t.Helper()
	var o outcome
	var handling sync.Mutex
	calls := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handling.Lock()
		defer handling.Unlock()
		calls++
		if o.upgraded, o.err = upgrade(w, r); o.err == nil {
			o.upgraded.Conn.Close()
		}
	}))
	defer s.Close()
	nc, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	o.talk(t, nc, request)
	s.Close()
	handling.Lock() // the server does not wait for handlers that have hijacked
	defer handling.Unlock()
	require.LessOrEqual(t, calls, 1, "a second request on the connection was served")
	return &o
}

// serveRaw sends the request to Accept over a connection in memory.
func serveRaw(t *testing.T, cfg *ServerConfig, request string) *outcome {
	t.Helper()
	var o outcome
	client, server := wstest.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if o.upgraded, o.err = Accept(server, cfg); o.err == nil {
			o.upgraded.Conn.Close()
		}
	}()
	o.talk(t, client, request)
	client.Close()
	<-done
	return &o
}

// talk sends the request and reads until the server hangs up.
func (o *outcome) talk(t *testing.T, nc net.Conn, request string) {
	t.Helper()
	_, err := io.WriteString(nc, request)
	require.NoError(t, err)
	raw, _ := io.ReadAll(nc) // a reset ends it as well as EOF
	o.raw = string(raw)
	r := bufio.NewReader(strings.NewReader(o.raw))
	if o.Response, err = http.ReadResponse(r, nil); err != nil {
		o.Response = nil
		return
	}
	body, _ := io.ReadAll(o.Body)
	o.body = string(body)
}

// dialogue is what a scripted server saw of Connect.
type dialogue struct {
	mu       sync.Mutex
	requests []*http.Request
	dialled  []string
	after    string // what the client sent after its last request, until it closed
}

// connect runs Connect against a server that gives one of the answers to each
// connection, {accept} in it being replaced by the proper accept value, and then
// says nothing more.
func connect(t *testing.T, url string, cfg *ClientConfig, answers ...string) (*Upgraded, *dialogue, error) {
	t.Helper()
	var d dialogue
	var conf ClientConfig
	if cfg != nil {
		conf = *cfg
	}
	done := make(chan struct{}, len(answers))
	served := 0
	conf.NetDial = func(_ context.Context, network, addr string) (net.Conn, error) {
		d.dialled = append(d.dialled, network+" "+addr)
		client, server := wstest.Pipe()
		answer := answers[served]
		served++
		go func() {
			defer func() { done <- struct{}{} }()
			d.serve(server, answer)
		}()
		return client, nil
	}
	u, err := Connect(t.Context(), url, &conf)
	if err == nil {
		u.Conn.Close()
	}
	for range served {
		<-done
	}
	return u, &d, err
}

func (d *dialogue) serve(nc *wstest.Conn, answer string) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	d.mu.Lock()
	d.requests = append(d.requests, r)
	d.mu.Unlock()
	answer = strings.ReplaceAll(answer, "{accept}", AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	io.WriteString(nc, answer)
	nc.CloseWrite()
	after, _ := io.ReadAll(in)
	d.mu.Lock()
	d.after = string(after)
	d.mu.Unlock()
}

// requireFailure returns err as the *Error it must be.
func requireFailure(t *testing.T, err error, msg ...any) *Error {
	t.Helper()
	var failure *Error
	require.ErrorAs(t, err, &failure, msg...)
	return failure
}
