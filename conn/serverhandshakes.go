package conn

import (
	"crypto/tls"
	"net"
	"runtime/debug"
	"time"

	"github.com/parleyws/websocket/handshake"
)

// This file is about the opening handshakes that Serve has under way, of which there
// are no more than Server.MaxHandshakes.
//
// A peer that is silent costs its place for as long as AcceptOptions.Timeout. So that
// a thousand of them do not keep all others out for that time, the one that has kept
// us waiting longest makes room for one that comes when there is none. Each has a grace
// for its request to arrive: many that come at once are let in one after the other, and
// not ended for each other.

// handshakeTime is how long a handshake may take.
func (o *AcceptOptions) handshakeTime() time.Duration {
	if o == nil || o.Timeout <= 0 {
		return 10 * time.Second
	}
	return o.Timeout
}

// handshakes are those that are under way, in the order of their coming. It is guarded
// by Server.mu.
type handshakes struct {
	first, last *shaking
	count       int
	shed        *shaking // it was closed to make room, and is not gone yet
}

// shaking is one of them.
type shaking struct {
	nc         net.Conn
	since      time.Time
	prev, next *shaking
	ours       bool // it is a function of Options that takes its time, not the peer
}

func (h *handshakes) add(nc net.Conn) *shaking {
	k := &shaking{nc: nc, since: time.Now(), prev: h.last}
	if h.last == nil {
		h.first = k
	} else {
		h.last.next = k
	}
	h.last = k
	h.count++
	return k
}

func (h *handshakes) remove(k *shaking) {
	if k.prev == nil {
		h.first = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		h.last = k.prev
	} else {
		k.next.prev = k.prev
	}
	h.count--
	if h.shed == k {
		h.shed = nil
	}
}

// silent returns the oldest that waits for its peer, or nil.
func (h *handshakes) silent() *shaking {
	for k := h.first; k != nil; k = k.next {
		if !k.ours {
			return k
		}
	}
	return nil
}

// makeRoom ends the oldest that waits for its peer, unless one that was ended before is
// still there. If its grace is not over, it says how long to wait.
func (h *handshakes) makeRoom(grace time.Duration) (wait time.Duration) {
	k := h.silent()
	if h.shed != nil || k == nil {
		return 0
	}
	if wait = grace - time.Since(k.since); wait > 0 {
		return wait
	}
	h.shed = k
	k.hangUp()
	return 0
}

// hangUp ends a handshake from outside, without waiting for anything.
func (k *shaking) hangUp() {
	if t, ok := k.nc.(*tls.Conn); ok {
		t.NetConn().Close() // closing a tls.Conn writes
		return
	}
	k.nc.Close()
}

// shake does an opening handshake. The stack that it needs is gone with it.
func (s *Server) shake(k *shaking) {
	u, err := s.accept(k)
	s.mu.Lock()
	s.handshakes.remove(k)
	s.changed.Broadcast()
	s.mu.Unlock()
	if err != nil {
		s.leave()
		return
	}
	s.attach(u)
}

// accept is handshake.Accept, in which a function of Options may panic.
func (s *Server) accept(k *shaking) (u *handshake.Upgraded, err error) {
	err = errNoReturn
	defer func() {
		if v := recover(); v != nil {
			s.logf("conn: panic in the handshake with %v: %v\n%s", k.nc.RemoteAddr(), v, debug.Stack())
		}
		if err != nil {
			k.nc.Close()
		}
	}()
	return handshake.Accept(k.nc, s.handshakeFor(k))
}

// handshakeFor has the functions of Options say of k that they are at work.
func (s *Server) handshakeFor(k *shaking) *handshake.ServerConfig {
	if s.hs == nil || s.hs.Check == nil && s.hs.CheckOrigin == nil && s.hs.SelectSubprotocol == nil {
		return s.hs
	}
	hs := *s.hs
	if check := hs.Check; check != nil {
		hs.Check = func(r *handshake.Request) error {
			defer s.atWork(k)()
			return check(r)
		}
	}
	if check := hs.CheckOrigin; check != nil {
		hs.CheckOrigin = func(r *handshake.Request, origin string) bool {
			defer s.atWork(k)()
			return check(r, origin)
		}
	}
	if choose := hs.SelectSubprotocol; choose != nil {
		hs.SelectSubprotocol = func(r *handshake.Request, offered []string) (string, error) {
			defer s.atWork(k)()
			return choose(r, offered)
		}
	}
	return &hs
}

// atWork takes note that it is not the peer who keeps k waiting, until what it returns
// is called.
func (s *Server) atWork(k *shaking) (done func()) {
	set := func(ours bool) {
		s.mu.Lock()
		k.ours = ours
		s.changed.Broadcast()
		s.mu.Unlock()
	}
	set(true)
	return func() { set(false) }
}
