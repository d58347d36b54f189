package fuzz

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/handshake"
)

// dialThrough runs Connect through a proxy that says data, whatever it is asked, in
// chunks. When the request for the WebSocket comes, a proper answer follows.
func dialThrough(proxy string, data []byte, chunk int) (*handshake.Upgraded, *scripted, error) {
	conn := &scripted{in: bytes.Clone(data), chunk: chunk}
	conn.onWrite = func(p []byte) {
		if !bytes.HasPrefix(p, []byte("GET ")) {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p)))
		if err != nil {
			panic(err)
		}
		accept := handshake.AcceptKey(r.Header.Get("Sec-WebSocket-Key"))
		conn.in = append(conn.in, strings.ReplaceAll(upgradeResponse+"\r\n", "{accept}", accept)...)
	}
	u, err := handshake.Connect(context.Background(), "ws://example.com/", &handshake.ClientConfig{
		NetDial:        func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		Proxy:          func(*http.Request) (*url.URL, error) { return url.Parse(proxy) },
		MaxHeaderBytes: 1 << 10,
		MaxHeaders:     20,
		MaxBodyBytes:   100,
	})
	return u, conn, err
}

// tunnelled checks what must hold whatever a proxy says: the verdict does not depend
// on the chunks, no failure tells a secret, and the request for the target goes out if
// and only if the proxy has opened the tunnel, without anything that is for the proxy.
// It reports whether it has.
func tunnelled(t *testing.T, proxy string, data []byte, chunk uint8) bool {
	t.Helper()
	_, whole, err := dialThrough(proxy, data, 0)
	_, cut, errCut := dialThrough(proxy, data, max(1, int(chunk)))
	require.Equal(t, statusOf(t, err), statusOf(t, errCut), "%v; in chunks of %d: %v", err, cut.chunk, errCut)
	require.Equal(t, verdict(err), verdict(errCut))
	_, request, opened := strings.Cut(whole.out.String(), "GET / HTTP/1.1\r\n")
	_, _, openedCut := strings.Cut(cut.out.String(), "GET / HTTP/1.1\r\n")
	require.Equal(t, opened, openedCut)
	if err != nil {
		var failure *handshake.Error
		require.ErrorAs(t, err, &failure)
		require.LessOrEqual(t, len(failure.Body), 100)
		require.Equal(t, opened, failure.Proxy == "", "whose failure it is: %v", err)
		require.NotContains(t, err.Error(), "s3cr3t-pa55")
	}
	require.NotContains(t, request, "Proxy-")
	return opened
}

// verdict is who has failed.
func verdict(err error) string {
	if err == nil {
		return "nobody"
	}
	return "proxy " + err.(*handshake.Error).Proxy
}

// FuzzConnectProxy gives any bytes to a client that has asked an HTTP proxy for a
// tunnel. What opens it is a response that net/http reads as one of 2xx.
func FuzzConnectProxy(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 Connection established\r\n\r\n"), uint8(1))
	f.Add([]byte("HTTP/1.0 200 OK\r\nProxy-Agent: a\r\n\r\nHTTP/1.1 103 \r\n\r\n"), uint8(7))
	f.Add([]byte("HTTP/1.1 100 \r\n\r\nHTTP/1.1 299 OK\r\nContent-Length: 5\r\n\r\n"), uint8(3))
	f.Add([]byte("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nabc"), uint8(2))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: ws://evil.example\r\n\r\n"), uint8(0))
	f.Add([]byte("\x05\x00\x05\x00"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		if !tunnelled(t, "http://user:s3cr3t-pa55@proxy.example", data, chunk) {
			return
		}
		in := bufio.NewReader(bytes.NewReader(data))
		for {
			r, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
			if err != nil {
				return // a Content-Length that is no number, which a 2xx does not have anyway
			}
			if r.StatusCode/100 != 1 {
				require.Equal(t, 2, r.StatusCode/100)
				return
			}
		}
	})
}

// FuzzSOCKSProxy gives any bytes to a client that has asked a SOCKS proxy. They open
// the tunnel if and only if a plain reading of RFC 1928 and RFC 1929 says so, which
// also says where the target's bytes begin.
func FuzzSOCKSProxy(f *testing.F) {
	f.Add([]byte("\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"), uint8(1))
	f.Add([]byte("\x05\x02\x01\x00\x05\x00\x00\x03\x03abc\x00\x50"), uint8(2))
	f.Add([]byte("\x05\x02\x01\x00\x05\x00\x00\x04abcdefghijklmnop\x00\x50HTTP/1.1 103 \r\n\r\n"), uint8(5))
	f.Add([]byte("\x05\xff"), uint8(0))
	f.Add([]byte("\x05\x02\x01\x01"), uint8(0))
	f.Add([]byte("\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		const proxy = "socks5://user:s3cr3t-pa55@proxy.example"
		n, ok := readSOCKS(data)
		require.Equal(t, ok, tunnelled(t, proxy, data, chunk))
		if !ok {
			return
		}
		u, conn, err := dialThrough(proxy, data[:n], int(chunk))
		require.NoError(t, err, "what the proxy said ends there")
		require.Empty(t, u.Buffered)
		require.Equal(t, len(conn.in), conn.read)
	})
}

// readSOCKS returns how long the answers of a proxy are that opens the tunnel, to a
// client that has a user name and a password.
func readSOCKS(data []byte) (n int, ok bool) {
	in := bytes.NewReader(data)
	take := func(n int) []byte {
		p := make([]byte, n)
		if _, err := io.ReadFull(in, p); err != nil {
			return make([]byte, n) // no answer begins with a zero
		}
		return p
	}
	switch string(take(2)) {
	case "\x05\x00":
	case "\x05\x02":
		if string(take(2)) != "\x01\x00" {
			return 0, false
		}
	default:
		return 0, false
	}
	if string(take(3)) != "\x05\x00\x00" {
		return 0, false
	}
	size := map[byte]int{1: 4, 4: 16}[take(1)[0]]
	if size == 0 {
		if in.UnreadByte() != nil || take(1)[0] != 3 || in.Len() == 0 {
			return 0, false
		}
		size = int(take(1)[0])
	}
	if in.Len() < size+2 {
		return 0, false
	}
	take(size + 2)
	return len(data) - in.Len(), true
}
