package conn_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/rpc"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// A chat room: what one says, all others hear. A member that does not keep up
// misses messages, but holds up nobody.
func ExampleGroup() {
	var room conn.Group
	server := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		room.Add(c) // it leaves by itself when it is over
		if err := c.Write(ctx, conn.Text, []byte("welcome")); err != nil {
			return err
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			room.Broadcast(m.Type, m.Data, c)
		}
		return nil
	}))
	defer server.Close()

	ctx := context.Background()
	alice, err := conn.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alice.CloseNow()
	bob, err := conn.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bob.CloseNow()
	alice.Read(ctx) // welcome
	bob.Read(ctx)   // welcome

	alice.Write(ctx, conn.Text, []byte("hello, room"))
	_, p, err := bob.Read(ctx)
	fmt.Println(string(p), err)
	// Output: hello, room <nil>
}

// A server that is to go down tells its clients so. http.Server.Shutdown calls
// what was registered, but does not wait for it.
func ExampleGroup_Shutdown() {
	var clients conn.Group
	server := &http.Server{Handler: conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		clients.Add(c)
		if err := c.Write(ctx, conn.Text, []byte("welcome")); err != nil {
			return err
		}
		for _, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
		}
		return nil
	})}
	told := make(chan error, 1)
	server.RegisterOnShutdown(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		told <- clients.Shutdown(ctx)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(l)

	ctx := context.Background()
	c, err := conn.Dial(ctx, "ws://"+l.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	c.Read(ctx) // welcome

	go server.Shutdown(ctx)
	_, _, err = c.Read(ctx)
	fmt.Println(err)
	fmt.Println(<-told)
	// Output:
	// conn: the peer closed with 1001 going away
	// <nil>
}

// Somebody who has news for many must not wait for those who do not read.
func ExampleConn_TryWrite() {
	client, server := conn.Pipe(nil, &conn.Config{
		Backlog:      64 << 10,    // bytes that may wait to be sent
		SlowConsumer: conn.Refuse, // or DropOldest, or Disconnect
	})
	defer client.CloseNow() // it reads nothing
	defer server.CloseNow()

	news := []byte(strings.Repeat("news ", 1000))
	for {
		if err := server.TryWrite(conn.Text, news); errors.Is(err, conn.ErrBacklog) {
			break // the client has missed this one
		}
	}
	fmt.Println("the connection is as good as before:", server.Err() == nil)
	fmt.Println("missed:", server.Stats().Dropped)
	// Output:
	// the connection is as good as before: true
	// missed: 1
}

// A peer that says nothing and does not answer a Ping is given up, as long as
// somebody reads.
func ExampleKeepAlive() {
	client, server := conn.Pipe(nil, &conn.Config{
		KeepAlive: conn.KeepAlive{
			Interval: 20 * time.Millisecond, // the zero value is 30 s, and 15 s
			Timeout:  10 * time.Millisecond,
		},
	})
	defer client.CloseNow() // its machine was switched off, as it were
	defer server.CloseNow()

	_, _, err := server.Read(context.Background())
	var timeout *conn.TimeoutError
	fmt.Println(errors.As(err, &timeout), timeout.Op)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// true keepalive
	// true
}

// A server that only writes. Something has to read, or the Close of the client
// would not be seen: CloseRead does, until ctx ends or the connection is over.
func ExampleConn_CloseRead() {
	over := make(chan error, 1)
	server := httptest.NewServer(conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		ctx = c.CloseRead(ctx)
		for n := 1; ctx.Err() == nil; n++ {
			c.Write(ctx, conn.Text, fmt.Append(nil, "tick ", n))
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
			}
		}
		over <- context.Cause(ctx)
		return nil
	}))
	defer server.Close()

	ctx := context.Background()
	c, err := conn.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, p, err := c.Read(ctx)
	fmt.Println(string(p), err)
	c.Close(conn.StatusNormalClosure, "seen enough")
	fmt.Println(<-over)
	// Output:
	// tick 1 <nil>
	// conn: the peer closed with 1000 normal closure: "seen enough"
}

// Messages that belong together are sent in one system call.
func ExampleConn_WriteBatch() {
	client, server := conn.Pipe(nil, nil)
	defer client.CloseNow()
	defer server.CloseNow()

	ctx := context.Background()
	err := server.WriteBatch(ctx,
		conn.Message{Type: conn.Text, Data: []byte(`{"image":1}`)},
		conn.Message{Type: conn.Binary, Data: []byte{0xff, 0xd8, 0xff}},
	)
	fmt.Println(err, server.Stats().MessagesSent, server.Stats().Writes)
	for range 2 {
		typ, p, err := client.Read(ctx)
		fmt.Println(typ, len(p), err)
	}
	// Output:
	// <nil> 2 1
	// TEXT 11 <nil>
	// BINARY 3 <nil>
}

