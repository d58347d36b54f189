package measure

import (
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 {
		t.Error("an empty histogram is not empty")
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.001: 1, 0.5: 500, 0.99: 990, 1: 1000} {
		want *= time.Microsecond
		if got := h.Quantile(q); got < want || float64(got) > float64(want)*1.016 {
			t.Errorf("Quantile(%v) = %v, want %v or up to 1.6%% more", q, got, want)
		}
	}
	if h.Reset(); h.Count() != 0 || h.Quantile(1) != 0 {
		t.Error("Reset did not empty the histogram")
	}
}

func TestHistogramBucketsHoldWhatTheySay(t *testing.T) {
	last := 0
	for _, d := range []time.Duration{-5, 0, 1, 63, 64, 127, 128, 129, 255, 256, 1000, 12345, time.Millisecond, time.Second, time.Hour, 1<<63 - 1} {
		i := bucket(d)
		if i < last {
			t.Errorf("bucket(%d) = %d, below that of a smaller duration", d, i)
		}
		last = i
		if d = max(d, 0); upper(i) < d || float64(upper(i)) > float64(d)*1.017 || i > 0 && upper(i-1) >= d {
			t.Errorf("%d is in bucket %d, of %d to %d", d, i, upper(i-1)+1, upper(i))
		}
	}
}

func TestHistogramAllocatesNothing(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Add(time.Second) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
