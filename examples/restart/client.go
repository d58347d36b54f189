package main

import (
	"context"
	"sync"

	"github.com/parleyws/websocket/conn"
)

// outbox numbers messages and keeps each until it is acknowledged.
type outbox struct {
	client string
	room   chan struct{} // a token for each message that is kept
	news   chan struct{} // room for one token: there is something to do for send

	mu       sync.Mutex
	id       int       // of the last message
	unacked  []message // in order
	finished bool      // there will be no more
}

// maxUnacked is how many messages an outbox keeps before add waits.
const maxUnacked = 64

func newOutbox(client string) *outbox {
	return &outbox{client: client, room: make(chan struct{}, maxUnacked), news: make(chan struct{}, 1)}
}

// add takes a message to be sent. It waits as long as too many are kept already.
func (o *outbox) add(ctx context.Context, text string) error {
	select {
	case o.room <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	o.mu.Lock()
	o.id++
	o.unacked = append(o.unacked, message{o.client, o.id, text})
	o.mu.Unlock()
	o.tell()
	return nil
}

// finish says that there will be no more messages.
func (o *outbox) finish() {
	o.mu.Lock()
	o.finished = true
	o.mu.Unlock()
	o.tell()
}

func (o *outbox) tell() {
	select {
	case o.news <- struct{}{}:
	default: // send has not yet seen the last
	}
}

// acknowledge drops what the server has stored: all messages up to id.
func (o *outbox) acknowledge(id int) {
	o.mu.Lock()
	for len(o.unacked) > 0 && o.unacked[0].ID <= id {
		o.unacked = o.unacked[1:]
		<-o.room
	}
	o.mu.Unlock()
	o.tell()
}

// after returns the messages to be sent when id was the last, and whether everything has
// been done.
func (o *outbox) after(id int) (messages []message, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, m := range o.unacked {
		if m.ID > id {
			return append(messages, o.unacked[i:]...), false
		}
	}
	return nil, o.finished && len(o.unacked) == 0
}

// run sends messages, on one connection after the other, until all are acknowledged and
// there will be no more.
func (o *outbox) run(ctx context.Context, url string, policy *conn.RedialPolicy) error {
	for c, err := range conn.Redial(ctx, url, nil, policy) {
		if err != nil {
			return err
		}
		o.serve(ctx, c)
	}
	return nil // closed with 1000, by send
}

// serve sends and receives on one connection, until it is lost.
func (o *outbox) serve(ctx context.Context, c *conn.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		o.send(ctx, c)
	}()
	for {
		ack, err := conn.ReadJSON[acknowledgement](ctx, c)
		if err != nil {
			break // Redial sees why
		}
		o.acknowledge(ack.ID)
	}
	cancel()
	<-sending
}

// send sends every message that is not acknowledged, for a new connection knows of none,
// and then those that are added.
func (o *outbox) send(ctx context.Context, c *conn.Conn) {
	for last := 0; ; {
		messages, done := o.after(last)
		if done {
			c.Close(conn.StatusNormalClosure, "")
			return
		}
		for _, m := range messages {
			if conn.WriteJSON(ctx, c, m) != nil {
				return
			}
			last = m.ID
		}
		select {
		case <-o.news:
		case <-ctx.Done():
			return
		}
	}
}
