package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

// maxUnacked is how many messages a client keeps before say waits.
const maxUnacked = 64

// client is somebody in a room, connected to whichever server there is. It sees every
// message once and in order, and keeps its own until it knows that they are kept
// elsewhere.
type client struct {
	urls    []string // of servers, which are tried in turn
	hear    func(event)
	session string        // ids begin with it; nobody else can guess it
	room    chan struct{} // a token for each message that is kept
	news    chan struct{} // room for one token: there is something to do for send

	mu       sync.Mutex
	seen     visit
	dials    int
	id       int       // of the last message
	unacked  []request // in order
	signals  []request // a few
	finished bool      // there will be no more
}

// newClient returns a client that has seen nothing. All that comes is given to hear, by
// one goroutine.
func newClient(urls []string, room, name string, hear func(event)) *client {
	return &client{
		urls: urls, hear: hear, session: rand.Text(), seen: visit{room: room, name: name},
		room: make(chan struct{}, maxUnacked), news: make(chan struct{}, 1),
	}
}

// say takes a message to be sent. It waits as long as too many are kept already.
func (k *client) say(ctx context.Context, text string) error {
	select {
	case k.room <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	k.id++
	k.unacked = append(k.unacked, request{ID: k.session + "-" + strconv.Itoa(k.id), Text: text})
	k.mu.Unlock()
	k.tell()
	return nil
}

// signal takes a signal to be sent, unless there is no connection.
func (k *client) signal(s string) {
	k.mu.Lock()
	if len(k.signals) < maxUnacked {
		k.signals = append(k.signals, request{Signal: s})
	}
	k.mu.Unlock()
	k.tell()
}

// finish says that there will be no more messages.
func (k *client) finish() {
	k.mu.Lock()
	k.finished = true
	k.mu.Unlock()
	k.tell()
}

func (k *client) tell() {
	select {
	case k.news <- struct{}{}:
	default: // send has not yet seen the last
	}
}

// acknowledge drops the message with that id, if it is one of this client's, and all
// before it: they were kept first.
func (k *client) acknowledge(id string) {
	number, ours := strings.CutPrefix(id, k.session+"-")
	n, err := strconv.Atoi(number)
	if !ours || err != nil {
		return
	}
	k.mu.Lock()
	for n > k.id-len(k.unacked) && len(k.unacked) > 0 {
		k.unacked = k.unacked[1:]
		<-k.room
	}
	k.mu.Unlock()
	k.tell()
}

// after returns what is to be sent when message n was the last, and whether everything
// has been done.
func (k *client) after(n int) (requests []request, last int, done bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	requests, k.signals = k.signals, nil
	first := k.id - len(k.unacked) // the last that was acknowledged
	requests = append(requests, k.unacked[max(n-first, 0):]...)
	return requests, k.id, k.finished && len(k.unacked) == 0
}

// run stays in the room, on one connection after the other, until all is said and
// acknowledged.
func (k *client) run(ctx context.Context, policy conn.RedialPolicy) error {
	policy.Dial = k.dial
	for c, err := range conn.Redial(ctx, "", nil, &policy) {
		if err == nil {
			err = k.serve(ctx, c)
		}
		if err != nil {
			return err
		}
	}
	return nil // closed with 1000, by send
}

// dial tries the next server.
func (k *client) dial(ctx context.Context) (*conn.Conn, error) {
	k.mu.Lock()
	url := k.urls[k.dials%len(k.urls)] + "?" + k.seen.query()
	k.dials++
	k.signals = nil
	k.mu.Unlock()
	return conn.Dial(ctx, url, &conn.DialOptions{
		Timeout: 5 * time.Second,
		Config:  conn.Config{KeepAlive: conn.KeepAlive{Interval: 10 * time.Second, Timeout: 5 * time.Second}},
	})
}

// serve sends and receives on one connection, until it is lost. An error is the end.
func (k *client) serve(ctx context.Context, c *conn.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	joined, once := make(chan struct{}), sync.Once{}
	var sending sync.WaitGroup
	sending.Go(func() {
		select {
		case <-joined:
			k.send(ctx, c)
		case <-ctx.Done():
		}
	})
	defer sending.Wait()
	defer cancel()
	for {
		e, err := conn.ReadJSON[event](ctx, c)
		if err != nil {
			return nil // Redial sees why
		}
		if err := k.take(e); err != nil {
			return errors.Join(err, c.CloseNow())
		}
		if e.Joined {
			once.Do(func() { close(joined) })
		}
		k.hear(e)
	}
}

// take sees to what an event says of messages.
func (k *client) take(e event) error {
	k.acknowledge(e.ID + e.Ack) // an event has one of them
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case e.Log != "" && e.Log != k.seen.log:
		k.seen.log, k.seen.after = e.Log, 0
	case e.ID != "" && e.Seq <= k.seen.after:
		return fmt.Errorf("message %d has come after %d", e.Seq, k.seen.after)
	case e.ID != "":
		k.seen.after = e.Seq
	}
	return nil
}

// send sends every message that is not acknowledged, for a new connection knows of none,
// and then those that are added. It begins when all messages from before have been seen:
// one of its own among them need not be sent again, however long ago it was.
func (k *client) send(ctx context.Context, c *conn.Conn) {
	for last := 0; ; {
		requests, n, done := k.after(last)
		if done {
			c.Close(conn.StatusNormalClosure, "")
			return
		}
		last = n
		for _, r := range requests {
			if conn.WriteJSON(ctx, c, r) != nil {
				return
			}
		}
		select {
		case <-k.news:
		case <-ctx.Done():
			return
		}
	}
}
