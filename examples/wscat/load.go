package main

import (
	"bytes"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/conn"
)

// load is a run of the benchmark.
//
// With a rate it is an open loop: message k of all is due at k/rate, it is sent
// then or as soon after as the connection takes it, and its latency counts from
// when it was due. So a server that stalls is charged for every message that would
// have come meanwhile (a closed loop would wait with it and count one: coordinated
// omission).
type load struct {
	o       *benchOptions
	payload []byte
	conns   []*conn.Conn
	began   time.Time // when message 0 is due
	ended   time.Time // when the last answer was there, or given up

	latency  histogram
	due      atomic.Int64 // messages that were to be sent
	answered atomic.Int64
	wrong    atomic.Int64 // answers that were not what was sent

	mu    sync.Mutex
	first error // why a connection ended early
}

func newLoad(o *benchOptions) *load {
	return &load{o: o, payload: bytes.Repeat([]byte("parley! "), o.size/8+1)[:o.size]}
}

// run sends from l.began until the duration is over or ctx ends, and waits for the answers,
// though not longer than drainTime.
func (l *load) run(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, l.began.Add(l.o.duration+drainTime))
	defer cancel()
	var wg sync.WaitGroup
	for i, c := range l.conns {
		if l.o.rate > 0 {
			n := l.share(i)
			wg.Go(func() { l.note(l.sendOnTime(ctx, c, i, n)) })
			wg.Go(func() { l.note(l.receiveAll(ctx, c, i, n)) })
		} else {
			wg.Go(func() { l.note(l.askAndAnswer(ctx, c)) })
		}
	}
	wg.Wait()
	l.ended = time.Now()
	if l.o.rate > 0 {
		l.due.Store(min(l.all(), int64(l.ended.Sub(l.began).Seconds()*l.o.rate)+1))
	}
}

// all returns how many messages an open loop has.
func (l *load) all() int64 { return int64(math.Ceil(l.o.rate * l.o.duration.Seconds())) }

// share returns how many messages are due on connection i: of all, every one whose
// number modulo the number of connections is i.
func (l *load) share(i int) int64 {
	c := int64(len(l.conns))
	return (l.all() - int64(i) + c - 1) / c
}

// when returns when message k of connection i is due.
func (l *load) when(i int, k int64) time.Time {
	number := float64(k)*float64(len(l.conns)) + float64(i)
	return l.began.Add(time.Duration(number / l.o.rate * float64(time.Second)))
}

// sendOnTime is one direction of the open loop.
func (l *load) sendOnTime(ctx context.Context, c *conn.Conn, i int, n int64) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for k := range n {
		if wait := time.Until(l.when(i, k)); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-c.Done():
				return nil // receiveAll says why
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := c.Write(ctx, l.o.typ, l.payload); err != nil {
			return err
		}
	}
	return nil
}

// receiveAll is the other. Answers come in the order of the questions, so the k-th
// answer is that to message k.
func (l *load) receiveAll(ctx context.Context, c *conn.Conn, i int, n int64) error {
	var buf []byte
	for k := range n {
		typ, answer, err := c.AppendRead(ctx, buf[:0])
		if err != nil {
			return err
		}
		l.count(l.when(i, k), typ, answer)
		buf = answer
	}
	return nil
}

// askAndAnswer is the closed loop.
func (l *load) askAndAnswer(ctx context.Context, c *conn.Conn) error {
	var buf []byte
	for end := l.began.Add(l.o.duration); time.Now().Before(end) && ctx.Err() == nil; {
		l.due.Add(1)
		asked := time.Now()
		if err := c.Write(ctx, l.o.typ, l.payload); err != nil {
			return err
		}
		typ, answer, err := c.AppendRead(ctx, buf[:0])
		if err != nil {
			return err
		}
		l.count(asked, typ, answer)
		buf = answer
	}
	return nil
}

// count takes an answer to what was due at a time.
func (l *load) count(due time.Time, typ conn.MessageType, answer []byte) {
	l.latency.add(time.Since(due))
	l.answered.Add(1)
	if typ != l.o.typ || !bytes.Equal(answer, l.payload) {
		l.wrong.Add(1)
	}
}

// note keeps the first error.
func (l *load) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = err
	}
}

func (l *load) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// lost returns how many messages were due and had no answer.
func (l *load) lost() int64 { return l.due.Load() - l.answered.Load() }
