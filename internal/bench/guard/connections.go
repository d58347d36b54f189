//go:build linux && amd64 && !purego

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/bench/corpus"
	"github.com/parleyws/websocket/internal/flate"
)

var key = frame.Key{1, 2, 3, 4}

// canned is a stream on which the same bytes come a number of times, and that
// swallows what is written.
type canned struct {
	wire    []byte
	left    int
	written int
}

func (c *canned) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	c.left--
	return copy(p, c.wire), nil
}

func (c *canned) Write(p []byte) (int, error) {
	c.written += len(p)
	return len(p), nil
}

func (c *canned) Close() error                     { return nil }
func (c *canned) LocalAddr() net.Addr              { return nil }
func (c *canned) RemoteAddr() net.Addr             { return nil }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// text returns a message as its receiver gets it.
func text(receiver frame.Role, size int) []byte {
	p := bytes.Repeat([]byte("text "), size/5+1)[:size]
	h := frame.Header{Length: int64(size), Opcode: frame.Text, Fin: true}
	if receiver == frame.Server {
		h.Masked, h.Key = true, key
		h.Key.XOR(p)
	}
	return append(h.Append(nil), p...)
}

// echo serves c until its stream ends.
func echo(c *conn.Conn) {
	ctx := context.Background()
	for m, err := range c.Messages(ctx) {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		must(err)
		must(c.Write(ctx, m.Type, m.Data))
	}
}

// echoing is an echo without a socket.
func echoing(role frame.Role, size int) func(n int) {
	return func(n int) {
		nc := &canned{wire: text(role, size), left: n}
		echo(conn.New(&handshake.Upgraded{Conn: nc, Role: role}, nil))
		if nc.written < n*size {
			panic("not all was echoed")
		}
	}
}

// echoingDeflated is the same with messages that are inflated and compressed
// again.
func echoingDeflated(n int) {
	c := flate.NewCompressor(flate.Fastest, windowBits)
	packed := c.Append(nil, corpus.Document().Messages(1, 1<<10)[0], true)
	packed = bytes.TrimSuffix(packed, []byte(flate.Tail))
	h := frame.Header{Length: int64(len(packed)), Opcode: frame.Text, Fin: true, Rsv1: true, Masked: true, Key: key}
	key.XOR(packed)
	nc := &canned{wire: append(h.Append(nil), packed...), left: n}
	agreed := &handshake.Deflate{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	echo(conn.New(&handshake.Upgraded{Conn: nc, Role: frame.Server, Deflate: agreed}, &conn.Config{Compression: new(conn.Compression)}))
	if nc.written >= n*(1<<10) {
		panic("nothing was compressed")
	}
}

// hijacked is the ResponseWriter of a request whose connection is canned.
type hijacked struct {
	nc     *canned
	header http.Header
}

func (h *hijacked) Header() http.Header                          { return h.header }
func (h *hijacked) Write([]byte) (int, error)                    { return 0, http.ErrHijacked }
func (h *hijacked) WriteHeader(int)                              {}
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.nc, nil, nil }

// handling is a connection from its request to its end, without what net/http and a
// socket take: the upgrade, one echo and the closing.
func handling(n int) {
	done := make(chan struct{})
	handler := conn.Handler(nil, func(_ context.Context, c *conn.Conn) error {
		echo(c)
		done <- struct{}{}
		return nil
	})
	r, err := http.NewRequest("GET", "http://example.com/chat?room=1", nil)
	must(err)
	r.RequestURI = "/chat?room=1"
	r.Header = http.Header{
		"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"http://example.com"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	wire := text(frame.Server, 125)
	for range n {
		nc := &canned{wire: wire, left: 1}
		handler.ServeHTTP(&hijacked{nc, nil}, r)
		<-done
		if nc.written < 2*125 {
			panic("there was no upgrade, or no echo")
		}
	}
}

// pair returns the two ends of a connection over the loopback.
func pair() (server, client net.Conn) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	defer ln.Close()
	client, err = net.Dial("tcp4", ln.Addr().String())
	must(err)
	server, err = ln.Accept()
	must(err)
	return server, client
}

// echoingTCP is an echo of messages that come together, and what their sender
// takes, which is a net.Conn.
func echoingTCP(together, size int) func(n int) {
	return func(n int) {
		nc, peer := pair()
		done := make(chan struct{})
		go func() {
			defer close(done)
			echo(conn.New(&handshake.Upgraded{Conn: nc, Role: frame.Server}, nil))
		}()
		exchange(peer, n, together, size)
		must(peer.Close())
		<-done
	}
}

// exchange sends messages that come together, and reads their echoes, n times.
func exchange(peer net.Conn, n, together, size int) {
	wire := bytes.Repeat(text(frame.Server, size), together)
	replies := make([]byte, together*len(text(frame.Client, size)))
	for range n {
		_, err := peer.Write(wire)
		must(err)
		_, err = io.ReadFull(peer, replies)
		must(err)
	}
}

// echoingLoop is the same with a conn.Server.
func echoingLoop(together, size int) func(n int) {
	return func(n int) {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		must(err)
		var s conn.Server
		s.Handler = echoes{}
		go s.Serve(ln)
		u, err := handshake.Connect(context.Background(), "ws://"+ln.Addr().String(), nil)
		must(err)
		exchange(u.Conn, n, together, size)
		must(u.Conn.Close())
	}
}

// echoes is a conn.EventHandler.
type echoes struct{}

func (echoes) Open(*conn.Conn) {}
func (echoes) Message(c *conn.Conn, m conn.Message) {
	must(c.Write(context.Background(), m.Type, m.Data))
}
func (echoes) Close(*conn.Conn, error) {}

// broadcasting is a message to all of a group, and a Read of each of its peers.
func broadcasting(members, size int) func(n int) {
	return func(n int) {
		var group conn.Group
		var receivers []net.Conn
		for range members {
			nc, peer := pair()
			group.Add(conn.New(&handshake.Upgraded{Conn: nc, Role: frame.Server}, nil))
			receivers = append(receivers, peer)
		}
		p := bytes.Repeat([]byte("x"), size)
		wire := make([]byte, len(text(frame.Client, size)))
		for range n {
			group.Broadcast(conn.Text, p)
			for _, peer := range receivers {
				_, err := io.ReadFull(peer, wire)
				must(err)
			}
		}
	}
}
