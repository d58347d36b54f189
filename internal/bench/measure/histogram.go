package measure

import (
	"math/bits"
	"time"
)

// A Histogram counts durations, each to within 1.6 %, and allocates nothing. The
// zero value is empty.
type Histogram struct {
	counts [64 * steps]int64
	total  int64
}

// steps is how many buckets there are between a power of two and the next.
const steps = 64

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
}

// Count returns how many were added.
func (h *Histogram) Count() int64 { return h.total }

// Reset empties the histogram.
func (h *Histogram) Reset() { *h = Histogram{} }

// Quantile returns the duration that a part q of all do not exceed, or 0 if
// there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	left := max(1, int64(q*float64(h.total)+0.5))
	for i, n := range h.counts {
		if left -= n; left <= 0 {
			return upper(i)
		}
	}
	panic("BUG: the histogram's total is more than its sum")
}

// bucket returns the index for d. The first 2*steps buckets are a nanosecond
// each; after that, a bucket is as wide as a 64th of the power of two it lies above.
func bucket(d time.Duration) int {
	n := uint64(max(0, d))
	shift := max(0, bits.Len64(n)-7)
	return shift*steps + int(n>>shift)
}

// upper returns the largest duration of a bucket.
func upper(i int) time.Duration {
	shift := max(0, i/steps-1)
	return time.Duration((uint64(i-shift*steps)+1)<<shift - 1)
}
