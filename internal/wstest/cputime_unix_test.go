//go:build unix

package wstest

import (
	"testing"
	"time"
)

// What others do on the machine is not counted, which a sleeping process shows.
func TestCPUTimeCountsNoWaiting(t *testing.T) {
	start, wall := cpuTime(), time.Now()
	time.Sleep(500 * time.Millisecond)
	if took, passed := cpuTime()-start, time.Since(wall); took > passed/2 {
		t.Errorf("%v while nothing was done for %v", took, passed)
	}
}

// Linear asks that clock: work that waits for a time that grows with its square
// takes hardly any.
func TestLinearCountsNoWaiting(t *testing.T) {
	c := new(cleaner)
	Linear(c, 10, func(n int) { time.Sleep(time.Duration(n*n) * 50 * time.Microsecond) })
	if c.failure != "" {
		t.Error(c.failure)
	}
}
