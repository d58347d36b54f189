package wstest

import "time"

// Linear fails a test in which run takes more than linear time: four times as much
// has to take about four times as long, and not sixteen times. Other work on the
// machine disturbs measurements, and never makes one shorter, so the shortest of
// each counts.
func Linear(t TB, n int, run func(n int)) {
	t.Helper()
	timeOf := func(n int) time.Duration {
		start := time.Now()
		run(n)
		return time.Since(start)
	}
	run(n) // warm up
	small, large := timeOf(n), timeOf(4*n)
	for attempt := 0; large > 9*small+time.Millisecond; attempt++ {
		if attempt == 30 {
			t.Fatalf("%d: %v, four times as many: %v", n, small, large)
			return
		}
		small, large = min(small, timeOf(n)), min(large, timeOf(4*n))
	}
}
