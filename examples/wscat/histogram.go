package main

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// subBits says how fine a histogram is: every power of two of nanoseconds has
	// 1<<subBits buckets, so that a value is known to 1/64.
	subBits = 6
	buckets = (64 - subBits) << subBits
)

// histogram counts durations, from a nanosecond to centuries, in 29 KiB. Its
// methods may be called from any goroutine. The zero value is empty.
type histogram struct {
	buckets [buckets]atomic.Uint64
	n       atomic.Uint64
	total   atomic.Int64
	longest atomic.Int64
}

// bucket returns where a duration is counted. The first 1<<subBits buckets hold
// one value each, the others 2, 4, 8, ….
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return shift<<subBits + int(v>>shift)
}

// top returns the longest duration that is counted in bucket i.
func top(i int) time.Duration {
	if i < 1<<subBits {
		return time.Duration(i)
	}
	shift := i>>subBits - 1
	return time.Duration(uint64(i-shift<<subBits+1)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucket(d)].Add(1)
	h.n.Add(1)
	h.total.Add(int64(d))
	for was := h.longest.Load(); int64(d) > was && !h.longest.CompareAndSwap(was, int64(d)); {
		was = h.longest.Load()
	}
}

func (h *histogram) count() uint64 { return h.n.Load() }

func (h *histogram) max() time.Duration { return time.Duration(h.longest.Load()) }

func (h *histogram) mean() time.Duration {
	return time.Duration(h.total.Load() / max(int64(h.n.Load()), 1))
}

// quantile returns the duration that a share q of all does not exceed, rounded up
// by at most 1/64. It is 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	want := max(1, uint64(math.Ceil(q*float64(h.n.Load()))))
	var seen uint64
	for i := range h.buckets {
		seen += h.buckets[i].Load()
		if seen >= want {
			return min(top(i), h.max())
		}
	}
	return h.max()
}

// below returns how many durations are at most d, give or take a bucket.
func (h *histogram) below(d time.Duration) (n uint64) {
	for i := range h.buckets {
		if top(i) > d {
			break
		}
		n += h.buckets[i].Load()
	}
	return n
}
