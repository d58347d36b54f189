package main

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

// historySize is how many samples a page that is opened gets at once.
const historySize = 120

// config: a client says little, and one that is slow misses the oldest samples.
var config = conn.Config{
	MaxMessage:   64,
	Backlog:      16 << 10,
	SlowConsumer: conn.DropOldest,
}

// hub gives every sample to everybody. It is the handler of the connections.
type hub struct {
	events *conn.Server
	group  conn.Group
	meter  meter

	mu      sync.Mutex
	history []sample
	gone    conn.Stats // of the connections that are over
}

func (h *hub) Open(c *conn.Conn) { h.group.Add(c) }

// Message: a client asks for what was before.
func (h *hub) Message(c *conn.Conn, m conn.Message) {
	if string(m.Data) != "history" {
		c.Close(conn.StatusPolicyViolation, "the one word to say is history")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock() // so that it is not behind a sample that is newer
	text, _ := json.Marshal(h.history)
	c.TryWrite(conn.Text, text)
}

func (h *hub) Close(c *conn.Conn, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone = add(h.gone, c.Stats())
}

// publishAll publishes samples until ctx ends or the server fails.
func (h *hub) publishAll(ctx context.Context, every time.Duration, failed <-chan error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	h.meter.sample(time.Now(), conn.Stats{}, 0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case now := <-tick.C:
			h.publish(h.meter.sample(now, h.stats(), h.events.Len()))
		}
	}
}

// publish gives a sample to everybody, in a message that is encoded once.
func (h *hub) publish(s sample) (taken int) {
	text, err := json.Marshal([]sample{s})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	message, _ := conn.NewPrepared(conn.Text, text)
	h.mu.Lock()
	h.history = append(h.history, s)
	h.history = h.history[max(0, len(h.history)-historySize):]
	h.mu.Unlock()
	return h.group.BroadcastPrepared(message)
}

// stats is what all connections have done, those that are over too. One that ends
// meanwhile may be missed, or counted twice.
func (h *hub) stats() conn.Stats {
	var sum conn.Stats
	h.events.Each(func(c *conn.Conn) bool {
		sum = add(sum, c.Stats())
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	gone := h.gone
	gone.Backlog = 0
	return add(sum, gone)
}

func add(a, b conn.Stats) conn.Stats {
	a.MessagesSent += b.MessagesSent
	a.BytesSent += b.BytesSent
	a.Writes += b.Writes
	a.Dropped += b.Dropped
	a.Backlog += b.Backlog
	return a
}
