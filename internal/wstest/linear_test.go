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
				Linear(c, 10, func(n int) { time.Sleep(tt.takes(n)) })
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
		Linear(t, 10, func(n int) {
			if calls++; calls%7 != 0 {
				time.Sleep(time.Second)
			}
			time.Sleep(time.Duration(n) * time.Millisecond)
		})
	})
}
