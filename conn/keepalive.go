package conn

import "time"

// KeepAlive says how to find out that a peer is gone that said nothing: its
// machine was switched off, its network is down, a router has forgotten it. A
// Ping is sent when nothing was received for a while, and the connection ends
// with a [*TimeoutError] if nothing is received after that.
//
// Every byte of the peer counts as a sign of life, not only Pongs. Only as long
// as the program reads can it be told that there is none: no connection ends, and
// no Ping is sent, because the program is busy with something else.
//
// In a browser, where scripts cannot send Pings, there is no KeepAlive; that of the
// server has to do.
type KeepAlive struct {
	// Interval is how long the connection may be silent before a Ping is sent.
	// It is sent after nearly half of it at the earliest. If zero, 30 seconds. If
	// negative, no Pings are sent.
	Interval time.Duration

	// Timeout is how long to wait for a sign of life after a Ping. If zero, 15
	// seconds. If negative, for ever: the Pings only keep routers awake and
	// measure Latency.
	Timeout time.Duration
}

// keeper is the state of a connection's KeepAlive: when the next look is, and what
// the reader's traces were at the last one. Guarded by Conn.mu.
type keeper struct {
	seat *seat  // in a round; nil in an event loop, which has a clock
	life uint32 // the low half
	wait uint32
}

// lookAgain is how soon to look again at a reader that is about to wait again.
const lookAgain = 700 * time.Microsecond

// startKeepAlive is called once.
func (c *Conn) startKeepAlive() {
	if c.cfg.KeepAlive.Interval < 0 || c.inBrowser() != nil {
		return
	}
	c.mu.Lock()
	if c.now() == alive { // Observer.Open may have closed it
		c.keep.wait, c.keep.seat = 1, new(seat)
		c.lookIn(c.cfg.KeepAlive.Interval / 2)
	}
	c.mu.Unlock()
}

// keepAlive is called when the connection is to be looked at. The caller holds mu, which
// is given back. It does not wait for the peer.
func (c *Conn) keepAlive() {
	pinged := c.now() == alive && c.checkLife()
	c.mu.Unlock()
	if pinged {
		c.flush()
	}
}

// checkLife looks whether the peer gave a sign of life since the last look, which
// was half an interval ago or less, and does what is called for. It reports
// whether it has queued a Ping.
//
// A reader that waits now and has read nothing since shows that nothing has
// come, for it waits only when there is nothing to read. Where that cannot be
// told, because the stream is no plain socket, it must be the same wait as at
// the last time. Waits that end with their contexts count as one, and who looks
// between two of them looks again, once: the program may read with deadlines that
// pass just when keepAlive looks.
func (c *Conn) checkLife() (pinged bool) {
	k, cfg := &c.keep, c.cfg.KeepAlive
	life, wait := uint32(c.wire.life.Load()), c.wire.waits.Load()
	waits, nothing := wait%2 == 1, life == k.life
	silent := waits && nothing && (c.raw != nil || wait == k.wait|1)
	between := !waits && nothing && k.wait == wait+1
	if k.life, k.wait = life, wait; !waits && !between {
		k.wait -= 2 // no wait to come is the same
	}
	p := c.out.pings.ofKeepAlive()
	next := cfg.Interval / 2
	switch {
	case c.out.over && silent:
		// It cannot be written to, and the peer does not end it.
		c.abort(c.out.odd.broken)
		return false
	case between:
		next = lookAgain
	case c.out.over:
	case !silent:
		c.out.pings.remove(p)
	case p == nil || cfg.Timeout < 0 && p.waited() >= next+next/2:
		c.out.pings.remove(p)
		c.out.newPing().keepAlive = true
		pinged = true
		if cfg.Timeout > 0 {
			next = min(next, cfg.Timeout)
		}
	case cfg.Timeout > 0 && p.waited() >= cfg.Timeout:
		c.abort(&TimeoutError{Op: "keepalive", After: cfg.Timeout})
		return false
	case cfg.Timeout > 0:
		next = min(next, cfg.Timeout-p.waited())
	}
	c.lookIn(max(next, lookAgain))
	return pinged
}

// waited returns how long ago the Ping went out; nothing if it has not yet.
func (p *ping) waited() time.Duration {
	if p.out.IsZero() {
		return 0
	}
	return time.Since(p.out)
}

// Latency returns the round-trip time of the last Ping that was answered, be it
// one of [Conn.Ping] or of Config.KeepAlive. It is 0 if there was none yet.
func (c *Conn) Latency() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.pings.latency
}
