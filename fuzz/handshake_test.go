package fuzz

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
)

// scripted is a net.Conn that gives in, a chunk at a time, and keeps what it is
// given. It knows no time: what never comes is EOF.
type scripted struct {
	net.Conn
	in      []byte
	chunk   int
	read    int
	out     bytes.Buffer
	onWrite func(p []byte) // may set in
}

func (c *scripted) Read(p []byte) (int, error) {
	rest := c.in[c.read:]
	if len(rest) == 0 {
		return 0, io.EOF
	}
	if c.chunk > 0 {
		rest = rest[:min(c.chunk, len(rest))]
	}
	n := copy(p, rest)
	c.read += n
	return n, nil
}

func (c *scripted) Write(p []byte) (int, error) {
	c.out.Write(p)
	if c.onWrite != nil {
		c.onWrite(p)
	}
	return len(p), nil
}

func (c *scripted) Close() error                     { return nil }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// hijackable is the http.ResponseWriter of a request that came over conn.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, nil, nil }

const upgradeRequest = "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

var requestLimits = handshake.ServerConfig{
	Subprotocols:   []string{"chat", "superchat"},
	OriginPatterns: []string{"*.example"},
	MaxHeaderBytes: 1 << 10,
	MaxHeaders:     20,
}

// statusOf returns the status of the answer that err stands for: 101 if nil, 0 if
// there was none.
func statusOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusSwitchingProtocols
	}
	var failure *handshake.Error
	require.ErrorAs(t, err, &failure)
	require.NotEmpty(t, failure.Reason)
	return failure.Status
}

// FuzzRequest gives any bytes to the raw server. It must not panic, must answer
// the same whatever the chunks, and must not accept what net/http would not.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(upgradeRequest+"\r\n"), uint8(1))
	f.Add([]byte(upgradeRequest+"Origin: https://a.example\r\nSec-WebSocket-Protocol: superchat, chat\r\n\r\n\x81\x80abcd"), uint8(7))
	f.Add([]byte(upgradeRequest+"Sec-WebSocket-Extensions: permessage-deflate; a=\"b,c\\\"\"\r\n\r\n"), uint8(3))
	f.Add([]byte(strings.Replace(upgradeRequest, "/chat", "http://a.example:80/%20", 1)+"\r\n"), uint8(2))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), uint8(0))
	f.Add([]byte("\x16\x03\x01\x00"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		whole := &scripted{in: data}
		u, err := handshake.Accept(whole, &requestLimits)
		status := statusOf(t, err)
		sameInChunks(t, data, int(chunk), status, u, whole)
		if err == nil {
			require.LessOrEqual(t, whole.read-len(u.Buffered), requestLimits.MaxHeaderBytes)
			require.Equal(t, data[whole.read-len(u.Buffered):whole.read], nonNil(u.Buffered))
		} else if status != 0 {
			requireAnswer(t, whole.out.Bytes(), status)
		}
		sameThroughNetHTTP(t, data, status, u, whole.out.String())
	})
}

func nonNil(p []byte) []byte { return append([]byte{}, p...) }

func sameInChunks(t *testing.T, data []byte, chunk, status int, want *handshake.Upgraded, whole *scripted) {
	t.Helper()
	cut := &scripted{in: data, chunk: max(1, chunk)}
	u, err := handshake.Accept(cut, &requestLimits)
	require.Equal(t, status, statusOf(t, err), "in chunks of %d: %v", cut.chunk, err)
	if err != nil {
		return
	}
	require.Equal(t, whole.out.String(), cut.out.String())
	require.Equal(t, whole.read-len(want.Buffered), cut.read-len(u.Buffered), "the head ends at the same byte")
	require.Equal(t, []string{want.URI, want.Host, want.Subprotocol}, []string{u.URI, u.Host, u.Subprotocol})
}

// requireAnswer checks a rejection as a client would read it.
func requireAnswer(t *testing.T, raw []byte, status int) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(raw))
	r, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, status, r.StatusCode)
	require.GreaterOrEqual(t, status, 400)
	require.True(t, r.Close)
	if r.Header.Get("Allow") != "" {
		return // it may have been HEAD
	}
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NotEmpty(t, body)
	require.Zero(t, in.Buffered())
}

