// Package deadline has the moments from which on the calls of a net.Conn fail that is
// not one of the system's.
package deadline

import (
	"sync"
	"time"
)

// Deadline is such a moment. The zero value is none. It is guarded by the lock of the
// condition that Set is given.
type Deadline struct {
	timer *time.Timer
	past  *bool // one for each that is set, so that a late timer does no harm
}

// IsPast reports whether it has passed.
func (d *Deadline) IsPast() bool { return d.past != nil && *d.past }

// Set sets it to t, the zero time for never. When it passes, those who wait for changed
// are woken, whose lock the caller holds; it is for the caller to wake them for the new
// one.
func (d *Deadline) Set(t time.Time, changed *sync.Cond) {
	d.Stop()
	past := new(bool)
	d.past = past
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		*past = true
		return
	}
	d.timer = time.AfterFunc(left, func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		*past = true
		changed.Broadcast()
	})
}

// Stop has it never pass, unless it has.
func (d *Deadline) Stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
