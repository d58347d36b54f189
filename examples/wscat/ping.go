package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pingPatience is how long /ping and -ping wait for a pong.
const pingPatience = 10 * time.Second

// ping measures a round trip and says what came of it.
func (t *session) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	rtt, err := t.c.Ping(ctx)
	switch {
	case err == nil:
		t.pings.add(rtt)
		t.s.note("pong after %v", short(rtt))
	case errors.Is(err, context.DeadlineExceeded) && t.c.Err() == nil:
		t.s.warn(fmt.Errorf("no pong within %v", pingPatience))
	}
}

// pingOften is -ping.
func (t *session) pingOften(ctx context.Context) {
	tick := time.NewTicker(t.o.ping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.c.Done():
			return
		case <-tick.C:
			t.ping(ctx)
		}
	}
}

// latencies sums up round trips. It may be used from any goroutine.
type latencies struct {
	mu            sync.Mutex
	n             int
	min, max, sum time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == 0 || d < l.min {
		l.min = d
	}
	l.max = max(l.max, d)
	l.sum += d
	l.n++
}

func (l *latencies) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n < 2 {
		return ""
	}
	return fmt.Sprintf("%s, round trip min %v, mean %v, max %v", count(l.n, "pong"), short(l.min), short(l.sum/time.Duration(l.n)), short(l.max))
}

// short is a duration with three digits, which is more than one can rely on.
func short(d time.Duration) time.Duration {
	for unit := time.Duration(1); unit < time.Hour; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Second)
}