// sameThroughNetHTTP gives the bytes to net/http's parser and the outcome to
// Upgrade. What Accept accepted must come out the same; what it refused for
// another reason than the grammar must be refused likewise.
func sameThroughNetHTTP(t *testing.T, data []byte, status int, want *handshake.Upgraded, out string) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		absolute := want != nil && !bytes.HasPrefix(data, []byte("GET /"))
		if !absolute { // of authorities net/url has ideas of its own
			require.NotEqual(t, 101, status, "net/http refuses it: %v", err)
		}
		return
	}
	conn := &scripted{}
	u, err := handshake.Upgrade(hijackable{httptest.NewRecorder(), conn}, r, &requestLimits)
	switch status {
	case 101:
		require.NoError(t, err)
		require.Equal(t, out, conn.out.String())
		require.Equal(t, []string{want.URI, want.Host, want.Subprotocol}, []string{u.URI, u.Host, u.Subprotocol})
	case 403, 405, 426, 505:
		require.Equal(t, status, statusOf(t, err))
	}
}

const upgradeResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: {accept}\r\n"

// dial runs Connect against a server that answers with the data, {accept} being
// replaced by the proper accept value.
func dial(data []byte, chunk int) (*handshake.Upgraded, *scripted, error) {
	conn := &scripted{chunk: chunk}
	conn.onWrite = func(p []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p)))
		if err != nil {
			panic(err)
		}
		accept := handshake.AcceptKey(r.Header.Get("Sec-WebSocket-Key"))
		conn.in = bytes.ReplaceAll(data, []byte("{accept}"), []byte(accept))
	}
	u, err := handshake.Connect(context.Background(), "ws://example.com/", &handshake.ClientConfig{
		Subprotocols:   []string{"chat", "superchat"},
		NetDial:        func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		MaxHeaderBytes: 1 << 10,
		MaxHeaders:     20,
		MaxBodyBytes:   100,
	})
	return u, conn, err
}

// FuzzResponse gives any bytes to the client. It must not panic, must judge the
// same whatever the chunks, and must not accept what net/http reads otherwise.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(upgradeResponse+"\r\n"), uint8(1))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n"+upgradeResponse+"Sec-WebSocket-Protocol: chat\r\n\r\n\x81\x00"), uint8(5))
	f.Add([]byte("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), uint8(2))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 3\r\n\r\nabcdef"), uint8(0))
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\n"+strings.Repeat("a", 200)), uint8(9))
	f.Add([]byte(strings.Replace(upgradeResponse, "n: U", "n: a,\t\r\n \tU", 1)+"Sec-WebSocket-Protocol:\r\n chat\r\n\r\n"), uint8(4))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		u, whole, err := dial(data, 0)
		v, cut, errCut := dial(data, max(1, int(chunk)))
		require.Equal(t, statusOf(t, err), statusOf(t, errCut), "%v; in chunks of %d: %v", err, cut.chunk, errCut)
		require.Equal(t, err == nil, errCut == nil)
		if err != nil {
			var failure *handshake.Error
			require.ErrorAs(t, err, &failure)
			require.LessOrEqual(t, len(failure.Body), 100)
			return
		}
		require.Equal(t, whole.read-len(u.Buffered), cut.read-len(v.Buffered), "the head ends at the same byte")
		require.Equal(t, []string{"", "chat", "superchat"}, slices.Compact(slices.Sorted(slices.Values(
			[]string{"", "chat", "superchat", u.Subprotocol}))), "nothing that was not offered")
		sameResponse(t, whole.in[:whole.read-len(u.Buffered)], u)
	})
}

// sameResponse reads an accepted head, and the interim ones before it, with
// net/http's parser.
func sameResponse(t *testing.T, head []byte, u *handshake.Upgraded) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(head))
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return // a Content-Length that is no number, which a 101 does not have anyway
		}
		if r.StatusCode == http.StatusSwitchingProtocols {
			require.Equal(t, u.Subprotocol, r.Header.Get("Sec-WebSocket-Protocol"))
			require.Equal(t, "websocket", strings.ToLower(r.Header.Get("Upgrade")))
			return
		}
		require.Equal(t, 1, r.StatusCode/100)
	}
}

