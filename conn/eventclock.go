package conn

import "time"

// clock has each connection of an event loop looked at once in a period, a few at a
// time: KeepAlive and WriteTimeout for any number of connections, without a timer for
// each. What they measure is right to a period.
type clock struct {
	cfg    *Config
	period time.Duration // 0: there is nothing to look for
	tick   time.Duration
	next   time.Time
	hand   int // the slot to be looked at next
	ticks  uint32
}

// ticksPerPeriod is in how many steps the hand goes round.
const ticksPerPeriod = 16

func newClock(cfg *Config) clock {
	k := clock{cfg: cfg}
	for _, d := range []time.Duration{cfg.KeepAlive.Interval, cfg.WriteTimeout} {
		k.consider(d)
	}
	if cfg.KeepAlive.Interval > 0 {
		k.consider(cfg.KeepAlive.Timeout)
	}
	if k.period > 0 {
		k.tick = max(k.period/ticksPerPeriod, time.Millisecond)
		k.period = k.tick * ticksPerPeriod
		k.next = time.Now().Add(k.tick)
	}
	return k
}

// consider has the clock measure d to a quarter.
func (k *clock) consider(d time.Duration) {
	if d > 0 && (k.period == 0 || d/4 < k.period) {
		k.period = max(d/4, 1)
	}
}

// look looks at the connections whose time it is, and returns when to look again.
func (k *clock) look(l *eventLoop) time.Time {
	if k.period == 0 {
		return time.Time{}
	}
	now := time.Now()
	if now.Before(k.next) {
		return k.next
	}
	held := now.Sub(k.next) >= k.tick
	k.next = now.Add(k.tick)
	if held {
		return k.next // a handler has held the loop up: what has come meanwhile is read first
	}
	k.ticks++
	l.mu.Lock()
	n := len(l.slots)
	l.mu.Unlock()
	for range n/ticksPerPeriod + 1 {
		if k.hand >= n {
			k.hand = 0
		}
		if n > 0 {
			k.examine(l, k.hand)
		}
		k.hand++
	}
	return k.next
}

func (k *clock) examine(l *eventLoop, i int) {
	l.mu.Lock()
	c := l.slots[i].c
	l.mu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	pinged := c.examine(k)
	c.mu.Unlock()
	if pinged {
		c.flush()
	}
}

// examine is checkLife for a connection of an event loop. keep.wait is when it was
// last seen alive, in ticks.
func (c *Conn) examine(k *clock) (pinged bool) {
	if t := k.cfg.WriteTimeout; t > 0 && c.out.parked() && time.Since(c.out.odd.since) >= t {
		c.abort(&TimeoutError{Op: "write", After: t})
		return false
	}
	if c.now() != alive || k.cfg.KeepAlive.Interval <= 0 {
		return false
	}
	if jobs := c.ifRare().jobs; jobs != nil && jobs.paused {
		c.keep.wait = k.ticks // it is we who do not read
		c.out.pings.remove(c.out.pings.ofKeepAlive())
		return false
	}
	life, p := uint32(c.wire.life.Load()), c.out.pings.ofKeepAlive()
	if life != c.keep.life || c.keep.wait == 0 {
		c.keep.life, c.keep.wait = life, k.ticks
		c.out.pings.remove(p)
		return false
	}
	silent := time.Duration(k.ticks-c.keep.wait) * k.tick
	timeout := k.cfg.KeepAlive.Timeout
	switch {
	case c.out.over:
		if silent >= k.cfg.KeepAlive.Interval {
			c.abort(c.out.odd.broken) // it cannot be written to, and the peer does not end it
		}
	case p == nil:
		if pinged = silent >= k.cfg.KeepAlive.Interval-k.period; pinged {
			c.out.newPing().keepAlive = true
		}
	case timeout > 0 && p.waited() >= timeout:
		c.abort(&TimeoutError{Op: "keepalive", After: timeout})
	case timeout < 0 && p.waited() >= k.cfg.KeepAlive.Interval-k.period:
		c.out.pings.remove(p)
		c.out.newPing().keepAlive = true
		pinged = true
	}
	return pinged
}
