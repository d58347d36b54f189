package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The load is a process of its own, so that the server's CPU time and memory are
// the server's. It is told what to do by lines on its standard input, and answers
// each with one on its standard output:
//
//	          ready        every client has had an event
//	begin     begun        count from now on
//	end       a report     in JSON
//
// When the input ends, so do the clients.

// report is what the clients of one transport saw between begin and end.
type report struct {
	Figures     figures       `json:"figures"`
	Median, P99 time.Duration // from the event on the server until a client has it
}

type load struct {
	out       io.Writer
	tally     tally
	latencies atomic.Pointer[latencies] // nil while it does not count
	waiting   atomic.Int64              // clients that have had no event yet
}

// drive runs clients of a transport against the server at base, for as long as
// there is input.
func drive(ctx context.Context, t transport, base string, p plan, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{out: out}
	l.waiting.Store(int64(p.clients))
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	for i := range p.clients {
		// Who polls does so at any time, not all at once.
		start := p.interval * time.Duration(i) / time.Duration(p.clients)
		clients.Go(func() { l.client(ctx, t, base, p.interval, start) })
	}
	return l.obey(bufio.NewScanner(in))
}

func (l *load) obey(in *bufio.Scanner) error {
	var before figures
	for in.Scan() {
		switch in.Text() {
		case "begin":
			before = l.tally.read()
			l.latencies.Store(new(latencies))
			fmt.Fprintln(l.out, "begun")
		case "end":
			seen := l.latencies.Swap(nil)
			if seen == nil {
				return fmt.Errorf("end came before begin")
			}
			r := report{l.tally.read().minus(before), seen.quantile(0.5), seen.quantile(0.99)}
			if err := json.NewEncoder(l.out).Encode(r); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q is no command", in.Text())
		}
	}
	return in.Err()
}

func (l *load) client(ctx context.Context, t transport, base string, interval, start time.Duration) {
	select {
	case <-time.After(start):
	case <-ctx.Done():
		return
	}
	f := &follower{base: base, interval: interval, requests: &l.tally.requests, dial: l.dial}
	first := sync.OnceFunc(func() {
		if l.waiting.Add(-1) == 0 {
			fmt.Fprintln(l.out, "ready")
		}
	})
	f.deliver = func(e event) {
		l.tally.messages.Add(1)
		if seen := l.latencies.Load(); seen != nil {
			seen.add(time.Since(time.UnixMicro(e.At)))
		}
		first()
	}
	f.run(ctx, t)
}

// dial connects, and counts. To the server's meter in is what it reads, and so it
// is here: what one end writes, the other reads.
func (l *load) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &clientConn{Conn: nc, tally: &l.tally}, nil
}

type clientConn struct {
	net.Conn
	tally *tally
}

func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tally.out.Add(int64(n))
	return n, err
}

func (c *clientConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.tally.in.Add(int64(n))
	return n, err
}
