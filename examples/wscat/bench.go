package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

// drainTime is how long answers are waited for once all was sent.
const drainTime = 5 * time.Second

// benchOptions is the command line of the benchmark.
type benchOptions struct {
	dial        dialFlags
	url         string
	connections int
	rate        float64 // messages a second on all connections together; 0: as fast as answers come
	size        int
	duration    time.Duration
	typ         conn.MessageType
}

func parseBench(args []string, s *screen) (*benchOptions, error) {
	o := &benchOptions{typ: conn.Text}
	f := newFlagSet("wscat bench", "wscat bench [flags] URL      (of a server that echoes)", s.err)
	o.dial.register(f)
	f.IntVar(&o.connections, "c", 10, "how many `connections`")
	f.Float64Var(&o.rate, "rate", 0, "`messages` to send in a second, on all connections together, whether answers come or not;\n0: every connection sends when it has its answer")
	f.IntVar(&o.size, "size", 125, "`bytes` of a message")
	f.DurationVar(&o.duration, "d", 10*time.Second, "how long to send")
	binary := f.Bool("binary", false, "send binary messages")
	text := f.Bool("text", false, "send text (the default)")
	f.BoolVar(&s.quiet, "q", false, "show no progress")
	rest, err := parseAnywhere(f, args)
	switch {
	case err != nil:
		return nil, err
	case len(rest) != 1:
		return nil, usagef("one URL is wanted, and there are %d; see wscat bench -help", len(rest))
	case o.connections < 1 || o.size < 0 || o.duration <= 0 || !(o.rate >= 0 && o.rate <= 1e9):
		return nil, usagef("-c and -d must be more than 0, -size and -rate not less, and -rate at most a billion")
	case *binary && *text:
		return nil, usagef("-binary and -text are opposites")
	}
	if *binary {
		o.typ = conn.Binary
	}
	o.url = withScheme(rest[0])
	return o, nil
}

// benchMain is the benchmark: connect all, send to all, report.
func benchMain(ctx context.Context, args []string, s *screen) error {
	o, err := parseBench(args, s)
	if err != nil {
		return err
	}
	l := newLoad(o)
	defer l.hangUp()
	dialling := time.Now()
	if err := l.connectAll(ctx); err != nil {
		return err
	}
	s.note("%s in %v, %s", count(len(l.conns), "connection"), short(time.Since(dialling)), o)
	l.began = time.Now()
	stop := s.progress(l)
	l.run(ctx)
	stop()
	if _, err := fmt.Fprint(s.out, report(l, s.outColour)); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return l.failed()
}

// String says what the load is.
func (o *benchOptions) String() string {
	how := "closed loop: each sends when it has its answer"
	if o.rate > 0 {
		how = fmt.Sprintf("open loop: %g messages a second", o.rate)
	}
	return fmt.Sprintf("%s of %v for %v, %s", count(o.size, "byte"), o.typ, o.duration, how)
}

// connectAll opens the connections, some at a time. One that fails fails all.
func (l *load) connectAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	places := make(chan struct{}, 64)
	l.conns = make([]*conn.Conn, l.o.connections)
	for i := range l.conns {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			u, err := connect(ctx, l.o.url, &l.o.dial)
			if err != nil {
				cancel(err)
				return
			}
			l.conns[i] = conn.New(u, l.o.dial.config())
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// hangUp ends what connections there are, all with their closing handshake, for a
// moment at most.
func (l *load) hangUp() {
	var wg sync.WaitGroup
	for _, c := range l.conns {
		if c != nil {
			wg.Go(func() {
				stop := time.AfterFunc(time.Second, func() { c.CloseNow() })
				defer stop.Stop()
				_ = c.Close(conn.StatusNormalClosure, "")
			})
		}
	}
	wg.Wait()
}

// failed returns an error if not every message had its answer.
func (l *load) failed() error {
	lost, wrong := l.lost(), l.wrong.Load()
	if lost == 0 && wrong == 0 {
		return nil
	}
	text := fmt.Sprintf("%s without an answer, %s that were no echo", count(int(lost), "message"), count(int(wrong), "answer"))
	if err := l.why(); err != nil {
		text += "; " + reason(err)
	}
	return errors.New(text)
}

// progress draws a line over and over while l runs, if that can be seen. The
// function it returns ends that.
func (s *screen) progress(l *load) (stop func()) {
	if s.quiet || !s.live {
		return func() {}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.draw(l.line())
			case <-done:
				s.draw("")
				return
			}
		}
	}()
	return func() { close(done); <-gone }
}

// draw replaces the current line.
func (s *screen) draw(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.err, "\r\x1b[K%s", line)
}

// line is the progress of l.
func (l *load) line() string {
	passed := time.Since(l.began)
	share := min(1, passed.Seconds()/l.o.duration.Seconds())
	n := l.latency.count()
	return fmt.Sprintf("%s %3.0f %%  %d answers, %.0f/s, p99 %v", bar(share, 20, true), 100*share,
		n, float64(n)/passed.Seconds(), short(l.latency.quantile(0.99)))
}
