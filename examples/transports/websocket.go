package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/parleyws/websocket/conn"
)

// webSocket is RFC 6455: after one HTTP request the TCP connection belongs to
// messages, in both directions, with a header of 2 to 4 bytes for small ones.
var webSocket = transport{
	name:   "websocket",
	title:  "WebSocket",
	whole:  true,
	serve:  func(s *server, t *tally) http.Handler { return s.webSocket(t) },
	follow: followWebSocket,
}

// sockets are all WebSockets of a server. One goroutine writes to all of them,
// without waiting for any: see conn.Group.
type sockets struct {
	group conn.Group

	mu   sync.Mutex // a connection joins between two events
	sent int64      // id of the last event that the group got
}

// One that does not keep up is disconnected, and can come back with its cursor.
// MaxMessage is small as clients have nothing to say.
var webSocketOptions = &conn.AcceptOptions{Config: conn.Config{
	MaxMessage: 1 << 10, SlowConsumer: conn.Disconnect, WriteTimeout: writeTimeout,
}}

func (s *server) webSocket(t *tally) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		after, ok := s.cursor(w, r)
		if !ok {
			return
		}
		conn.Handler(webSocketOptions, func(ctx context.Context, c *conn.Conn) error {
			if err := s.join(c, t, after); err != nil {
				return err
			}
			for _, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				return &conn.CloseError{Code: conn.StatusPolicyViolation, Reason: "only the server speaks here"}
			}
			return nil
		}).ServeHTTP(w, r)
	}
}

// join sends c what it has missed, and adds it to those who get what comes next.
func (s *server) join(c *conn.Conn, t *tally, after int64) error {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	for after < s.sockets.sent {
		news, _, _ := s.hub.since(after)
		for _, m := range news {
			if m.id > s.sockets.sent {
				break
			}
			if err := c.TryWrite(conn.Text, m.json); err != nil {
				return err
			}
			t.messages.Add(1)
		}
		after = news[len(news)-1].id
	}
	s.sockets.group.Add(c)
	return nil
}

// broadcast sends every event to all WebSockets, until ctx ends.
func (s *server) broadcast(ctx context.Context, t *tally) {
	for {
		news, _, more := s.hub.since(s.sockets.sent)
		for _, m := range news {
			s.broadcastOne(m, t)
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) broadcastOne(m message, t *tally) {
	p, err := conn.NewPrepared(conn.Text, m.json)
	if err != nil {
		panic("BUG: JSON is text: " + err.Error())
	}
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	s.sockets.sent = m.id
	t.messages.Add(int64(s.sockets.group.BroadcastPrepared(p)))
}

func followWebSocket(ctx context.Context, f *follower) error {
	f.requests.Add(1)
	url := "ws" + strings.TrimPrefix(f.url("/websocket"), "http")
	c, err := conn.Dial(ctx, url, &conn.DialOptions{NetDial: f.dial})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		var e event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return fmt.Errorf("websocket: %w", err)
		}
		f.after = e.ID
		f.deliver(e)
	}
	return nil
}
