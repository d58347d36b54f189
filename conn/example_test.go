package conn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// A server that sends back what it gets, and a client.
func Example() {
	server := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
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
	defer server.Close()

	ctx := context.Background()
	c, err := conn.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	c.Write(ctx, conn.Text, []byte("hello"))
	_, p, err := c.Read(ctx)
	fmt.Println(string(p), err)
	fmt.Println(c.Close(conn.StatusNormalClosure, "bye"))
	// Output:
	// hello <nil>
	// <nil>
}

// What the function returns becomes the code of the Close frame. Texts of other
// errors than a CloseError are not told to the peer.
func ExampleHandler() {
	server := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		_, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if string(p) != "open sesame" {
			return &conn.CloseError{Code: 4001, Reason: "wrong password"}
		}
		return c.Write(ctx, conn.Text, []byte("come in"))
	}))
	defer server.Close()

	ctx := context.Background()
	c, err := conn.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	c.Write(ctx, conn.Text, []byte("1234"))
	_, _, err = c.Read(ctx)
	fmt.Println(err)
	// Output: conn: the peer closed with 4001: "wrong password"
}

// Handlers of one's own call Accept. The connection lives on when they return.
func ExampleAccept() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := conn.Accept(w, r, &conn.AcceptOptions{Subprotocols: []string{"chat.v2", "chat.v1"}})
		if err != nil {
			return // the request has been answered
		}
		defer c.CloseNow()
		c.Write(c.Context(), conn.Text, []byte("hello from "+r.URL.Path))
		c.Close(conn.StatusNormalClosure, "")
	}))
	defer server.Close()

	ctx := context.Background()
	c, err := conn.Dial(ctx, server.URL+"/room/7", &conn.DialOptions{Subprotocols: []string{"chat.v1"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	fmt.Println(c.Subprotocol())
	for m, err := range c.Messages(ctx) {
		fmt.Println(string(m.Data), err)
	}
	// Output:
	// chat.v1
	// hello from /room/7 <nil>
}

// Credentials are checked before the connection is accepted. The client sees the
// HTTP response.
func ExampleAcceptOptions_check() {
	opts := &conn.AcceptOptions{
		Check: func(r *handshake.Request) error {
			if r.Get("Authorization") != "Bearer let-me-in" {
				return &handshake.Error{Status: http.StatusUnauthorized, Body: []byte("who are you?")}
			}
			return nil
		},
	}
	server := httptest.NewServer(conn.Handler(opts, func(context.Context, *conn.Conn) error { return nil }))
	defer server.Close()

	ctx := context.Background()
	_, err := conn.Dial(ctx, server.URL, nil)
	var refused *handshake.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, string(refused.Body))
	}
	c, err := conn.Dial(ctx, server.URL, &conn.DialOptions{
		Header: http.Header{"Authorization": {"Bearer let-me-in"}},
	})
	fmt.Println(err)
	c.Close(conn.StatusNormalClosure, "")
	// Output:
	// 401 who are you?
	// <nil>
}

// Messages lends each message for one turn of the loop. What has to live on is to
// be copied.
func ExampleConn_Messages() {
	client, server := conn.Pipe(nil, nil)
	go func() {
		ctx := context.Background()
		client.Write(ctx, conn.Text, []byte("one"))
		client.Write(ctx, conn.Binary, []byte{2})
		client.Close(conn.StatusNormalClosure, "")
	}()

	for m, err := range server.Messages(context.Background()) {
		if err != nil {
			fmt.Println("not a normal closure:", err)
			break
		}
		fmt.Printf("%v %q\n", m.Type, m.Data)
	}
	fmt.Println(server.Err())
	// Output:
	// TEXT "one"
	// BINARY "\x02"
	// conn: the peer closed with 1000 normal closure
}

// A context bounds one call. When it ends nothing is lost: the next read goes on
// where this one stopped.
func ExampleConn_Read_timeout() {
	client, server := conn.Pipe(nil, nil)
	defer server.CloseNow()
	defer client.CloseNow()

	soon, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, _, err := server.Read(soon)
	fmt.Println(err, errors.Is(err, context.DeadlineExceeded), server.Err())

	client.Write(context.Background(), conn.Text, []byte("better late than never"))
	_, p, err := server.Read(context.Background())
	fmt.Println(string(p), err)
	// Output:
	// context deadline exceeded true <nil>
	// better late than never <nil>
}

