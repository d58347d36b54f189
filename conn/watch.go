package conn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// This file is where contexts become deadlines.

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// watch makes the end of a context wake one goroutine that waits in the
// network: it calls kick, which sets a deadline that has passed.
//
// A context that is given again and again is registered once. Waiting under one
// that cannot end costs nothing.
//
// A kick may come too late, when the wait that it was meant for is over, and hit
// the next one. Whoever waits must therefore take a timeout without a reason for
// no more than an invitation to clear the deadline and try again.
type watch struct {
	kick    func()
	waiting atomic.Bool

	mu     sync.Mutex
	done   <-chan struct{} // of the context that is registered
	stop   func() bool
	closed bool
}

// arm is called right before a wait. It reports whether ctx allows to wait.
// Contexts are told apart by their channels, since comparing them may panic.
func (w *watch) arm(ctx context.Context) bool {
	done := ctx.Done()
	if done == nil {
		return true
	}
	w.mu.Lock()
	if done != w.done && !w.closed {
		w.forget()
		w.done = done
		w.stop = context.AfterFunc(ctx, w.fire)
	}
	w.mu.Unlock()
	w.waiting.Store(true)
	return ctx.Err() == nil
}

// disarm is called after the wait.
func (w *watch) disarm() { w.waiting.Store(false) }

func (w *watch) fire() {
	if w.waiting.Load() {
		w.kick()
	}
}

// close drops the registration; no other will be made.
func (w *watch) close() {
	w.mu.Lock()
	w.closed = true
	w.forget()
	w.mu.Unlock()
}

func (w *watch) forget() {
	if w.stop != nil {
		w.stop()
		w.stop, w.done = nil, nil
	}
}
