package conn

import (
	"sync"
	"time"
)

// A round is a timer of many connections, which it has looked at one after the other.
// A timer for each would be much of what a connection takes that only waits, and of the
// work for one that comes and goes.
type round struct {
	timer *time.Timer
	after time.Duration // for which it was made
	until time.Time     // who comes later is too late for it
	conns []*Conn       // seat.place is where in it
	alone bool          // it is for one connection, and ends with it
}

// seat is which round a connection is in, if any, and where in it. It is guarded by
// rounds.mu.
type seat struct {
	round *round
	place int
}

// rounds are the rounds to which connections may still be added.
var rounds struct {
	mu   sync.Mutex               // Conn.mu may be held
	open map[time.Duration]*round // by round.after, the last one of each
}

// inBubble reports whether now is the time in a bubble of package synctest. What happens
// in one must not wait for a timer outside, or in another, nor the reverse. The clock of
// a bubble is not monotonic, and begins in the year 2000.
var inBubble = func(now time.Time) bool { return now == now.Round(0) || now.Year() < 2020 }

// lookIn has the connection looked at in d. If that is how long it mostly is, it may also
// be a sixteenth less, with others. The caller holds mu.
func (c *Conn) lookIn(d time.Duration) {
	now, cfg := time.Now(), &c.cfg.KeepAlive
	alone := d != cfg.Interval/2 && d != cfg.Timeout || inBubble(now)
	rounds.mu.Lock()
	r := rounds.open[d]
	if alone || r == nil || now.After(r.until) {
		r = &round{after: d, until: now.Add(d / 16), alone: alone}
		r.timer = time.AfterFunc(d, r.begin)
		if !alone {
			if rounds.open == nil {
				rounds.open = make(map[time.Duration]*round)
			}
			rounds.open[d] = r
		}
	}
	r.add(c)
	rounds.mu.Unlock()
}

// leaveRound has the connection not looked at any more. The caller holds mu.
func (c *Conn) leaveRound() {
	if c.keep.seat == nil {
		return
	}
	rounds.mu.Lock()
	if r := c.keep.seat.round; r != nil {
		r.remove(c)
		if r.alone {
			r.timer.Stop()
		}
	}
	rounds.mu.Unlock()
}

// begin is called by the timer. A connection that is held up, be it by the program's own
// net.Conn or context, does not hold up the others.
func (r *round) begin() {
	rounds.mu.Lock()
	if rounds.open[r.after] == r {
		delete(rounds.open, r.after)
	}
	for n := len(r.conns); n > 0; n = len(r.conns) {
		c := r.conns[n-1]
		r.remove(c)
		rounds.mu.Unlock()
		if c.mu.TryLock() {
			c.keepAlive() // may have it join another round
		} else {
			go func() {
				c.mu.Lock()
				c.keepAlive()
			}()
		}
		rounds.mu.Lock()
	}
	rounds.mu.Unlock()
}

// add adds c. The caller holds rounds.mu, as that of remove does.
func (r *round) add(c *Conn) {
	*c.keep.seat = seat{r, len(r.conns)}
	r.conns = append(r.conns, c)
}

// remove removes c. The last one takes its place.
func (r *round) remove(c *Conn) {
	m, last := c.keep.seat, len(r.conns)-1
	r.conns[m.place] = r.conns[last]
	r.conns[m.place].keep.seat.place = m.place
	r.conns[last] = nil
	r.conns = r.conns[:last]
	m.round = nil
}
