package main

import "time"

// pace is how fast a member may send: a burst at once, and then one message every
// so often. Who is faster is not refused and loses nothing. The server reads on
// later, and until then it is the network that holds the client up (RFC 6455 has no
// flow control of its own, TCP does).
type pace struct {
	burst int
	every time.Duration
	free  time.Time // when the whole burst will be there again
}

// spend takes account of one message at the time now. It returns how long to wait
// before the message is dealt with.
func (p *pace) spend(now time.Time) time.Duration {
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(p.every)
	return max(0, p.free.Sub(now)-time.Duration(p.burst)*p.every)
}
