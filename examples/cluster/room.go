package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

const (
	maxMembers    = 1000                  // of a room, on this server
	maxNames      = 100                   // of them that the others are told
	keepRecent    = 256                   // messages that a room has at hand
	fewMessages   = 16                    // that may be sent to somebody without waiting for them
	historyPage   = 200                   // messages that are asked for at once
	announceEvery = 50 * time.Millisecond // at most so often
	maySignal     = 16 << 10              // bytes: who has more to be sent gets no signals
)

var errFull = &conn.CloseError{Code: conn.StatusTryAgainLater, Reason: "the room is full"}

// room is a room on this server: those who are in it here, and its messages since the
// first of them came. It is the Listener of the broker.
type room struct {
	name   string
	broker Broker
	users  int // of server.mu
	open   func() error
	sub    Subscription // once open has returned nil

	changed  chan struct{} // room for one token: who is here
	done     chan struct{}
	announce sync.WaitGroup

	mu      sync.Mutex
	members map[*conn.Conn]string // their names
	group   conn.Group            // of members
	ahead   map[*conn.Conn]uint64 // members who have seen, elsewhere, what comes here only now
	after   uint64                // recent has all messages with higher numbers
	recent  []numbered
	present []string
}

type numbered struct {
	seq     uint64
	message *conn.Prepared
}

func newRoom(name string, broker Broker) *room {
	r := &room{
		name: name, broker: broker,
		changed: make(chan struct{}, 1), done: make(chan struct{}),
		members: make(map[*conn.Conn]string), ahead: make(map[*conn.Conn]uint64),
	}
	r.open = sync.OnceValue(r.subscribe)
	return r
}

func (r *room) subscribe() error {
	ctx, cancel := context.WithTimeout(context.Background(), brokerTime)
	defer cancel()
	sub, err := r.broker.Subscribe(ctx, r.name, r)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sub = sub
	r.after = max(r.after, sub.After()) // messages may have come already
	r.announce.Go(r.announceAll)
	return nil
}

// close ends a room in which nobody is any more.
func (r *room) close() {
	if r.open() != nil {
		return
	}
	close(r.done)
	r.announce.Wait()
	r.sub.Close()
}

// announceAll tells the other servers who is here, whenever that has changed. When
// thousands come at once, it is not said a thousand times.
func (r *room) announceAll() {
	for {
		select {
		case <-r.changed:
			r.sub.Announce(r.names())
		case <-r.done:
			return
		}
		select {
		case <-time.After(announceEvery):
		case <-r.done:
			return
		}
	}
}

func (r *room) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := slices.Compact(slices.Sorted(maps.Values(r.members)))
	return names[:min(len(names), maxNames)]
}

