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

// A short run that takes long, once, does not hide what the long ones take.
func TestLinearAfterADisturbance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for disturbed := range 4 {
			calls := 0
			c := new(cleaner)
			linear(c, sinceNow(), 10, func(n int) {
				if calls == disturbed {
					time.Sleep(time.Second)
				}
				calls++
				time.Sleep(time.Duration(n*n) * time.Millisecond)
			})
			if c.failure == "" {
				t.Errorf("quadratic work passed when call %d was disturbed", disturbed)
			}
		}
	})
}

// What this process does is counted.
func TestLinearCountsWork(t *testing.T) {
	const unit = 20 * time.Microsecond
	work := func(n int) {
		for start := cpuTime(); cpuTime() < start+time.Duration(n)*unit; {
		}
	}
	for _, tt := range []struct {
		name  string
		run   func(n int)
		fails bool
	}{
		{"linear", func(n int) { work(10 * n) }, false},
		{"quadratic", func(n int) { work(n * n) }, true},
	} {
		c := new(cleaner)
		if Linear(c, 10, tt.run); (c.failure != "") != tt.fails {
			t.Errorf("%s work failed: %q", tt.name, c.failure)
		}
	}
}
