package wstest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLinear(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes func(n int) time.Duration
		fails bool
	}{
		{"linear", func(n int) time.Duration { return time.Duration(n) * time.Millisecond }, false},
		{"quadratic", func(n int) time.Duration { return time.Duration(n*n) * time.Millisecond }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := new(cleaner)
				linear(c, sinceNow(), 10, func(n int) { time.Sleep(tt.takes(n)) })
				if (c.failure != "") != tt.fails {
					t.Errorf("failed: %q", c.failure)
				}
			})
		})
	}
}

// Other work may make some measurements long.
func TestLinearOnABusyMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		linear(t, sinceNow(), 10, func(n int) {
			if calls++; calls%7 != 0 {
				time.Sleep(time.Second)
			}
			time.Sleep(time.Duration(n) * time.Millisecond)
		})
	})
}

// sinceNow is a clock of the bubble that it is called in.
func sinceNow() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// What others do on the machine is not counted, what this process does is.
func TestLinearCountsWork(t *testing.T) {
	var sum int
	work := func(n int) {
		for i := range n {
			sum += i * i
		}
	}
	c := new(cleaner)
	Linear(c, 100, func(n int) { work(n * 10_000) })
	if c.failure != "" {
		t.Errorf("linear work: %s", c.failure)
	}
	Linear(c, 100, func(n int) { work(n * n * 200) })
	if c.failure == "" {
		t.Errorf("quadratic work passed, %d", sum)
	}
}
