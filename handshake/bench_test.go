package handshake

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// browserRequest is what a browser sends, more or less.
func browserRequest() string {
	return aRequest(
		"Connection: keep-alive, Upgrade", "Pragma: no-cache", "Cache-Control: no-cache",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Origin: http://example.com", "Accept-Encoding: gzip, deflate", "Accept-Language: en-US,en;q=0.9",
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
}

func BenchmarkAccept(b *testing.B) {
	conn := &cannedConn{in: browserRequest()}
	b.ReportAllocs()
	b.SetBytes(int64(len(conn.in)))
	for b.Loop() {
		conn.pos = 0
		if _, err := Accept(conn, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAcceptOnANewGoroutine has a stack that must grow, as servers have.
func BenchmarkAcceptOnANewGoroutine(b *testing.B) {
	conn := &cannedConn{in: browserRequest()}
	done := make(chan error)
	b.ReportAllocs()
	for b.Loop() {
		conn.pos = 0
		go func() {
			_, err := Accept(conn, nil)
			done <- err
		}()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUpgrade leaves out what net/http does.
func BenchmarkUpgrade(b *testing.B) {
	r := httptest.NewRequest("GET", "http://example.com/chat?room=1", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Key": {sampleKey}, "Sec-Websocket-Version": {"13"},
	}
	w := &hijackable{ResponseRecorder: httptest.NewRecorder(), nc: new(cannedConn)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Upgrade(w, r, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOverTheLoopback is a whole connection: both sides, TCP included.
func BenchmarkOverTheLoopback(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			if u, err := Accept(nc, nil); err == nil {
				u.Conn.Close()
			}
		}
	}()
	url := "ws://" + ln.Addr().String()
	b.ReportAllocs()
	for b.Loop() {
		u, err := Connect(context.Background(), url, nil)
		if err != nil {
			b.Fatal(err)
		}
		u.Conn.Close()
	}
}
