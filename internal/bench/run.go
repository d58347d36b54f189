//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/parleyws/websocket/internal/bench/process"
	"github.com/parleyws/websocket/internal/bench/report"
)

// run measures everything. The report is of what went well, the error of what did
// not.
func (o *options) run(out io.Writer) (*report.Report, error) {
	r := o.report()
	runtime.LockOSThread() // the load is this thread
	if len(o.cores) > 0 {
		if err := process.Pin(o.cores[1]); err != nil {
			return r, err
		}
	}
	p := progress{out: out, start: time.Now(), all: o.trials()}
	for i := range o.workloads {
		w := &o.workloads[i]
		for round := range o.rounds {
			for k := range o.peers {
				peer := o.peers[(round+k)%len(o.peers)]
				if !w.fits(peer) {
					continue
				}
				p.next(fmt.Sprintf("%s, round %d of %d: %s", w.Name, round+1, o.rounds, peer.Name))
				t := trial{workload: w, peer: peer, warmup: o.warmup, during: o.duration, core: -1, profile: o.profile}
				if len(o.cores) > 0 {
					t.core = o.cores[0]
				}
				o.record(r, &t)
			}
		}
	}
	p.end()
	return r, failures(r)
}

// record adds a sample to the report. A server that has failed once is not tried
// again in the same workload.
func (o *options) record(r *report.Report, t *trial) {
	res := r.Result(t.Name, t.peer.Name)
	if len(res.Samples) == 0 && res.Failure == "" {
		r.Results = append(r.Results, res)
	}
	if res.Failure != "" {
		return
	}
	s, err := t.run()
	if err != nil {
		res.Failure = err.Error()
		return
	}
	res.Samples = append(res.Samples, s)
}

func failures(r *report.Report) (err error) {
	for _, res := range r.Results {
		if res.Failure != "" {
			err = errors.Join(err, fmt.Errorf("%s, %s: %s", res.Workload, res.Peer, res.Failure))
		}
	}
	return err
}

// trials counts what is to be done.
func (o *options) trials() (n int) {
	for _, w := range o.workloads {
		for _, p := range o.peers {
			if w.fits(p) {
				n += o.rounds
			}
		}
	}
	return n
}

// progress is a line that says how far it is.
type progress struct {
	out   io.Writer
	start time.Time
	all   int
	done  int
}

func (p *progress) next(what string) {
	left := "?"
	if p.done > 0 {
		left = (time.Since(p.start) / time.Duration(p.done) * time.Duration(p.all-p.done)).Round(time.Second).String()
	}
	fmt.Fprintf(p.out, "\r\x1b[K%3d%%, %s left  %s", 100*p.done/p.all, left, what)
	p.done++
}

func (p *progress) end() { fmt.Fprint(p.out, "\r\x1b[K") }
