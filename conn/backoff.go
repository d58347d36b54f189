package conn

import "time"

// backoff is how long Redial waits before it dials again. It has no clock, and its
// randomness is its maker's.
//
// RFC 6455, section 7.2.3: "clients SHOULD use some form of backoff when trying to
// reconnect after abnormal closures as described in this section.
//
// The first reconnect attempt SHOULD be delayed by a random amount of time. The
// parameters by which this random delay is chosen are left to the client to
// decide; a value chosen randomly between 0 and 5 seconds is a reasonable initial
// delay though clients MAY choose a different interval from which to select a
// delay length based on implementation experience and particular application.
//
// Should the first reconnect attempt fail, subsequent reconnect attempts SHOULD be
// delayed by increasingly longer amounts of time, using a method such as truncated
// binary exponential backoff."
type backoff struct {
	first time.Duration // the longest first wait, > 0
	limit time.Duration // the longest wait that is our own choice, ≥ first

	// random returns a number in [0, n), for n > 0.
	random func(n int64) int64

	step int // how many waits there were since a connection was stable
}

// plea is what a server has asked for when it sent a client away.
type plea struct {
	after time.Duration // Retry-After; 0: nothing
	crowd bool          // a status code says that everybody was sent away
}

// next returns the next wait: in [0, first), then in [first, 2·first), [2·first,
// 4·first) and so on, up to [limit/2, limit). Each is longer than the one before it,
// and random enough that clients which lost their server together come back one by
// one.
func (b *backoff) next(p plea) time.Duration {
	low, high := b.bounds(p.crowd)
	b.step = min(b.step+1, maxStep)
	wait := b.between(low, high)
	if p.after > 0 {
		// Those who were told the same time must not come at the same time.
		wait = max(wait, p.after+b.between(0, b.first))
	}
	return wait
}

// reset is called when a connection has been stable.
func (b *backoff) reset() { b.step = 0 }

// maxStep keeps what is shifted by it in 64 bits; 32 doublings of a nanosecond are four
// seconds, of a millisecond seven weeks.
const maxStep = 32

// bounds returns between which times the next wait is.
//
// The IANA registry has 1012 from a message that says: "a client may reconnect, and if it
// choses to do, should reconnect using a randomized delay of 5 - 30s." With the default of
// first that is [first, 6·first). An overload, 1013, wants no less.
func (b *backoff) bounds(crowd bool) (low, high time.Duration) {
	low, high = 0, b.first
	if b.step > 0 {
		high = b.limit
		if b.first <= b.limit>>b.step {
			high = b.first << b.step
		}
		low = high / 2
	}
	if crowd && low < b.first {
		low, high = b.first, max(high, min(b.limit, 6*b.first))
	}
	return low, high
}

func (b *backoff) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(b.random(int64(high-low)))
}