// AppendRead reads into memory that is used again and again.
func ExampleConn_AppendRead() {
	client, server := conn.Pipe(nil, nil)
	defer server.CloseNow()
	defer client.CloseNow()
	ctx := context.Background()
	client.WriteBatch(ctx, conn.Message{Type: conn.Text, Data: []byte("one")}, conn.Message{Type: conn.Text, Data: []byte("two")})

	buf := make([]byte, 0, 4096)
	for range 2 {
		_, p, err := server.AppendRead(ctx, buf[:0])
		if err != nil {
			return
		}
		fmt.Println(string(p))
		buf = p // it may have grown
	}
	// Output:
	// one
	// two
}

// A message need not fit into memory, on neither side.
func ExampleConn_Reader() {
	client, server := conn.Pipe(nil, &conn.Config{MaxMessage: -1})
	defer server.CloseNow()
	defer client.CloseNow()
	ctx := context.Background()
	go func() {
		w, err := client.Writer(ctx, conn.Text)
		if err != nil {
			return
		}
		for i := range 100_000 {
			fmt.Fprintln(w, "line", i)
		}
		w.Close() // now the message is complete
	}()

	_, r, err := server.Reader(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := 0
	for s := bufio.NewScanner(r); s.Scan(); {
		lines++
	}
	fmt.Println(lines)
	// Output: 100000
}

// Writer streams one message. Other messages wait until it is closed.
func ExampleConn_Writer() {
	client, server := conn.Pipe(nil, nil)
	defer server.CloseNow()
	defer client.CloseNow()
	ctx := context.Background()

	w, err := client.Writer(ctx, conn.Binary)
	if err != nil {
		fmt.Println(err)
		return
	}
	io.Copy(w, strings.NewReader("from any source"))
	fmt.Println(w.Close())

	typ, p, err := server.Read(ctx)
	fmt.Println(typ, string(p), err)
	// Output:
	// <nil>
	// BINARY from any source <nil>
}

// Somebody has to read for the answer to be seen.
func ExampleConn_Ping() {
	client, server := conn.Pipe(nil, nil)
	defer server.CloseNow()
	defer client.CloseNow()
	ctx := context.Background()
	client.CloseRead(ctx)
	server.CloseRead(ctx)

	rtt, err := client.Ping(ctx)
	fmt.Println(rtt > 0, err)
	// Output: true <nil>
}

// How a connection ended, in terms of the standard library, of this one, and as a
// number.
func ExampleCloseStatus() {
	for _, finish := range []func(client, server *conn.Conn){
		func(client, _ *conn.Conn) { go client.Close(conn.StatusGoingAway, "lunch") },
		func(client, _ *conn.Conn) { go client.Close(4000, "no credit") },
		func(client, _ *conn.Conn) { client.CloseNow() },
		func(_, server *conn.Conn) { server.CloseNow() },
	} {
		client, server := conn.Pipe(nil, nil)
		finish(client, server)
		_, _, err := server.Read(context.Background())

		var closed *conn.CloseError
		switch {
		case errors.Is(err, io.EOF):
			fmt.Print("the peer is done")
		case errors.Is(err, io.ErrUnexpectedEOF):
			fmt.Print("the peer has vanished")
		case errors.As(err, &closed):
			fmt.Printf("the peer says %q", closed.Reason)
		case errors.Is(err, net.ErrClosed):
			fmt.Print("we closed ourselves")
		}
		fmt.Println(",", conn.CloseStatus(err))
		<-server.Done()
	}
	// Output:
	// the peer is done, 1001 going away
	// the peer says "no credit", 4000
	// the peer has vanished, 1006 abnormal closure
	// we closed ourselves, 1006 abnormal closure
}

// Work on behalf of a connection ends with it.
func ExampleConn_Context() {
	client, server := conn.Pipe(nil, nil)
	over := make(chan error)
	context.AfterFunc(server.Context(), func() { over <- context.Cause(server.Context()) })

	server.CloseRead(context.Background())
	client.Close(conn.StatusGoingAway, "bye")
	fmt.Println(<-over)
	// Output: conn: the peer closed with 1001 going away: "bye"
}
