package handshake_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	_ "github.com/parleyws/websocket/handshake/http2" // the servers of this program take WebSocket over HTTP/2
)

// One TCP connection for all WebSockets to a server that has HTTP/2, RFC 8441.
func ExampleHTTP2() {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := handshake.Upgrade(w, r, nil)
		if err != nil {
			return // it was answered
		}
		defer u.Conn.Close() // the handler stays until the end: the stream ends with it
		greet(u.Conn, "hello over "+r.Proto)
		io.Copy(io.Discard, u.Conn)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()

	var shared handshake.HTTP2
	defer shared.CloseIdleConnections()
	cfg := &handshake.ClientConfig{HTTP2: &shared, TLS: s.Client().Transport.(*http.Transport).TLSClientConfig}
	u, err := handshake.Connect(context.Background(), s.URL, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer u.Conn.Close()
	in := frame.NewReader(u.Conn)
	if _, err := in.Next(); err != nil {
		fmt.Println(err)
		return
	}
	text, err := io.ReadAll(in)
	fmt.Printf("%s %v\n", text, err)
	// Output: hello over HTTP/2.0 <nil>
}
