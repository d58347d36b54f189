package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

// settings are what sessions of Engine.IO are bounded by.
type settings struct {
	pingInterval   time.Duration // from a pong to the next ping
	pingTimeout    time.Duration // from a ping to its pong
	upgradeTimeout time.Duration // for a WebSocket to take over from polling
	bodyTimeout    time.Duration // for the body of a POST
	maxPayload     int           // bytes of a WebSocket's message, and of a POST
	maxQueue       int           // bytes that wait for a client to poll
	maxSessions    int
}

var defaults = settings{
	pingInterval:   25 * time.Second,
	pingTimeout:    20 * time.Second,
	upgradeTimeout: 10 * time.Second,
	bodyTimeout:    20 * time.Second,
	maxPayload:     1_000_000,
	maxQueue:       4 << 20,
	maxSessions:    10_000,
}

// handler is told of what goes on in a session, one thing after the other, and never
// two at once. closed is the last.
type handler interface {
	// message takes a message, whose bytes are lent. An error ends the session.
	message(data []byte, binary bool) error
	closed(reason string)
}

// engine is all sessions of Engine.IO. It is an http.Handler, see polling.go.
type engine struct {
	settings
	begin func(s *session) handler // is called for each session

	mu       sync.Mutex
	sessions map[string]*session
	down     bool
	alive    sync.WaitGroup // a session each, until closed has been called
}

var errFull = errors.New("engine.io: there are too many sessions")

// open begins a session. The packet that says so is on its queue.
func (e *engine) open() (*session, error) {
	s := &session{engine: e, id: rand.Text(), wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.enqueue(packet{typ: packetOpen, data: e.openPacket(s.id)})
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down || len(e.sessions) >= e.maxSessions {
		return nil, errFull
	}
	if e.sessions == nil {
		e.sessions = make(map[string]*session)
	}
	e.sessions[s.id] = s
	e.alive.Add(1)
	s.mu.Lock()
	s.timer = time.AfterFunc(e.pingInterval, s.tick)
	s.mu.Unlock()
	s.turn.Lock()
	s.handler = e.begin(s)
	s.turn.Unlock()
	return s, nil
}

func (e *engine) openPacket(id string) []byte {
	data, _ := json.Marshal(map[string]any{
		"sid":          id,
		"upgrades":     []string{"websocket"},
		"pingInterval": e.pingInterval.Milliseconds(),
		"pingTimeout":  e.pingTimeout.Milliseconds(),
		"maxPayload":   e.maxPayload,
	})
	return data
}

// session finds a session; nil if there is none.
func (e *engine) session(id string) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[id]
}

// shutdown ends all sessions, and lets no new one in. Clients come back, and find
// whoever listens then.
func (e *engine) shutdown() {
	e.mu.Lock()
	e.down = true
	var all []*session
	for _, s := range e.sessions {
		all = append(all, s)
	}
	e.mu.Unlock()
	for _, s := range all {
		s.close("server shutting down")
	}
	e.alive.Wait()
}

// session is one client, however its packets travel: by polling at first, then over a
// WebSocket, if that works.
type session struct {
	engine  *engine
	id      string
	handler handler
	turn    sync.Mutex // is held while handler is called

	mu           sync.Mutex
	queue        []packet // wait for a poll
	queued       int      // bytes, and some for each packet
	ws           *conn.Conn
	polled       bool // a poll waits
	posted       bool // a POST is read
	probing      bool // a WebSocket tries to take over
	upgrading    bool // it has got through: polls do not wait
	waitsForPong bool
	closed       bool
	timer        *time.Timer   // for the next ping, or for the pong
	wake         chan struct{} // holds one if the poll has something to look for
	done         chan struct{} // is closed with the session
}

var (
	errSessionClosed = errors.New("engine.io: the session is closed")
	errTooSlow       = errors.New("engine.io: the client does not fetch what is there for it")
)

// send sends packets together, in order. It never waits: a client that does not keep
// up loses the session. It may be called from any goroutine.
func (s *session) send(ps ...packet) error {
	s.mu.Lock()
	err := s.enqueue(ps...)
	s.mu.Unlock()
	if errors.Is(err, errTooSlow) || errors.Is(err, conn.ErrBacklog) {
		s.close("transport error")
	}
	return err
}

// enqueue is send with s.mu held.
func (s *session) enqueue(ps ...packet) error {
	if s.closed {
		return errSessionClosed
	}
	for _, p := range ps {
		if s.ws != nil {
			m := p.message()
			if err := s.ws.TryWrite(m.Type, m.Data); err != nil {
				return err
			}
			continue
		}
		s.queued += len(p.data) + 64
		if s.queued > s.engine.maxQueue {
			return errTooSlow
		}
		s.queue = append(s.queue, p)
	}
	s.wakePoll()
	return nil
}

