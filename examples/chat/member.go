package main

import (
	"context"
	"errors"
	"time"

	"github.com/parleyws/websocket/conn"
)

// member is a connection that has asked to join a room.
type member struct {
	c    *conn.Conn
	id   string // see publicID
	wish string // the name it asked for
	end  context.CancelCauseFunc

	// Guarded by the lock of its room:
	name string // the name it has
	last uint64 // number of the last that it has said
}

// config is what a connection may cost. A member that does not read what it is sent
// is disconnected, with 1008, when more than backlog waits for it; nobody else is held
// up by it. It may come back, and gets the history then.
var config = conn.Config{
	MaxMessage:   maxMessage,
	Backlog:      backlog,
	SlowConsumer: conn.Disconnect,
	KeepAlive:    conn.KeepAlive{Interval: 20 * time.Second, Timeout: 10 * time.Second},
	CloseTimeout: 2 * time.Second,
	WriteTimeout: 10 * time.Second,
}

// serve runs one connection to its end.
func (h *hub) serve(ctx context.Context, c *conn.Conn) error {
	if err := h.enter(c); err != nil {
		return err
	}
	defer h.exit()
	m, roomName, err := h.greet(ctx, c)
	if err != nil {
		return err
	}
	ctx, m.end = context.WithCancelCause(ctx)
	defer m.end(nil)
	r, err := h.room(roomName)
	if err != nil {
		return err
	}
	defer h.release(r)
	if err := r.join(m); err != nil {
		return err
	}
	defer r.leave(m)
	return h.listen(ctx, m, r)
}

// greet reads the first request, which has to come soon.
func (h *hub) greet(ctx context.Context, c *conn.Conn) (m *member, roomName string, err error) {
	soon, cancel := context.WithTimeout(ctx, h.limits.Join)
	defer cancel()
	typ, p, err := c.Read(soon)
	if errors.Is(err, context.DeadlineExceeded) && c.Err() == nil {
		return nil, "", broken("join within %v", h.limits.Join)
	}
	if err != nil {
		return nil, "", err
	}
	req, err := parse(conn.Message{Type: typ, Data: p})
	if err != nil {
		return nil, "", err
	}
	if req.Type != typeJoin {
		return nil, "", broken("join first")
	}
	name, ok := cleanName(req.Name, h.limits.Name)
	roomName, okRoom := cleanName(req.Room, h.limits.Name)
	if !ok || !okRoom {
		return nil, "", broken("names have 1 to %d characters", h.limits.Name)
	}
	return &member{c: c, id: publicID(req.Session), wish: name}, roomName, nil
}

// listen deals with what m sends until it is over. ctx ends when another connection
// takes its place, too.
func (h *hub) listen(ctx context.Context, m *member, r *room) error {
	p := pace{burst: h.limits.Burst, every: h.limits.Every}
	for msg, err := range m.c.Messages(ctx) {
		if errors.Is(err, context.Canceled) {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, p.spend(time.Now())); err != nil {
			return err
		}
		if err := h.obey(m, r, msg); err != nil {
			return err
		}
	}
	return nil
}

// obey does what m asks for.
func (h *hub) obey(m *member, r *room, msg conn.Message) error {
	req, err := parse(msg)
	if err != nil {
		return err
	}
	switch req.Type {
	case typePing:
		return m.c.TryWrite(conn.Text, encode(pong{typePong, req.ID}))
	case typeSay:
		text, ok := cleanText(req.Text, h.limits.Text)
		if !ok {
			return broken("a text has 1 to %d characters", h.limits.Text)
		}
		r.say(m, req.ID, text)
		return nil
	default:
		return broken("you have joined already")
	}
}

// sleep waits for d. It returns the cause of ctx if that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