// FuzzExtensions: what parses is written back as text that parses to the same,
// and the parser reads a list the same on one line as on several.
func FuzzExtensions(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits; server_max_window_bits=10")
	f.Add(`foo; a="b,c;d\"\\", bar` + "\n baz ;q= 1")
	f.Add(", ,foo,,")
	f.Add(`foo; a="\`)
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		exts, err := handshake.ParseExtensions(lines)
		if err != nil {
			require.Nil(t, exts)
			return
		}
		require.LessOrEqual(t, len(exts), len(text))
		var elements []string
		for _, ext := range exts {
			require.NotEmpty(t, ext.Name)
			elements = append(elements, ext.String())
			alone, err := handshake.ParseExtensions([]string{ext.String()})
			require.NoError(t, err)
			require.Equal(t, []handshake.Extension{ext}, alone)
		}
		for _, header := range [][]string{elements, {strings.Join(elements, ", ")}, {strings.Join(lines, ",")}} {
			again, err := handshake.ParseExtensions(header)
			require.NoError(t, err, "%q", header)
			require.Equal(t, exts, again, "%q", header)
		}
	})
}

// FuzzAcceptRequestsOfOurClient: whatever a program asks of Connect, either it
// says no before it has sent a byte, or both our server and net/http understand
// the request as it was meant, and Connect takes the server's answer.
func FuzzAcceptRequestsOfOurClient(f *testing.F) {
	f.Add("ws://example.com/chat?room=1", "X-Name", "value", "chat")
	f.Add("http://user:pass@[::1]:8080/a b?c d", "Host", "virtual.example:1", "a,b")
	f.Add("ws://example.com:080?ü", "Authorization", " x\t", "")
	f.Add("ws://a/%2F//../?#", "Sec-WebSocket-Key", "x", "chat")
	f.Add("ws://a/", "Cookie", "a=b\r\nEvil: 1", "a b")
	f.Fuzz(func(t *testing.T, url, name, value, subprotocols string) {
		cfg := handshake.ClientConfig{Header: http.Header{name: {value}}}
		if subprotocols != "" {
			cfg.Subprotocols = strings.Split(subprotocols, ",")
		}
		client, server := &scripted{}, &scripted{}
		var accepted *handshake.Upgraded
		client.onWrite = func(p []byte) {
			server.in = bytes.Clone(p)
			var err error
			accepted, err = handshake.Accept(server, &handshake.ServerConfig{
				Subprotocols:            cfg.Subprotocols,
				InsecureSkipOriginCheck: true, // the name may be Origin
				KeepHeader:              []string{name},
				MaxHeaderBytes:          1 << 20,
			})
			require.NoError(t, err, "%q", p)
			client.in = server.out.Bytes()
		}
		cfg.NetDial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
		if strings.HasPrefix(strings.ToLower(url), "wss") || strings.HasPrefix(strings.ToLower(url), "https") {
			return // the scripted server speaks no TLS
		}
		u, err := handshake.Connect(context.Background(), url, &cfg)
		if accepted == nil {
			var failure *handshake.Error
			require.True(t, errors.As(err, &failure))
			require.Zero(t, client.out.Len())
			return
		}
		require.NoError(t, err)
		require.Empty(t, accepted.Buffered, "nothing is sent behind the request")
		require.Equal(t, []string{u.URI, u.Host, u.Subprotocol}, []string{accepted.URI, accepted.Host, accepted.Subprotocol})
		if value = strings.Trim(value, " \t"); value != "" || !strings.EqualFold(name, "User-Agent") { // that one is left out
			require.Equal(t, []string{value}, accepted.Header.Values(name))
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(client.out.Bytes())))
		require.NoError(t, err)
		require.Equal(t, u.Host, r.Host)
		require.Equal(t, u.URI, r.RequestURI)
	})
}
