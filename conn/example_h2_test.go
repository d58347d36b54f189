package conn_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
	_ "github.com/parleyws/websocket/handshake/http2" // the servers of this program take WebSocket over HTTP/2
)

// Three connections over one TCP connection. The server needs nothing but the import
// above: the same handler takes connections over HTTP/1.1 and over HTTP/2.
func ExampleDialOptions_http2() {
	server := httptest.NewUnstartedServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}))
	server.EnableHTTP2 = true // an http.Server with ListenAndServeTLS does that by itself
	server.StartTLS()
	defer server.Close()

	var shared handshake.HTTP2 // one for all dials of the program
	defer shared.CloseIdleConnections()
	opts := &conn.DialOptions{
		HTTP2: &shared,
		TLS:   server.Client().Transport.(*http.Transport).TLSClientConfig, // trusts the test's certificate
	}
	ctx := context.Background()
	ports := make(map[string]bool)
	for i := range 3 {
		c, err := conn.Dial(ctx, server.URL, opts)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.Close(conn.StatusNormalClosure, "")
		ports[c.LocalAddr().String()] = true
		c.Write(ctx, conn.Text, fmt.Appendf(nil, "connection %d", i+1))
		_, p, err := c.Read(ctx)
		fmt.Println(string(p), err)
	}
	fmt.Println("TCP connections:", len(ports))
	// Output:
	// connection 1 <nil>
	// connection 2 <nil>
	// connection 3 <nil>
	// TCP connections: 1
}

// A handler that gives its connection to another goroutine waits for the end of it:
// over HTTP/2 a connection ends with its handler.
func ExampleAccept_http2() {
	queue := make(chan *conn.Conn)
	go func() {
		for c := range queue {
			c.Write(context.Background(), conn.Text, []byte("your turn"))
			c.Close(conn.StatusNormalClosure, "")
		}
	}()
	defer close(queue)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := conn.Accept(w, r, nil)
		if err != nil {
			return // it was answered
		}
		queue <- c
		<-c.Done()
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	var shared handshake.HTTP2
	defer shared.CloseIdleConnections()
	c, err := conn.Dial(context.Background(), server.URL, &conn.DialOptions{
		HTTP2: &shared,
		TLS:   server.Client().Transport.(*http.Transport).TLSClientConfig,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_, p, err := c.Read(context.Background())
	fmt.Println(string(p), err)
	_, _, err = c.Read(context.Background())
	fmt.Println(err)
	// Output:
	// your turn <nil>
	// conn: the peer closed with 1000 normal closure
}
