package fuzz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parleyws/websocket/conn"
)

// way is a way to read messages until there is an error.
type way struct {
	name    string
	readAll func(c *conn.Conn, nc *tape) ([]message, error)
	half    bool // every second message is not read to its end, and not listed
}

// read is the simplest.
var read = way{name: "Read", readAll: func(c *conn.Conn, _ *tape) (all []message, err error) {
	for {
		typ, p, err := c.Read(context.Background())
		if err != nil {
			return all, err
		}
		all = append(all, message{byte(typ), string(p)})
	}
}}

var ways = []way{
	read,
	{name: "AppendRead", readAll: appendRead},
	{name: "Messages", readAll: messages},
	{name: "Messages, and Read within", readAll: messagesAndRead},
	{name: "Reader", readAll: reader},
	{name: "Read, interrupted", readAll: interrupted},
	{name: "Reader, not to the end", readAll: halfReader, half: true},
}

func (w way) wrongMessages(s *story, r *reference) string {
	var want []message
	for i, m := range r.messages {
		if !w.half || i%2 == 0 {
			want = append(want, m)
		}
	}
	if !slices.Equal(s.messages, want) {
		return "other messages"
	}
	return ""
}

func appendRead(c *conn.Conn, _ *tape) (all []message, err error) {
	const before = "what was there before"
	for i := 0; ; i++ {
		dst := append(make([]byte, 0, len(before)+i*i%100), before...)
		typ, p, err := c.AppendRead(context.Background(), dst)
		if string(p[:len(before)]) != before || err != nil && len(p) > len(before) {
			return all, fmt.Errorf("AppendRead returns %q, %w", p, err)
		}
		if err != nil {
			return all, err
		}
		all = append(all, message{byte(typ), string(p[len(before):])})
	}
}

func messages(c *conn.Conn, _ *tape) (all []message, err error) {
	for m, err := range c.Messages(context.Background()) {
		if err != nil {
			return all, err
		}
		all = append(all, message{byte(m.Type), string(m.Data)})
		clear(m.Data) // they are ours, to be changed
	}
	if err := c.Err(); conn.CloseStatus(err) != conn.StatusNormalClosure && conn.CloseStatus(err) != conn.StatusGoingAway {
		return all, fmt.Errorf("the loop has ended without an error: %w", err)
	}
	return all, c.Err()
}

// messagesAndRead reads the next message while it has another one on loan.
func messagesAndRead(c *conn.Conn, _ *tape) (all []message, err error) {
	for m, err := range c.Messages(context.Background()) {
		if err != nil {
			return all, err
		}
		first := message{byte(m.Type), string(m.Data)}
		all = append(all, first)
		typ, p, err := c.Read(context.Background())
		if string(m.Data) != first.data {
			return all, fmt.Errorf("%q has become %q by another read", first.data, m.Data)
		}
		if err == nil {
			all = append(all, message{byte(typ), string(p)})
		}
	}
	return all, c.Err()
}

func reader(c *conn.Conn, _ *tape) (all []message, err error) {
	for {
		typ, r, err := c.Reader(context.Background())
		if err != nil {
			return all, err
		}
		p, err := io.ReadAll(r)
		if err != nil {
			return all, truncated(err)
		}
		all = append(all, message{byte(typ), string(p)})
	}
}

// truncated looks at what a stream says of a message that was cut off.
func truncated(err error) error {
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream of a message ends with %v, which is not io.ErrUnexpectedEOF", err)
	}
	return err
}

// interrupted ends the context of each read, again and again.
func interrupted(c *conn.Conn, nc *tape) (all []message, err error) {
	for {
		ctx, cancel := context.WithCancel(context.Background())
		nc.interrupt = cancel
		typ, p, err := c.Read(ctx)
		cancel()
		switch {
		case errors.Is(err, context.Canceled) && c.Err() == nil:
		case err != nil:
			return all, err
		default:
			all = append(all, message{byte(typ), string(p)})
		}
	}
}

// halfReader leaves every second message after a few bytes. Its stream fails from
// then on.
func halfReader(c *conn.Conn, _ *tape) (all []message, err error) {
	var stale io.Reader
	for i := 0; ; i++ {
		typ, r, err := c.Reader(context.Background())
		if err != nil {
			return all, err
		}
		if i%2 == 1 {
			io.ReadFull(r, make([]byte, 3))
			stale = r
			continue
		}
		if stale != nil && c.Err() == nil {
			if n, err := stale.Read(make([]byte, 1)); n > 0 || err == nil {
				return all, fmt.Errorf("a stream that was left returns %d, %w", n, err)
			}
		}
		var p bytes.Buffer
		if _, err := io.CopyBuffer(&p, struct{ io.Reader }{r}, make([]byte, 7)); err != nil {
			return all, truncated(err)
		}
		all = append(all, message{byte(typ), p.String()})
	}
}