// A message for many is encoded once. A Group does the same by itself.
func ExamplePrepared() {
	ctx := context.Background()
	m, err := conn.NewPrepared(conn.Text, []byte("to everybody"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		client, server := conn.Pipe(nil, nil)
		fmt.Println(server.WritePrepared(ctx, m))
		_, p, err := client.Read(ctx)
		fmt.Println(string(p), err)
		client.CloseNow()
		server.CloseNow()
	}
	// Output:
	// <nil>
	// to everybody <nil>
	// <nil>
	// to everybody <nil>
}

// Messages that are much alike are compressed best with context takeover. A window
// of 12 bits keeps the memory of each connection below 15 KiB. What holds a secret
// beside something that others may choose is better not compressed.
func ExampleCompression() {
	cfg := &conn.Config{Compression: &conn.Compression{
		ServerContextTakeover: true, ServerMaxWindowBits: 12,
		ClientContextTakeover: true, ClientMaxWindowBits: 12,
	}}
	client, server := conn.Pipe(cfg, cfg)
	defer client.CloseNow()
	defer server.CloseNow()

	ctx := context.Background()
	quote := strings.Repeat(`{"symbol":"PRLY","bid":101.25,"ask":101.5}`, 20)
	go func() {
		server.Write(ctx, conn.Text, []byte(quote))
		server.Write(ctx, conn.Text|conn.Uncompressed, []byte("the token is 4711"))
	}()
	for range 2 {
		_, p, err := client.Read(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(p), "bytes")
	}
	fmt.Println("window of the server:", client.Deflate().ServerMaxWindowBits, "bits")

	// Output:
	// 840 bytes
	// 17 bytes
	// window of the server: 12 bits
}

func ExampleReadJSON() {
	type Order struct {
		Item  string `json:"item"`
		Count int    `json:"count"`
	}
	client, server := conn.Pipe(nil, nil)
	defer client.CloseNow()
	defer server.CloseNow()

	ctx := context.Background()
	if err := conn.WriteJSON(ctx, client, Order{"tea", 3}); err != nil {
		fmt.Println(err)
		return
	}
	order, err := conn.ReadJSON[Order](ctx, server)
	fmt.Println(order.Item, order.Count, err)
	// Output: tea 3 <nil>
}

// Arith is a service of net/rpc.
type Arith struct{}

// Multiply multiplies.
func (Arith) Multiply(args [2]int, product *int) error {
	*product = args[0] * args[1]
	return nil
}

// A protocol that wants a stream of bytes, such as net/rpc, runs over NetConn.
func ExampleNetConn() {
	calls := rpc.NewServer()
	calls.Register(Arith{})
	server := httptest.NewServer(conn.Handler(nil, func(_ context.Context, c *conn.Conn) error {
		calls.ServeConn(conn.NetConn(c, conn.Binary))
		return nil
	}))
	defer server.Close()

	c, err := conn.Dial(context.Background(), server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := rpc.NewClient(conn.NetConn(c, conn.Binary))
	defer client.Close()
	var product int
	err = client.Call("Arith.Multiply", [2]int{6, 7}, &product)
	fmt.Println(product, err)
	// Output: 42 <nil>
}

// A tunnel to a TCP server that cannot be reached but through HTTP, as for ssh.
func ExampleNetConn_tunnel() {
	inside := echoServer()
	defer inside.Close()
	gateway := httptest.NewServer(conn.Handler(nil, func(_ context.Context, c *conn.Conn) error {
		tcp, err := net.Dial("tcp", inside.Addr().String())
		if err != nil {
			return err
		}
		defer tcp.Close()
		stream := conn.NetConn(c, conn.Binary)
		go func() {
			io.Copy(tcp, stream)
			tcp.(*net.TCPConn).CloseWrite()
		}()
		_, err = io.Copy(stream, tcp)
		return err
	}))
	defer gateway.Close()

	c, err := conn.Dial(context.Background(), gateway.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	stream := conn.NetConn(c, conn.Binary)
	defer stream.Close()
	fmt.Fprintln(stream, "SSH-2.0-example")
	line, err := bufio.NewReader(stream).ReadString('\n')
	fmt.Print(line, err)
	// Output:
	// SSH-2.0-example
	// <nil>
}

// echoServer is a TCP server that sends back what it gets.
func echoServer() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			tcp, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer tcp.Close()
				io.Copy(tcp, tcp)
			}()
		}
	}()
	return l
}

