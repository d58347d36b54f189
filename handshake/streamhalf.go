package handshake

import (
	"sync"
	"time"
)

// half is what both directions of a Stream have: a lock, and waits with a deadline
// after which the direction is as good as before.
type half struct {
	mu      sync.Mutex
	changed sync.Cond // anything that somebody could wait for; its L is &mu
	closed  bool      // by this side
	err     error     // why nothing more will come, or go
	by      time.Time // the deadline; zero: none
	alarm   *time.Timer
}

func (h *half) init() { h.changed.L = &h.mu }

// setDeadline sets the deadline of calls under way and of those to come.
func (h *half) setDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.by = t
	h.changed.Broadcast()
}

// isLate reports whether the deadline has passed. The caller holds mu.
func (h *half) isLate() bool { return !h.by.IsZero() && !time.Now().Before(h.by) }

// pause waits for a change, or for the deadline. The caller holds mu. The timer is
// for those who wait only: most deadlines are set and never come near.
func (h *half) pause() {
	switch {
	case h.by.IsZero():
	case h.alarm == nil:
		h.alarm = time.AfterFunc(time.Until(h.by), h.wake)
	default:
		h.alarm.Reset(time.Until(h.by))
	}
	h.changed.Wait()
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

// close has calls under way fail. It reports whether it was the first to do so.
func (h *half) close() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := !h.closed
	h.closed = true
	if h.alarm != nil {
		h.alarm.Stop()
	}
	h.changed.Broadcast()
	return first
}

// fail takes note of why nothing more will come, or go. The first reason counts.
func (h *half) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
	h.changed.Broadcast()
}
