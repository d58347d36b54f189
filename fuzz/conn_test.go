package fuzz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/vectors"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// Any bytes, in any chunks, in both roles: no panic and no leak; the same
// messages and the same end whatever the split and the way of reading; and what
// the endpoint says would pass its peer's own rules, with one Close frame at most.
func FuzzConn(f *testing.F) {
	for _, v := range vectors.Load(f, "*") {
		if len(v.Wire) < 2000 {
			f.Add(v.Role == frame.Server, uint16(v.Max), uint8(3), v.Wire)
		}
	}
	f.Fuzz(func(t *testing.T, server bool, limit uint16, chunk uint8, wire []byte) {
		role := frame.Client
		if server {
			role = frame.Server
		}
		cfg := &conn.Config{MaxMessage: int64(limit), KeepAlive: conn.KeepAlive{Interval: -1}}
		var first story
		for i, way := range []func(context.Context, *conn.Conn) []conn.Message{read, messages, reader} {
			for j, split := range []int{len(wire), 1, int(chunk)} {
				var s story
				synctest.Test(t, func(t *testing.T) { s.tell(t, role, cfg, wire, max(split, 1), way) })
				if i == 0 && j == 0 {
					first = s
				}
				if s.String() != first.String() {
					t.Fatalf("way %d in pieces of %d:\n%v\nRead as a whole:\n%v", i, split, s, first)
				}
			}
		}
	})
}

// story is what a program and its peer saw of a connection.
type story struct {
	messages []conn.Message
	end      error
	closing  []byte // payload of the Close frame
}

func (s story) String() string {
	return fmt.Sprintf("%q\n%v\nclose %q", s.messages, s.end, s.closing)
}

// tell lets a connection read wire, in pieces of some size, and then the end of
// the stream. What it leaves running the bubble finds.
func (s *story) tell(t *testing.T, role frame.Role, cfg *conn.Config, wire []byte, size int, way func(context.Context, *conn.Conn) []conn.Message) {
	nc, peer := wstest.Pipe()
	c := conn.New(&handshake.Upgraded{Conn: nc, Role: role}, cfg)
	go func() { s.messages = way(t.Context(), c) }()
	said := make(chan []byte)
	go func() {
		p, _ := io.ReadAll(peer)
		said <- p
	}()
	for len(wire) > 0 {
		n, err := peer.Write(wire[:min(size, len(wire))])
		if err != nil {
			break // c has ended the connection
		}
		wire = wire[n:]
		synctest.Wait()
	}
	peer.CloseWrite()
	<-c.Done()
	s.end = c.Err()
	s.hear(t, role, <-said)
	peer.Close()
	synctest.Wait()
}

// hear looks at what the endpoint said: a peer must be content with it.
func (s *story) hear(t *testing.T, role frame.Role, said []byte) {
	rules := frame.Validator{Role: frame.Server}
	if role == frame.Server {
		rules.Role = frame.Client
	}
	r := frame.NewReader(bytes.NewReader(said))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err == nil {
			err = rules.Next(h)
		}
		payload, readErr := io.ReadAll(r)
		if h.Opcode == frame.Close {
			_, _, readErr = frame.ParseClose(payload)
		}
		if err := errors.Join(err, readErr); err != nil {
			t.Fatalf("% x: %v", said, err)
		}
		if s.closing != nil {
			t.Fatalf("%v comes after the Close frame", h)
		}
		if h.Opcode == frame.Close {
			s.closing = append([]byte{}, payload...)
		}
	}
}

// The ways to read all messages up to the end.

func read(ctx context.Context, c *conn.Conn) (all []conn.Message) {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return all
		}
		all = append(all, conn.Message{Type: typ, Data: p})
	}
}

func messages(ctx context.Context, c *conn.Conn) (all []conn.Message) {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return all
		}
		all = append(all, conn.Message{Type: m.Type, Data: bytes.Clone(m.Data)})
		clear(m.Data)
	}
	return all
}

func reader(ctx context.Context, c *conn.Conn) (all []conn.Message) {
	for {
		typ, r, err := c.Reader(ctx)
		if err != nil {
			return all
		}
		p, err := io.ReadAll(r)
		if err == nil {
			all = append(all, conn.Message{Type: typ, Data: p})
		}
	}
}
