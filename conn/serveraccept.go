package conn

import (
	"errors"
	"net"
	"time"
)

// This file is about how many connections a Server lets in, and how fast.

// pace is how fast Serve accepts.
type pace struct {
	rate  int // a second; 0: as fast as it can
	next  time.Time
	delay time.Duration // after an error
}

// accepted waits as long as the rate demands.
func (p *pace) accepted() {
	p.delay = 0
	if p.rate <= 0 {
		return
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	time.Sleep(p.next.Sub(now))
	p.next = p.next.Add(time.Second / time.Duration(p.rate))
}

// failed returns how long to wait after an error that may pass.
func (p *pace) failed() time.Duration {
	p.delay = min(max(2*p.delay, 5*time.Millisecond), time.Second)
	return p.delay
}

// temporary is how package net says that accepting may work again later.
type temporary interface {
	error
	Temporary() bool
}

// acceptFailed returns what Serve is to return, or nil once it may try again.
func (s *Server) acceptFailed(p *pace, err error) error {
	if s.isClosing() {
		return ErrServerClosed
	}
	if passing, ok := errors.AsType[temporary](err); !ok || !passing.Temporary() {
		return err
	}
	delay := p.failed()
	s.logf("conn: accept: %v; trying again in %v", err, delay)
	time.Sleep(delay)
	return nil
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// listen takes note of a listener for Shutdown to close.
func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.listeners[l] = struct{}{}
	}
	return !s.closing
}

func (s *Server) unlisten(l net.Listener) {
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
}

// awaitRoom waits until there is room for a connection, or can be made, and reports
// whether there is to be one.
func (s *Server) awaitRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.full() && s.handshakes.silent() == nil && !s.closing {
		s.changed.Wait()
	}
	return !s.closing
}

// full reports whether there are as many connections as there may be.
func (s *Server) full() bool { return s.MaxConns > 0 && s.count >= s.MaxConns }

// enter counts a connection that was accepted, once there is room. It returns nil if it
// comes too late.
func (s *Server) enter(nc net.Conn) *shaking {
	s.mu.Lock()
	defer s.mu.Unlock()
	var timer *time.Timer
	for !s.closing && (s.full() || s.handshakes.count >= orDefault(s.MaxHandshakes, 1024)) {
		if wait := s.handshakes.makeRoom(s.grace); wait > 0 && timer == nil {
			timer = time.AfterFunc(wait, s.look)
			defer timer.Stop()
		} else if wait > 0 {
			timer.Reset(wait)
		}
		s.changed.Wait()
	}
	if s.closing {
		return nil
	}
	s.count++
	return s.handshakes.add(nc)
}

// look has those who wait for a change look whether there is one.
func (s *Server) look() {
	s.mu.Lock()
	s.changed.Broadcast()
	s.mu.Unlock()
}

// admitNow counts a connection if there is room.
func (s *Server) admitNow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := !s.closing && !s.full()
	if room {
		s.count++
	}
	return room
}

// leave takes note that a connection that was admitted is over.
func (s *Server) leave() {
	s.mu.Lock()
	s.count--
	s.changed.Broadcast()
	s.mu.Unlock()
}
