package wstest

import (
	"runtime/debug"
	"time"
)

// Linear fails a test in which run takes more than linear time: four times as much
// has to take about four times as long, and not sixteen times.
//
// It counts the time of the processor that this process takes, where the system
// tells it. Time on the wall shows what else the machine does: a short run may fit
// between the turns of others, a long one never does, and then looks quadratic. What
// disturbs a measurement makes it longer, so the shortest of each counts. The garbage
// collector, which comes to long runs more often than to short ones, is kept out.
func Linear(t TB, n int, run func(n int)) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	linear(t, cpuTime, n, run)
}

// linear is Linear by a clock.
func linear(t TB, now func() time.Duration, n int, run func(n int)) {
	t.Helper()
	timeOf := func(n int) time.Duration {
		start := now()
		run(n)
		return now() - start
	}
	run(n) // warm up
	// Of a short run that was disturbed any long one is less than nine times.
	small, large := min(timeOf(n), timeOf(n), timeOf(n)), timeOf(4*n)
	for attempt := 0; large > 9*small+time.Millisecond; attempt++ {
		if attempt == 30 {
			t.Fatalf("%d: %v, four times as many: %v", n, small, large)
			return
		}
		small, large = min(small, timeOf(n)), min(large, timeOf(4*n))
	}
}

var began = time.Now()

// wallTime is the time since this process began.
func wallTime() time.Duration { return time.Since(began) }
