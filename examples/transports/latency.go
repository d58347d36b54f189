package main

import (
	"math"
	"sync"
	"time"
)

// latencies counts how long events took, in classes that are 1 % wide: memory is
// the same however many there are, and the error is half a percent.
type latencies struct {
	mu      sync.Mutex
	count   int64
	classes [1900]int64 // the last one is for a minute and a half, and all above
}

const classWidth = 1.01

func (l *latencies) add(d time.Duration) {
	micros := max(1, float64(d)/float64(time.Microsecond))
	class := min(int(math.Log(micros)/math.Log(classWidth)), len(l.classes)-1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.classes[class]++
}

// quantile returns what a share of q (0 to 1) of the latencies do not exceed; 0
// if there are none.
func (l *latencies) quantile(q float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		return 0
	}
	rank := int64(math.Ceil(q * float64(l.count)))
	for class, n := range l.classes {
		if rank -= n; rank <= 0 {
			micros := math.Pow(classWidth, float64(class)+0.5)
			return time.Duration(micros * float64(time.Microsecond))
		}
	}
	panic("BUG: the classes hold fewer than count")
}
