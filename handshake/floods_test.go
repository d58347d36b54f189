package handshake

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// endless is a stream whose peer says first and then again, for ever, in pieces
// of so many bytes. It neither allocates nor waits: what is measured is ours.
type endless struct {
	net.Conn // never called
	first    string
	again    string
	piece    int
	read     int // bytes
}

func (e *endless) Read(p []byte) (n int, err error) {
	p = p[:min(len(p), e.piece)]
	for n < len(p) {
		from, at := e.first, e.read
		if at >= len(e.first) {
			from, at = e.again, (at-len(e.first))%len(e.again)
		}
		k := copy(p[n:], from[at:])
		n, e.read = n+k, e.read+k
	}
	return n, nil
}

func (e *endless) Write(p []byte) (int, error)      { return len(p), nil }
func (e *endless) Close() error                     { return nil }
func (e *endless) SetDeadline(time.Time) error      { return nil }
func (e *endless) SetReadDeadline(time.Time) error  { return nil }
func (e *endless) SetWriteDeadline(time.Time) error { return nil }
func (e *endless) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (e *endless) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// allocatedBy returns how many bytes were allocated while f ran.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// floods are heads that never end. What the peer is, a client or a server, is in
// the first line.
var floods = []struct{ name, first, again string }{
	{"of nothing", "", "\r\n"},
	{"first line", "", "a"},
	{"one field", "%s\r\nX: ", "a"},
	{"spaces", "%s\r\nX:", " "},
	{"fields", "%s\r\n", "A: b\r\n"},
	{"empty fields", "%s\r\n", "A:\r\n"},
	{"folds", "%s\r\nA: b\r\n", " c\r\n"},
	{"a fold", "%s\r\nA: b\r\n ", "c"},
	{"backslashes", "%s\r\nSec-WebSocket-Extensions: a; b=\"", `\`},
	{"quotes", "%s\r\nSec-WebSocket-Extensions: ", `"`},
	{"commas", "%s\r\nConnection: ", ","},
	{"protocols", "%s\r\n", "Sec-WebSocket-Protocol: a\r\n"},
}

// eachFlood runs a test with each flood, byte by byte and in pieces. start is the
// first line.
func eachFlood(t *testing.T, start string, test func(t *testing.T, e *endless)) {
	for _, f := range floods {
		for _, piece := range []int{1, 4096} {
			t.Run(fmt.Sprintf("%s/%d", f.name, piece), func(t *testing.T) {
				first := strings.ReplaceAll(f.first, "%s", start)
				test(t, &endless{first: first, again: f.again, piece: piece})
			})
		}
	}
}

// dialling is a ClientConfig whose connections are all nc.
func dialling(nc net.Conn) *ClientConfig {
	return &ClientConfig{NetDial: func(context.Context, string, string) (net.Conn, error) { return nc, nil }}
}

// A server reads little of a request that never ends, in little memory.
func TestFloodsOfClients(t *testing.T) {
	eachFlood(t, "GET / HTTP/1.1", func(t *testing.T, e *endless) {
		var err error
		allocated := allocatedBy(func() { _, err = Accept(e, nil) })
		requireFailure(t, err)
		require.LessOrEqual(t, e.read, defaultMaxHeaderBytes+lingerBytes+4096)
		require.Less(t, allocated, uint64(128<<10))
	})
}

// A client reads little of a response that never ends, in little memory.
func TestFloodsOfServers(t *testing.T) {
	eachFlood(t, "HTTP/1.1 101 Switching Protocols", func(t *testing.T, e *endless) {
		var err error
		allocated := allocatedBy(func() { _, err = Connect(t.Context(), "ws://example.com", dialling(e)) })
		require.Zero(t, requireFailure(t, err).Status)
		require.LessOrEqual(t, e.read, defaultMaxResponseBytes)
		require.Less(t, allocated, uint64(512<<10))
	})
}

// Nor does it take to endless interim responses, or to refusals that talk on.
func TestFloodsBehindAHead(t *testing.T) {
	for name, e := range map[string]endless{
		"interim responses":  {first: "", again: "HTTP/1.1 100 Continue\r\n\r\n"},
		"body":               {first: "HTTP/1.1 403 Forbidden\r\n\r\n", again: "no "},
		"body in chunks":     {first: "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n", again: "1\r\nx\r\n"},
		"chunk of 4 EiB":     {first: "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3fffffffffffffff\r\n", again: "x"},
		"chunk extensions":   {first: "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n1;", again: "a=b;"},
		"trailers":           {first: "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", again: "A: b\r\n"},
		"a length of 8 EiB":  {first: "HTTP/1.1 403 Forbidden\r\nContent-Length: 9223372036854775807\r\n\r\n", again: "x"},
		"a redirect's body":  {first: "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", again: "x"},
		"an answer to a GET": {first: "HTTP/1.1 200 OK\r\n\r\n", again: "<!DOCTYPE html>"},
	} {
		for _, e.piece = range []int{1, 4096} {
			t.Run(fmt.Sprintf("%s/%d", name, e.piece), func(t *testing.T) {
				var err error
				allocated := allocatedBy(func() { _, err = Connect(t.Context(), "ws://example.com", dialling(&e)) })
				require.LessOrEqual(t, len(requireFailure(t, err).Body), defaultMaxBodyBytes)
				require.LessOrEqual(t, e.read, defaultMaxResponseBytes+defaultMaxBodyBytes*8)
				require.Less(t, allocated, uint64(512<<10))
			})
		}
	}
}

// Where somebody allows much, much takes linear time.
func TestLargeResponsesTakeLinearTime(t *testing.T) {
	for name, field := range map[string]func(n int) string{
		"one field":   func(n int) string { return "X: " + strings.Repeat("a", n) + "\r\n" },
		"fields":      func(n int) string { return strings.Repeat("A: b\r\n", n/6) },
		"spaces":      func(n int) string { return "Connection: " + strings.Repeat(" ", n) + "\r\n" },
		"commas":      func(n int) string { return "Connection: " + strings.Repeat(",", n) + "\r\n" },
		"backslashes": func(n int) string { return `Sec-WebSocket-Extensions: a; b="` + strings.Repeat(`\\`, n/2) + "\"\r\n" },
		"extensions":  func(n int) string { return strings.Repeat("Sec-WebSocket-Extensions: a\r\n", n/29) },
		"protocols":   func(n int) string { return strings.Repeat("Sec-WebSocket-Protocol: a\r\n", n/27) },
		"a long fold": func(n int) string { return "X: a\r\n " + strings.Repeat("a", n) + "\r\n" },
	} {
		for _, piece := range []int{1, 4096} {
			t.Run(fmt.Sprintf("%s/%d", name, piece), func(t *testing.T) {
				wstest.Linear(t, 32_000, func(n int) {
					response := strings.TrimSuffix(aResponse(), "\r\n") + field(n) + "\r\n"
					e := &endless{first: response, again: "x", piece: piece}
					cfg := dialling(e)
					cfg.MaxHeaderBytes, cfg.MaxHeaders = 8<<20, 1<<20
					_, err := Connect(t.Context(), "ws://example.com", cfg)
					require.Equal(t, 101, requireFailure(t, err).Status, "the accept value is wrong, if nothing else is")
				})
			})
		}
	}
}

// net/http lets a megabyte of header pass: 100,000 fields, of which all may be
// those that we look at.
func TestUpgradeOfManyFieldsTakesLinearTime(t *testing.T) {
	for name, value := range map[string]string{
		"Connection": "keep-alive", "Upgrade": "h2c", "Sec-Websocket-Extensions": `a; b="\""`,
		"Sec-Websocket-Protocol": "x", "Sec-Websocket-Version": "12", "Sec-Websocket-Key": sampleKey,
		"Origin": "http://a.example", "X-Whatever": "x",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &ServerConfig{Subprotocols: []string{"a", "b"}, Deflate: &DeflateConfig{}, OriginPatterns: []string{"*.org"}}
			// To make the requests takes longer than to refuse them.
			requests := map[int]*http.Request{}
			for _, n := range []int{8_000, 4 * 8_000} {
				requests[n] = requestWith(name, value, n)
			}
			wstest.Linear(t, 8_000, func(n int) {
				_, err := Upgrade(httptest.NewRecorder(), requests[n], cfg)
				require.Error(t, err)
			})
			allocated := allocatedBy(func() { Upgrade(httptest.NewRecorder(), requestWith(name, value, 0), cfg) })
			many := requestWith(name, value, 100_000)
			grown := allocatedBy(func() { Upgrade(httptest.NewRecorder(), many, cfg) })
			require.LessOrEqual(t, grown, allocated+100_000*64)
		})
	}
}

