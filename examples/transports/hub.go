package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	history  = 1024 // events that are kept for clients that come back
	maxBatch = 256  // events that are handed out at once
	minRate  = 0.2  // events a second
	maxRate  = 500.
)

// event is what the server has to tell: the next price of something.
type event struct {
	ID    int64   `json:"id"` // 1, 2, 3, …
	At    int64   `json:"at"` // when it happened, in microseconds of the Unix epoch
	Price float64 `json:"price"`
}

// message is an event as JSON, which is encoded once for all clients.
type message struct {
	id   int64
	json []byte // not to be changed
}

// hub is where events happen. It keeps the last of them, and no list of who
// listens: every client has a cursor, the id of the last event it has, and asks
// for what came since. So a client that is slow costs the hub nothing, and one
// that comes back needs nothing but its cursor.
type hub struct {
	ticker *time.Ticker // an event happens when it does

	mu    sync.Mutex
	rate  float64
	price float64
	last  int64            // id of the latest event
	ring  [history]message // event id is at id % history
	more  chan struct{}    // closed by the next event
}

func newHub(rate float64) *hub {
	return &hub{ticker: time.NewTicker(period(rate)), rate: rate, price: 100, more: make(chan struct{})}
}

// run lets events happen, at the hub's rate, until ctx ends.
func (h *hub) run(ctx context.Context) {
	defer h.ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.ticker.C:
			h.publish()
		}
	}
}

func period(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }

// setRate makes the hub faster or slower, within the limits, from now on.
func (h *hub) setRate(perSecond float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rate = min(max(perSecond, minRate), maxRate)
	h.ticker.Reset(period(h.rate))
}

func (h *hub) currentRate() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rate
}

// publish lets one event happen now.
func (h *hub) publish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.price = max(1, h.price+float64(rand.IntN(201)-100)/100)
	text, err := json.Marshal(event{h.last, time.Now().UnixMicro(), float64(int(h.price*100)) / 100})
	if err != nil {
		panic("BUG: an event is plain data: " + err.Error())
	}
	h.ring[h.last%history] = message{h.last, text}
	close(h.more)
	h.more = make(chan struct{})
}

// latest returns the cursor of one who has everything.
func (h *hub) latest() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// since returns what came after the event with the id after, the oldest first,
// maxBatch at most. Lost is how many events in between the hub has forgotten. If
// there is no news, more is closed when there is.
func (h *hub) since(after int64) (news []message, lost int64, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if after >= h.last { // or it has its cursor from an earlier run of the program
		return nil, 0, h.more
	}
	if oldest := max(1, h.last-history+1); after < oldest-1 {
		lost = oldest - 1 - after
		after = oldest - 1
	}
	news = make([]message, min(h.last-after, maxBatch))
	for i := range news {
		news[i] = h.ring[(after+1+int64(i))%history]
	}
	return news, lost, h.more
}