// join sends c what it has not seen, and makes it a member. What is long ago comes from
// the broker, what is not from the room. All of it waits for c to read, and the rest is
// sent, with c becoming a member, while the room stands still: none is missing between
// the two, and none comes twice.
func (r *room) join(ctx context.Context, c *conn.Conn, v visit) error {
	if err := c.Write(ctx, conn.Text, event{Log: r.broker.Log()}.encode()); err != nil {
		return err
	}
	after := v.after
	switch {
	case v.onlyNew:
		after = r.last()
	case v.log != r.broker.Log():
		after = 0
	}
	for {
		begin, tail, err := r.admit(c, v.name, after)
		switch {
		case err != nil:
			return err
		case after < begin:
			after, err = r.replay(ctx, c, after, begin)
		case len(tail) > 0:
			after, err = writeAll(ctx, c, tail)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// admit makes c a member if few messages are missing. If not, it returns those of recent
// that are, or that they are older than begin.
func (r *room) admit(c *conn.Conn, name string, after uint64) (begin uint64, tail []numbered, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if after < r.after {
		return r.after, nil, nil
	}
	if tail = r.since(after); len(tail) > fewMessages {
		return r.after, slices.Clone(tail), nil
	}
	if len(r.members) >= maxMembers {
		return 0, nil, errFull
	}
	for _, m := range tail {
		if err := c.TryWritePrepared(m.message); err != nil {
			return 0, nil, err
		}
	}
	c.TryWrite(conn.Text, event{Joined: true}.encode())
	if len(r.present) > 0 {
		c.TryWrite(conn.Text, event{Present: r.present}.encode())
	}
	if after > r.lastLocked() {
		r.ahead[c] = after
	}
	r.members[c] = name
	r.group.Add(c)
	r.change()
	return 0, nil, nil
}

// since returns the messages of recent that are numbered higher than after.
func (r *room) since(after uint64) []numbered {
	i := len(r.recent)
	for i > 0 && r.recent[i-1].seq > after {
		i--
	}
	return r.recent[i:]
}

func (r *room) last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastLocked()
}

func (r *room) lastLocked() uint64 {
	if len(r.recent) == 0 {
		return r.after
	}
	return r.recent[len(r.recent)-1].seq
}

// replay writes a page of the history, and returns up to where c has seen all then: the
// end of the page, or begin if the page is the last.
func (r *room) replay(ctx context.Context, c *conn.Conn, after, begin uint64) (uint64, error) {
	asking, cancel := context.WithTimeout(ctx, brokerTime)
	defer cancel()
	page, err := r.broker.History(asking, r.name, after, historyPage)
	if err != nil {
		return 0, err
	}
	var messages []numbered
	for _, m := range page {
		after = m.Seq
		if p := prepare(m); p != nil {
			messages = append(messages, numbered{m.Seq, p})
		}
	}
	if len(page) < historyPage {
		after = max(after, begin)
	}
	_, err = writeAll(ctx, c, messages)
	return after, err
}

// writeAll writes messages, as fast as c reads, and returns the number of the last.
func writeAll(ctx context.Context, c *conn.Conn, messages []numbered) (last uint64, err error) {
	for _, m := range messages {
		if err := c.WritePrepared(ctx, m.message); err != nil {
			return 0, err
		}
		last = m.seq
	}
	return last, nil
}

// prepare returns a message as clients get it. What others have put into the stream that
// is none is nil.
func prepare(m Stored) *conn.Prepared {
	var e event
	if json.Unmarshal(m.Data, &e) != nil {
		return nil
	}
	e.Seq = m.Seq
	p, err := conn.NewPrepared(conn.Text, e.encode())
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return p
}

// leave takes c out of the room.
func (r *room) leave(c *conn.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, c)
	delete(r.ahead, c)
	r.group.Remove(c)
	r.change()
}

func (r *room) change() {
	select {
	case r.changed <- struct{}{}:
	default: // announceAll has not yet seen the last
	}
}

// Message sends a message to all. Who does not read is disconnected, by
// conn.Config.SlowConsumer, and comes again, and then gets the rest at their own pace.
func (r *room) Message(m Stored) {
	p := prepare(m)
	if p == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Seq <= r.lastLocked() {
		return
	}
	r.recent = append(r.recent, numbered{m.Seq, p})
	if n := len(r.recent) - keepRecent; n >= keepRecent {
		r.after = r.recent[n-1].seq
		r.recent = slices.Clone(r.recent[n:])
	}
	var except []*conn.Conn
	for c, seen := range r.ahead {
		if m.Seq <= seen {
			except = append(except, c)
		} else {
			delete(r.ahead, c)
		}
	}
	r.group.BroadcastPrepared(p, except...)
}

// Signal sends a signal to those who are not behind.
func (r *room) Signal(data []byte) {
	p, err := conn.NewPrepared(conn.Text, data)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.members {
		if c.Backlog() < maySignal {
			c.TryWritePrepared(p)
		}
	}
}

// Present tells all who is there.
func (r *room) Present(names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(names, r.present) {
		r.present = names
		r.group.Broadcast(conn.Text, event{Present: names}.encode())
	}
}
