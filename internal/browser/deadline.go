package browser

import "time"

// deadline is a moment from which on calls fail. It is guarded by Stream.mu.
type deadline struct {
	timer *time.Timer
	past  *bool // one for each that is set, so that a late timer does no harm
}

func (d *deadline) isPast() bool { return d.past != nil && *d.past }

// set sets it to t, the zero time for never. s is told when it passes.
func (d *deadline) set(t time.Time, s *Stream) {
	d.stop()
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
		s.mu.Lock()
		defer s.mu.Unlock()
		*past = true
		s.changed.Broadcast()
	})
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
