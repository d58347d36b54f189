package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBucketsAreCloseTogether(t *testing.T) {
	values := []time.Duration{-1, 0, 1, 63, 64, 65, 127, 128, 129, 1000, time.Second, time.Hour, math.MaxInt64}
	for range 10_000 {
		values = append(values, time.Duration(rand.Int64()>>rand.IntN(63)))
	}
	for _, d := range values {
		i := bucket(d)
		require.Less(t, i, buckets)
		require.GreaterOrEqual(t, top(i), d)
		require.LessOrEqual(t, float64(top(i)), float64(max(d, 0))*(1+1.0/(1<<subBits))+1, "a value is known to 1/64")
		require.Equal(t, i, bucket(top(i)), "the top of a bucket is in it")
	}
}

func TestQuantilesAgainstSorting(t *testing.T) {
	var h histogram
	require.Zero(t, h.quantile(0.5), "an empty one has none")
	require.Zero(t, h.mean())
	var all []time.Duration
	for range 5000 {
		d := time.Duration(math.Exp(10+3*rand.NormFloat64()) + 1)
		all = append(all, d)
		h.add(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := all[max(int(math.Ceil(q*5000))-1, 0)]
		require.GreaterOrEqual(t, h.quantile(q), exact, "q=%g", q)
		require.LessOrEqual(t, float64(h.quantile(q)), float64(exact)*(1+1.0/64)+1, "q=%g", q)
	}
	require.Equal(t, all[4999], h.max())
	require.Equal(t, h.max(), h.quantile(1))
	require.EqualValues(t, 5000, h.below(h.max()*2))
	require.Zero(t, h.below(0))
}

func TestBars(t *testing.T) {
	var h histogram
	for range 80 {
		h.add(90 * time.Microsecond)
	}
	for range 40 {
		h.add(150 * time.Microsecond)
	}
	h.add(900 * time.Microsecond)
	var b strings.Builder
	bars(&b, &h, false)
	require.Equal(t, `
  ≤   100µs  ████████████████████████████████████████  66.12 %  80
  ≤   200µs  ████████████████████                      33.06 %  40
  ≤   500µs                                             0.00 %  0
  ≤     1ms  ▌                                          0.83 %  1
`, "\n"+b.String())
}

func TestBar(t *testing.T) {
	require.Equal(t, "    ", bar(0, 4, false))
	require.Equal(t, "▏   ", bar(0, 4, true), "what is there is seen")
	require.Equal(t, "█▌  ", bar(0.375, 4, true))
	require.Equal(t, "████", bar(1, 4, true))
}

func TestSteps(t *testing.T) {
	require.Equal(t, []time.Duration{5, 10, 20}, steps(3, 12))
	require.Equal(t, []time.Duration{1}, steps(0, 1))
	require.Equal(t, []time.Duration{2}, steps(2, 2))
	require.Less(t, len(steps(0, math.MaxInt64)), 60, "there is an end")
}

func TestShort(t *testing.T) {
	require.Equal(t, "159µs", short(159_234).String())
	require.Equal(t, "1.59ms", short(1_594_234).String())
	require.Equal(t, "12.3s", short(12_345_678_901).String())
	require.Equal(t, "1h0m0s", short(time.Hour+1).String())
}