func (s *session) wakePoll() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns what there is for a poll, and nothing if it has to wait.
func (s *session) take() []packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return append(s.queue[:len(s.queue):len(s.queue)], packet{typ: packetClose})
	case len(s.queue) > 0:
		ps := s.queue
		s.queue, s.queued = nil, 0
		return ps
	case s.upgrading, s.ws != nil:
		return []packet{{typ: packetNoop}}
	}
	return nil
}

// tick is called when a ping is due, and when a pong is overdue.
func (s *session) tick() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	if s.waitsForPong {
		s.mu.Unlock()
		s.close("ping timeout")
		return
	}
	s.waitsForPong = true
	s.timer.Reset(s.engine.pingTimeout)
	s.mu.Unlock()
	s.send(packet{typ: packetPing})
}

func (s *session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waitsForPong && !s.closed {
		s.waitsForPong = false
		s.timer.Reset(s.engine.pingInterval)
	}
}

// receive takes a packet from the client, whatever way it came. An error ends the
// session.
func (s *session) receive(p packet) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	select {
	case <-s.done:
		return errSessionClosed
	default:
	}
	switch p.typ {
	case packetMessage:
		return s.handler.message(p.data, p.binary)
	case packetPong:
		s.pong()
	case packetClose:
		s.close("transport close")
	case packetNoop:
	default:
		return fmt.Errorf("engine.io: a client may not send %q", p.typ)
	}
	return nil
}

// close ends the session. It does not wait, so that it can be called from anywhere;
// the handler is told on a goroutine of its own.
func (s *session) close(reason string) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.timer.Stop()
	ws := s.ws
	close(s.done)
	s.mu.Unlock()

	e := s.engine
	e.mu.Lock()
	delete(e.sessions, s.id)
	e.mu.Unlock()
	if ws != nil {
		e.alive.Go(func() { ws.Close(conn.StatusNormalClosure, "") })
	}
	go func() {
		defer e.alive.Done()
		s.turn.Lock()
		defer s.turn.Unlock()
		s.handler.closed(reason)
	}()
}

// serve runs a session that has begun on a WebSocket, to its end.
func (s *session) serve(c *conn.Conn) error {
	if err := s.moveTo(c); err != nil {
		return err
	}
	return s.readAll(c)
}

// upgrade lets a WebSocket take over from polling, and runs the session to its end.
// If the WebSocket does not get through, the session goes on as it was.
//
//	client: 2probe    over the WebSocket
//	server: 3probe
//	server: 6         to the poll that waits, so that the client can stop polling
//	client: 5         and from here on nothing goes by polling
func (s *session) upgrade(c *conn.Conn) error {
	if !s.beginUpgrade() {
		return &conn.CloseError{Code: conn.StatusPolicyViolation}
	}
	defer s.endUpgrade()
	ctx, cancel := context.WithTimeout(context.Background(), s.engine.upgradeTimeout)
	defer cancel()
	defer context.AfterFunc(c.Context(), cancel)()
	if err := expect(ctx, c, "2probe"); err != nil {
		return err
	}
	if err := c.Write(ctx, conn.Text, []byte("3probe")); err != nil {
		return err
	}
	s.letPollGo()
	if err := expect(ctx, c, "5"); err != nil {
		return err
	}
	if err := s.moveTo(c); err != nil {
		return err
	}
	return s.readAll(c)
}

// expect reads the one message that may come next.
func expect(ctx context.Context, c *conn.Conn, want string) error {
	_, got, err := c.Read(ctx)
	if err == nil && string(got) != want {
		return &conn.CloseError{Code: conn.StatusPolicyViolation}
	}
	return err
}

// beginUpgrade lets one WebSocket try at a time.
func (s *session) beginUpgrade() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ws != nil || s.probing {
		return false
	}
	s.probing = true
	return true
}

func (s *session) letPollGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upgrading = true
	s.wakePoll()
}

func (s *session) endUpgrade() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing, s.upgrading = false, false
}

// moveTo has everything sent over c from now on, beginning with what waits.
func (s *session) moveTo(c *conn.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errSessionClosed
	}
	waiting := s.queue
	s.ws, s.queue, s.queued = c, nil, 0
	return s.enqueue(waiting...)
}

// readAll takes what comes over the WebSocket until it ends, and the session with it.
func (s *session) readAll(c *conn.Conn) error {
	for m, err := range c.Messages(context.Background()) {
		if err != nil {
			break
		}
		p, err := parseMessage(m)
		if err == nil {
			err = s.receive(p)
		}
		if err != nil {
			s.close("parse error")
			return nil
		}
	}
	s.close("transport close")
	return nil
}
