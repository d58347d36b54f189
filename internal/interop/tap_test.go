package interop

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/parleyws/websocket/frame"
)

// tap stands between a client and a server and remembers every byte, so that a
// test need not believe either side about what they said.
type tap struct {
	addr string

	mu    sync.Mutex
	calls []*call
}

// call is what was said on one TCP connection.
type call struct {
	client, server recording
	done           chan struct{} // closed when it has ended
}

type recording struct {
	mu   sync.Mutex
	said []byte
}

func (r *recording) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, p...)
	return len(p), nil
}

func (r *recording) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said
}

func newTap(t *testing.T, upstream string) *tap {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { ln.Close() })
	tp := &tap{addr: ln.Addr().String()}
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return // the test is over
			}
			go tp.relay(client, upstream)
		}
	}()
	return tp
}

func (tp *tap) relay(client net.Conn, upstream string) {
	defer client.Close()
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		return // the client sees the end, and the test fails
	}
	defer server.Close()
	c := &call{done: make(chan struct{})}
	defer close(c.done)
	tp.mu.Lock()
	tp.calls = append(tp.calls, c)
	tp.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { pump(server, client, &c.client) })
	both.Go(func() { pump(client, server, &c.server) })
	both.Wait()
}

// pump copies what src says to dst and to heard.
func pump(dst, src net.Conn, heard *recording) {
	io.Copy(io.MultiWriter(heard, dst), src)
	dst.(*net.TCPConn).CloseWrite()
}

// transcript is what two peers said.
type transcript struct {
	answer         []string // the server's Sec-WebSocket-Extensions
	client, server []packet
}

// heard waits until the connection for path has ended, and returns what was said.
func (tp *tap) heard(t *testing.T, ctx context.Context, path string) transcript {
	t.Helper()
	tp.mu.Lock()
	calls := tp.calls
	tp.mu.Unlock()
	for _, c := range calls {
		if !bytes.HasPrefix(c.client.bytes(), []byte("GET "+path+" ")) {
			continue
		}
		select {
		case <-c.done:
			return c.transcript(t)
		case <-ctx.Done():
			t.Fatal("the connection through the tap does not end")
		}
	}
	t.Fatalf("nobody has asked for %s through the tap", path)
	panic("BUG: Fatalf returns")
}

// transcript takes apart what was said: the head of HTTP, and then frames.
func (c *call) transcript(t *testing.T) transcript {
	t.Helper()
	server := bufio.NewReader(bytes.NewReader(c.server.bytes()))
	answer, err := http.ReadResponse(server, nil)
	check(t, err)
	client := bufio.NewReader(bytes.NewReader(c.client.bytes()))
	_, err = http.ReadRequest(client)
	check(t, err)
	return transcript{
		answer: answer.Header.Values("Sec-WebSocket-Extensions"),
		client: packets(t, client), server: packets(t, server),
	}
}

// packet is a message as it goes over the wire.
type packet struct {
	typ    frame.Opcode
	packed bool // compressed
	size   int  // bytes of payload
	frames int
}

func (p packet) String() string {
	return fmt.Sprintf("%v, compressed %v, %d bytes in %d frames", p.typ, p.packed, p.size, p.frames)
}

// packets reads all frames and puts them together.
//
// RFC 7692, section 6.1: "An endpoint MUST NOT set the "Per-Message Compressed"
// bit of control frames and non-first fragments of a data message."
func packets(t *testing.T, r io.Reader) (all []packet) {
	t.Helper()
	said, err := io.ReadAll(r)
	check(t, err)
	for len(said) > 0 {
		h, n, err := frame.ParseHeader(said)
		check(t, err)
		size := n + int(h.Length)
		if n == 0 || size > len(said) {
			t.Fatalf("the wire ends in the middle of a frame: %v", h)
		}
		said = said[size:]
		begins := h.Opcode.IsData() && h.Opcode != frame.Continuation
		if h.Rsv1 && !begins || h.Rsv2 || h.Rsv3 {
			t.Errorf("RSV1 is for the first frame of a message, RSV2 and RSV3 are for nothing: %v", h)
		}
		switch {
		case h.Opcode.IsControl():
			continue
		case begins:
			all = append(all, packet{typ: h.Opcode, packed: h.Rsv1})
		case len(all) == 0:
			t.Fatal("the first frame continues a message")
		}
		last := &all[len(all)-1]
		last.size += int(h.Length)
		last.frames++
	}
	return all
}
