//go:build (linux || darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package conn

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/parleyws/websocket/internal/poll"
)

// waitingRoom is where those are who wait until the peer of an event loop's connection
// takes what they write, or says something in its opening handshake. It has a poller of
// its own: who waits may be an event loop, whose handler writes, and then its own poller
// tells it nothing. The room is made with the loops, so that to wait needs no descriptor
// when there are none left.
type waitingRoom struct {
	poller *poll.Poller

	mu     sync.Mutex
	all    map[*socket]*waiter
	tokens map[poll.Token]*waiter
	last   poll.Token // that was given to somebody
	over   bool       // it is to end
	closed bool       // there is no poller any more
}

// waiter is somebody who waits, or is about to: there is one for a socket at most, the
// owner of its connection's outbound half, or whoever does its opening handshake.
type waiter struct {
	token    poll.Token
	deadline time.Time
	reads    bool          // it is for bytes of the peer too
	entered  bool          // the poller tells of the socket
	wake     chan struct{} // has room for one: look again
}

func newWaitingRoom() (*waitingRoom, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	return &waitingRoom{poller: p, all: make(map[*socket]*waiter), tokens: make(map[poll.Token]*waiter)}, nil
}

// run is the goroutine that wakes those who wait.
func (r *waitingRoom) run() {
	r.poller.Run(func(events []poll.Event) (time.Time, poll.Then) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range events {
			if w := r.tokens[events[i].Token]; w != nil {
				w.alert()
			}
		}
		if r.over {
			return time.Time{}, poll.Stop
		}
		return time.Time{}, poll.Wait
	})
	r.close()
}

// stop has run end.
func (r *waitingRoom) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if !r.closed {
		r.poller.Wake()
	}
}

func (r *waitingRoom) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.poller.Close()
	}
}

func (w *waiter) alert() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// enter returns the one who waits for s, and makes it with that deadline if there is
// none.
func (r *waitingRoom) enter(s *socket, deadline time.Time) *waiter {
	w := r.all[s]
	if w == nil {
		r.last.Slot++
		if r.last.Slot == 0 {
			r.last.Generation++
		}
		w = &waiter{token: r.last, wake: make(chan struct{}, 1)}
		r.all[s], r.tokens[w.token] = w, w
	}
	w.deadline = deadline
	return w
}

// leave forgets the one who has waited for s, if there is one.
func (r *waitingRoom) leave(s *socket) {
	w := r.all[s]
	if w == nil {
		return
	}
	delete(r.all, s)
	delete(r.tokens, w.token)
	if w.entered && !r.closed && s.hold() { // one that is closed needs not be removed
		r.poller.Remove(int(s.fd))
		s.release()
	}
}

// admit has the poller tell of s, the first time. The caller holds s open.
func (r *waitingRoom) admit(s *socket, w *waiter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return net.ErrClosed
	case w.entered:
		return nil
	}
	w.entered = true
	if w.reads {
		return r.poller.Add(int(s.fd), w.token)
	}
	return r.poller.AddWritable(int(s.fd), w.token)
}

// SetWriteDeadline implements net.Conn. With a deadline, the writer is about to wait,
// and without one he has waited.
func (s *socket) SetWriteDeadline(t time.Time) error {
	r := s.loop.server.waiting
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case t.IsZero():
		r.leave(s)
	case t == longAgo && r.all[s] == nil: // a kick, and nobody there
	default:
		r.enter(s, t).alert()
	}
	return nil
}

// Write implements net.Conn, for a writer that has set a deadline.
func (s *socket) Write(p []byte) (n int, err error) {
	for err == nil && n < len(p) {
		var m int
		m, err = s.writeSome(p[n:])
		if n += m; err == errWouldBlock {
			err = s.awaitRoom()
		}
	}
	if err != nil {
		err = s.failed("write", err)
	}
	return n, err
}

// failed is the error of a call, as package net has it.
func (s *socket) failed(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: s.LocalAddr().Network(), Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}

func (s *socket) writeSome(p []byte) (n int, err error) {
	if !s.hold() {
		return 0, net.ErrClosed
	}
	defer s.release()
	return sysWrite(uintptr(s.fd), p)
}

// awaitRoom waits for room in the socket, or for what else its waiter waits for, or
// until the deadline. It may return for nothing.
func (s *socket) awaitRoom() error {
	r := s.loop.server.waiting
	r.mu.Lock()
	w := r.all[s]
	r.mu.Unlock()
	if w == nil || !s.hold() {
		return net.ErrClosed
	}
	err := r.admit(s, w)
	s.release()
	if err != nil {
		return err
	}
	r.mu.Lock()
	left := time.Until(w.deadline)
	r.mu.Unlock()
	if left <= 0 {
		return os.ErrDeadlineExceeded
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	}
	return nil
}

// dismiss sends whoever waits for a socket that is closed away. The poller forgets it by
// itself.
func (r *waitingRoom) dismiss(s *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.all[s]; w != nil {
		delete(r.all, s)
		delete(r.tokens, w.token)
		w.alert()
	}
}
