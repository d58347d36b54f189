package conn

import (
	"context"
	"sync"
	"time"
)

// This file is where contexts become deadlines.

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// watch makes the end of a context wake one goroutine that waits in the
// network: it calls kick, which sets a deadline that has passed.
//
// Waiting under a context that cannot end costs nothing. The first context that
// can is registered with context.AfterFunc, once, however often it comes again.
// A program that gives every message a context of its own would pay for a
// registration with each; so when a second context comes, the watch starts a
// goroutine that is told of every new one, which allocates nothing. It ends with
// the connection.
//
// A kick may come too late, when the wait that it was meant for is over, and hit
// the next one. Whoever waits must therefore take a timeout without a reason for
// no more than an invitation to clear the deadline and try again.
type watch struct {
	kick func()

	mu       sync.Mutex
	armed    <-chan struct{} // of the context under which somebody waits now
	watched  <-chan struct{} // of the context that is registered, or was told last
	stop     func() bool
	contexts chan (<-chan struct{}) // told to the goroutine; nil if there is none
	closed   bool
}

// arm is called right before a wait. It reports whether ctx allows to wait.
// Contexts are told apart by their channels, since comparing them may panic.
func (w *watch) arm(ctx context.Context) bool {
	done := ctx.Done()
	w.mu.Lock()
	w.armed = done
	if done != w.watched && !w.closed {
		w.register(ctx, done)
	}
	w.mu.Unlock()
	return ctx.Err() == nil
}

// disarm is called after the wait.
func (w *watch) disarm() {
	w.mu.Lock()
	w.armed = nil
	w.mu.Unlock()
}

func (w *watch) register(ctx context.Context, done <-chan struct{}) {
	first := w.watched == nil
	w.watched = done
	if first {
		w.stop = context.AfterFunc(ctx, func() { w.ended(done) })
		return
	}
	if w.contexts == nil {
		w.stop()
		w.contexts = make(chan (<-chan struct{}), 1)
		go w.follow(w.contexts)
	}
	select {
	case <-w.contexts: // one that was not taken yet, and is outdated
	default:
	}
	w.contexts <- done
}

// follow waits for the end of the context that it was told last.
func (w *watch) follow(contexts <-chan (<-chan struct{})) {
	var done <-chan struct{}
	for open := true; open; {
		select {
		case done, open = <-contexts:
		case <-done:
			w.ended(done)
			done = nil
		}
	}
}

func (w *watch) ended(done <-chan struct{}) {
	w.mu.Lock()
	hit := w.armed == done
	w.mu.Unlock()
	if hit {
		w.kick()
	}
}

// close drops the registration, and ends the goroutine; there will be no other.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.contexts != nil {
		close(w.contexts)
	} else if w.stop != nil {
		w.stop()
	}
	w.stop, w.contexts = nil, nil
}

// watches are the two of a connection.
type watches struct{ read, write watch }

// watches returns those of c, or nil if ctx need not be watched, because it cannot
// end before the connection does.
func (c *Conn) watches(ctx context.Context) *watches {
	if c.endless(ctx) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.belongings()
	if m.watches == nil {
		m.watches = &watches{
			read:  watch{kick: c.kickRead, closed: c.buried()},
			write: watch{kick: c.kickWrite, closed: c.buried()},
		}
	}
	return m.watches
}

// endless reports whether ctx cannot end before the connection does.
func (c *Conn) endless(ctx context.Context) bool {
	if c.owns(ctx) {
		return true // without asking for its channel, which would make one
	}
	done := ctx.Done()
	if done == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.more != nil && c.more.ctx.Done() == done
}
