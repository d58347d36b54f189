package conn

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The two ends of chance.
func lowest(int64) int64    { return 0 }
func highest(n int64) int64 { return n - 1 }

// RFC 6455, section 7.2.3. Every wait is between two times, the end excluded.
func TestBackoff(t *testing.T) {
	const s = time.Second
	type between struct{ low, high time.Duration }
	none, crowd := plea{}, plea{crowd: true}
	after := func(d time.Duration) plea { return plea{after: d} }
	for _, tt := range []struct {
		name         string
		first, limit time.Duration
		pleas        []plea
		want         []between
	}{
		{"the default: random, longer and longer, truncated", 5 * s, 60 * s,
			[]plea{none, none, none, none, none, none},
			[]between{{0, 5 * s}, {5 * s, 10 * s}, {10 * s, 20 * s}, {20 * s, 40 * s}, {30 * s, 60 * s}, {30 * s, 60 * s}}},
		{"a limit that is no power", 4 * s, 10 * s,
			[]plea{none, none, none, none},
			[]between{{0, 4 * s}, {4 * s, 8 * s}, {5 * s, 10 * s}, {5 * s, 10 * s}}},
		{"a limit as short as the first", s, s,
			[]plea{none, none, none},
			[]between{{0, s}, {s / 2, s}, {s / 2, s}}},
		{"1012 and 1013: 5 to 30 seconds at least", 5 * s, 60 * s,
			[]plea{crowd, crowd, crowd, crowd, crowd, crowd},
			[]between{{5 * s, 30 * s}, {5 * s, 10 * s}, {10 * s, 20 * s}, {20 * s, 40 * s}, {30 * s, 60 * s}, {30 * s, 60 * s}}},
		{"1012 under a short limit", 5 * s, 8 * s,
			[]plea{crowd}, []between{{5 * s, 8 * s}}},
		{"1012 under the shortest limit", 5 * s, 5 * s,
			[]plea{crowd}, []between{{5 * s, 5 * s}}},
		{"Retry-After, and a random time", 5 * s, 60 * s,
			[]plea{after(3 * s), after(100 * s), after(7 * s)},
			[]between{{3 * s, 8 * s}, {100 * s, 105 * s}, {10 * s, 20 * s}}},
		{"Retry-After that asks for less than the back-off", 5 * s, 60 * s,
			[]plea{none, none, none, after(s)},
			[]between{{0, 5 * s}, {5 * s, 10 * s}, {10 * s, 20 * s}, {20 * s, 40 * s}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			low := backoff{first: tt.first, limit: tt.limit, random: lowest}
			high := backoff{first: tt.first, limit: tt.limit, random: highest}
			for i, p := range tt.pleas {
				require.Equal(t, tt.want[i].low, low.next(p), "the shortest wait %d", i)
				require.Equal(t, max(tt.want[i].high-1, tt.want[i].low), high.next(p), "the longest wait %d", i)
			}
			low.reset()
			require.Equal(t, time.Duration(0), low.next(none), "it begins anew")
		})
	}
}

// However long it goes on and whatever its bounds, nothing overflows, and no wait is
// without chance.
func TestBackoffGoesOn(t *testing.T) {
	for _, first := range []time.Duration{1, time.Millisecond, 5 * time.Second, math.MaxInt64 / 8} {
		for _, limit := range []time.Duration{first, max(first, time.Minute), math.MaxInt64 / 2} {
			low, high := backoff{first: first, limit: limit, random: lowest}, backoff{first: first, limit: limit, random: highest}
			for i := range 1000 {
				p := plea{crowd: i%7 == 3}
				a, b := low.next(p), high.next(p)
				require.LessOrEqual(t, 0*time.Second, a)
				require.LessOrEqual(t, a, b)
				require.LessOrEqual(t, b, limit)
			}
			if limit <= 1<<32*first {
				require.Equal(t, limit/2, low.next(plea{}), "it has come to the longest")
			}
		}
	}
}
