//go:build linux

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/parleyws/websocket/internal/bench/load"
	"github.com/parleyws/websocket/internal/bench/measure"
	"github.com/parleyws/websocket/internal/bench/peers"
	"github.com/parleyws/websocket/internal/bench/process"
	"github.com/parleyws/websocket/internal/bench/report"
)

// A trial is one measurement of one server.
type trial struct {
	*workload
	peer           peers.Peer
	warmup, during time.Duration
	core           int    // of the server; negative: any
	profile        string // directory for a CPU profile; empty: none
}

// run starts the server, measures it and stops it.
func (t *trial) run() (s report.Sample, err error) {
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the load allocates next to nothing
	script := t.script()
	task := t.task()
	task.Wire = script.Wire()
	server, err := process.Start(t.peer.Name, task, t.core)
	if err != nil {
		return s, err
	}
	defer func() {
		if complaint := server.Stop(); err != nil && complaint != "" {
			err = fmt.Errorf("%w; the server says: %.300s", err, complaint)
		}
	}()
	switch t.Unit {
	case report.Handshake:
		return t.shake(server)
	case report.Connection:
		return t.idle(server, script)
	case report.Delivery:
		return t.broadcast(server, script)
	}
	return t.echo(server, script)
}

func (t *trial) script() *load.Script {
	s := load.NewScript(t.messages(), t.text != nil, t.compress)
	s.InFlight = max(1, t.inFlight)
	if t.peer.Raw {
		return s.ForRaw()
	}
	return s
}

func (t *trial) echo(server *process.Server, script *load.Script) (s report.Sample, err error) {
	l, err := load.Dial(server.Addr, script, t.conns, true)
	if err != nil {
		return s, err
	}
	defer l.Close()
	return t.between(server, l.Echo, &l.Done, &l.Latency)
}

func (t *trial) broadcast(server *process.Server, script *load.Script) (s report.Sample, err error) {
	l, err := load.Dial(server.Addr, script, t.conns, false)
	if err != nil {
		return s, err
	}
	defer l.Close()
	if err := joined(server, t.conns); err != nil {
		return s, err
	}
	return t.between(server, l.Publish, &l.Done, &l.Latency)
}

// joined waits until a broadcast reaches all connections.
func joined(server *process.Server, conns int) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		u, err := server.Usage()
		switch {
		case err != nil:
			return err
		case u.Members == int64(conns):
			return nil
		case time.Now().After(end):
			return fmt.Errorf("a broadcast reaches %d connections of %d", u.Members, conns)
		}
	}
}

func (t *trial) shake(server *process.Server) (s report.Sample, err error) {
	l, err := load.Shake(server.Addr, t.peer.Raw, t.conns)
	if err != nil {
		return s, err
	}
	defer l.Close()
	return t.between(server, l.Run, &l.Done, &l.Latency)
}

// between runs the load, at first to warm up, and then between two looks at what
// the server has used.
func (t *trial) between(server *process.Server, run func(time.Duration) error, done *int64, latency *measure.Histogram) (s report.Sample, err error) {
	if err := run(t.warmup); err != nil {
		return s, err
	}
	if t.profile != "" {
		if err := server.Profile(t.profileName()); err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, server.Profiled()) }()
	}
	before, err := server.Usage()
	if err != nil {
		return s, err
	}
	latency.Reset()
	count, start := *done, time.Now()
	if err := run(t.during); err != nil {
		return s, err
	}
	count, elapsed := *done-count, time.Since(start)
	after, err := server.Usage()
	if err != nil {
		return s, err
	}
	if count == 0 {
		return s, fmt.Errorf("nothing was done in %v", elapsed)
	}
	per := func(n uint64) float64 { return float64(n) / float64(count) }
	micro := func(q float64) float64 { return float64(latency.Quantile(q)) / 1e3 }
	return report.Sample{
		Count: count, PerSecond: float64(count) / elapsed.Seconds(),
		CPU:    per(uint64(after.CPU-before.CPU)) / 1e3,
		Allocs: per(after.Allocs - before.Allocs),
		P50:    micro(0.5), P99: micro(0.99), P999: micro(0.999),
	}, nil
}

func (t *trial) profileName() string {
	name := t.Name + "-" + strings.NewReplacer(" ", "-", "/", "").Replace(t.peer.Name) + ".prof"
	return filepath.Join(t.profile, name)
}

// idle opens connections, each of which has echoed a message, and looks at what
// they hold when nothing happens.
func (t *trial) idle(server *process.Server, script *load.Script) (s report.Sample, err error) {
	before, err := server.Settled()
	if err != nil {
		return s, err
	}
	l, err := load.Dial(server.Addr, script, t.conns, true)
	if err != nil {
		return s, err
	}
	defer l.Close()
	time.Sleep(t.warmup)
	after, err := server.Settled()
	if err != nil {
		return s, err
	}
	per := func(after, before uint64) float64 { return max(0, float64(after)-float64(before)) / float64(t.conns) }
	return report.Sample{
		Count:  int64(t.conns),
		Memory: per(after.Heap+after.Stacks, before.Heap+before.Stacks),
		RSS:    per(after.RSS, before.RSS),
	}, nil
}