// A program's own handler is tested without a network. In a testing/synctest
// bubble its timeouts take no time.
func ExamplePipe() {
	greet := func(ctx context.Context, c *conn.Conn) error {
		_, name, err := c.Read(ctx)
		if err != nil {
			return err
		}
		return c.Write(ctx, conn.Text, append([]byte("hello, "), name...))
	}

	ctx := context.Background()
	client, server := conn.Pipe(nil, nil)
	defer client.CloseNow()
	defer server.CloseNow()
	go greet(ctx, server)
	client.Write(ctx, conn.Text, []byte("gopher"))
	_, p, err := client.Read(ctx)
	fmt.Println(string(p), err)
	// Output: hello, gopher <nil>
}

// Metrics: one Observer for all connections of a server.
func ExampleObserver() {
	var open, messages, bytes, closedBadly atomic.Int64
	observer := &conn.Observer{
		Open: func(*conn.Conn) { open.Add(1) },
		Close: func(_ *conn.Conn, err error) {
			open.Add(-1)
			if conn.CloseStatus(err) != conn.StatusNormalClosure {
				closedBadly.Add(1)
			}
		},
		Received: func(_ *conn.Conn, _ conn.MessageType, n int) {
			messages.Add(1)
			bytes.Add(int64(n))
		},
	}
	ctx := context.Background()
	client, server := conn.Pipe(nil, &conn.Config{Observer: observer})
	client.Write(ctx, conn.Text, []byte("hello"))
	server.Read(ctx)
	fmt.Println(open.Load(), "open,", messages.Load(), "message,", bytes.Load(), "bytes")
	client.CloseNow()
	server.Read(ctx)
	fmt.Println(open.Load(), "open,", closedBadly.Load(), "closed badly")
	// Output:
	// 1 open, 1 message, 5 bytes
	// 0 open, 1 closed badly
}

// shouter answers what it is told, in capitals. It is called by events.
type shouter struct{}

func (shouter) Open(c *conn.Conn) { c.TryWrite(conn.Text, []byte("WELCOME")) }

func (shouter) Message(c *conn.Conn, m conn.Message) {
	// m.Data is ours until Message returns. TryWrite never waits for the peer.
	c.TryWrite(m.Type, bytes.ToUpper(m.Data))
}

func (shouter) Close(c *conn.Conn, err error) {
	fmt.Println("closed with", uint16(conn.CloseStatus(err)))
}

// A server without a goroutine for each connection.
func ExampleServer() {
	server := &conn.Server{Handler: shouter{}, MaxConns: 1_000_000}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(l)

	ctx := context.Background()
	c, err := conn.Dial(ctx, "ws://"+l.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	c.Write(ctx, conn.Text, []byte("hello"))
	for range 2 {
		_, p, err := c.Read(ctx)
		fmt.Println(string(p), err)
	}
	c.Close(conn.StatusNormalClosure, "")
	server.Shutdown(ctx) // waits until Close has been called for all
	// Output:
	// WELCOME <nil>
	// HELLO <nil>
	// closed with 1000
}

// In a server of net/http the same Server is a handler, for one path of many.
func ExampleServer_ServeHTTP() {
	events := &conn.Server{Handler: shouter{}}
	mux := http.NewServeMux()
	mux.Handle("/shout", events)
	server := &http.Server{Handler: mux}
	server.RegisterOnShutdown(func() { events.Shutdown(context.Background()) })
}

// A server on a Unix socket. The URL says everything but where it is.
func ExampleDial_unixSocket() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "chat.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &http.Server{Handler: conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
		return c.Write(ctx, conn.Text, []byte("hello over "+c.LocalAddr().Network()))
	})}
	defer server.Close()
	go server.Serve(l)

	ctx := context.Background()
	c, err := conn.Dial(ctx, "ws://localhost/chat", &conn.DialOptions{NetDial: handshake.UnixDial(path)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_, p, err := c.Read(ctx)
	fmt.Println(string(p), err)
	// Output: hello over unix <nil>
}

// Without Proxy it is the environment that says which proxy to use, if any. Here it
// is the program, and the proxy wants to know who asks.
func ExampleDial_proxy() {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proxy-Authenticate", "Basic")
		http.Error(w, r.Method+" "+r.Host+": who are you?", http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL) // with user:password@ before the host, that would be sent
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = conn.Dial(context.Background(), "wss://example.com/chat", &conn.DialOptions{Proxy: http.ProxyURL(u)})
	if refused, ok := errors.AsType[*handshake.Error](err); ok && refused.Proxy != "" {
		fmt.Println(refused.Status, refused.Header.Get("Proxy-Authenticate"))
		fmt.Printf("%s", refused.Body)
	}
	// Output:
	// 407 Basic
	// CONNECT example.com:443: who are you?
}