// requestWith is a proper request with n more values of a field.
func requestWith(name, value string, n int) *http.Request {
	r := httptest.NewRequest("GET", "http://example.com/chat", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {sampleKey},
	}
	for range n {
		r.Header[name] = append(r.Header[name], value)
	}
	return r
}

// Thousands of handshakes that have begun and do not end, on both sides: some say
// nothing more, some drip a byte a second. All are over after Timeout, no goroutine
// is left (or the bubble would not end), and they have cost little until then.
func TestThousandsOfHalfOpenHandshakes(t *testing.T) {
	const pairs = 1500
	for _, side := range []struct {
		name  string
		says  string // by their peer
		shake func(nc net.Conn, timeout time.Duration) error
	}{
		{"servers", aRequest(), func(nc net.Conn, timeout time.Duration) error {
			_, err := Accept(nc, &ServerConfig{Timeout: timeout})
			return err
		}},
		{"clients", aResponse("X: " + strings.Repeat("a", 1000)), func(nc net.Conn, timeout time.Duration) error {
			cfg := dialling(nc)
			cfg.Timeout = timeout
			_, err := Connect(context.Background(), "ws://example.com", cfg)
			return err
		}},
	} {
		t.Run(side.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const timeout = 20 * time.Second
				goroutines, begin := runtime.NumGoroutine(), time.Now()
				results := make(chan error, pairs)
				var peers []*wstest.Conn
				allocated := allocatedBy(func() {
					for i := range pairs {
						nc, peer := wstest.Pipe()
						peers = append(peers, peer)
						go drip(peer, side.says[:i%100], i%2 == 0)
						go func() { results <- side.shake(nc, timeout) }()
					}
					synctest.Wait()
				})
				require.Less(t, allocated, uint64(pairs*20<<10), "of which the pipes are a part")
				require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+pairs+pairs/2+10, "theirs and half the drips")
				for range pairs {
					requireFailure(t, <-results)
				}
				require.LessOrEqual(t, time.Since(begin), timeout+lingerTime)
				for _, p := range peers {
					p.Close()
				}
				time.Sleep(time.Second) // the last drop
			})
		})
	}
}

// drip says s at once, or a byte a second. It ends when nobody listens any more.
func drip(nc *wstest.Conn, s string, slowly bool) {
	if !slowly {
		io.WriteString(nc, s)
		return
	}
	for i := range len(s) {
		if _, err := nc.Write([]byte{s[i]}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}
