package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// plan is what to measure.
type plan struct {
	duration time.Duration // of each transport
	interval time.Duration // of short polling
	rate     float64       // events a second
	clients  int
}

func (p plan) check() error {
	switch {
	case p.duration < 100*time.Millisecond || p.duration > time.Minute:
		return errors.New("duration: from 100ms to 1m")
	case p.interval < 10*time.Millisecond || p.interval > time.Minute:
		return errors.New("interval: from 10ms to 1m")
	case !(p.rate >= minRate && p.rate <= maxRate):
		return fmt.Errorf("rate: from %v to %v events a second", minRate, maxRate)
	case p.clients < 1 || p.clients > maxClients:
		return fmt.Errorf("clients: from 1 to %d", maxClients)
	}
	return nil
}

// row is one transport, measured.
type row struct {
	Name     string  `json:"name"`
	Title    string  `json:"title"`
	Median   float64 `json:"median_ms"`  // latency
	P99      float64 `json:"p99_ms"`     //
	Out      float64 `json:"out"`        // bytes for a message, to the client
	In       float64 `json:"in"`         // and from it
	Requests float64 `json:"requests"`   // a second, of one client
	CPU      float64 `json:"cpu_micros"` // server CPU time for a message; negative: not known
	Memory   float64 `json:"memory_kib"` // server memory for a client
	Messages int64   `json:"messages"`   // that this is made of
}

// measure measures every transport alone, one after the other.
func measure(ctx context.Context, p plan) (rows []row, err error) {
	for _, t := range transports {
		r, err := measureOne(ctx, t, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// measureOne serves in this process, and lets a process of its own follow. The
// server counts no bytes: the clients do, at the other end of the connections,
// so that counting costs the server nothing.
//
// CPU time is that of this process while the clients follow, less what it takes
// in the same time when events happen and nobody listens. Memory is heap
// and stacks after a garbage collection, with the clients there, less the same
// without them.
func measureOne(ctx context.Context, t transport, p plan) (row, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return row{}, err
	}
	s := newServer(p.rate)
	for range history { // so that it does not grow any more
		s.hub.publish()
	}
	serving, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- s.serve(serving, ln, log.New(io.Discard, "", 0)) }()
	defer func() { cancel(); <-served }()

	alone := observe(ctx, s, t, min(p.duration, 500*time.Millisecond))
	memory := memoryInUse(ctx)
	l, err := startLoad(ctx, t, "http://"+ln.Addr().String(), p)
	if err != nil {
		return row{}, err
	}
	defer l.stop()
	if err := l.want("ready"); err != nil {
		return row{}, err
	}
	if err := l.say("begin", "begun"); err != nil {
		return row{}, err
	}
	busy := observe(ctx, s, t, p.duration)
	seen, err := l.end()
	if err != nil {
		return row{}, err
	}
	memory = memoryInUse(ctx) - memory
	if busy.messages == 0 || seen.Figures.Messages == 0 {
		return row{}, errors.New("no event arrived in time: measure for longer, or at a higher rate")
	}
	return newRow(t, p, seen, busy, alone, memory), ctx.Err()
}

func newRow(t transport, p plan, seen report, busy, alone observation, memory float64) row {
	messages := float64(seen.Figures.Messages)
	r := row{
		Name: t.name, Title: t.title,
		Median: milliseconds(seen.Median), P99: milliseconds(seen.P99),
		Out: float64(seen.Figures.Out) / messages, In: float64(seen.Figures.In) / messages,
		Requests: float64(seen.Figures.Requests) / busy.took.Seconds() / float64(p.clients),
		CPU:      -1,
		Memory:   memory / float64(p.clients) / 1024,
		Messages: seen.Figures.Messages,
	}
	if busy.known {
		idle := alone.cpu.Seconds() / alone.took.Seconds()
		used := busy.cpu.Seconds() - idle*busy.took.Seconds()
		r.CPU = max(0, used*1e6/float64(busy.messages))
	}
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// observation is what the server did in some time.
type observation struct {
	took     time.Duration
	messages int64
	cpu      time.Duration
	known    bool // cpu is
}

func observe(ctx context.Context, s *server, t transport, d time.Duration) (o observation) {
	runtime.GC() // what was left behind before is not to be paid for here
	begun, messages := time.Now(), s.tallies[t.name].messages.Load()
	cpu, _ := cpuTime()
	sleep(ctx, d)
	o.cpu, o.known = cpuTime()
	o.cpu -= cpu
	o.took = time.Since(begun)
	o.messages = s.tallies[t.name].messages.Load() - messages
	return o
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// memoryInUse returns the bytes of the heap that are in use, and of stacks. It
// looks three times, and takes the one in the middle: requests come and go.
func memoryInUse(ctx context.Context) float64 {
	var looks [3]float64
	for i := range looks {
		sleep(ctx, 20*time.Millisecond)
		runtime.GC()
		runtime.GC() // pools are emptied by the second one
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		looks[i] = float64(m.HeapAlloc + m.StackInuse)
	}
	slices.Sort(looks[:])
	return looks[1]
}

// loadProcess is this program again, as the clients. See drive.
type loadProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startLoad(ctx context.Context, t transport, base string, p plan) (*loadProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-load", t.name, "-url", base,
		"-clients", strconv.Itoa(p.clients), "-interval", p.interval.String())
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &loadProcess{cmd, in, bufio.NewScanner(out)}, nil
}

// asProgram, in the environment, tells a test binary to be the program.
const asProgram = "PARLEY_TRANSPORTS"

// stop ends the process.
func (l *loadProcess) stop() {
	l.in.Close()
	for l.out.Scan() { // it has nothing more to say
	}
	_ = l.cmd.Wait()
}

func (l *loadProcess) answer() (string, error) {
	if !l.out.Scan() {
		return "", errors.New("the load has ended early")
	}
	return l.out.Text(), nil
}

func (l *loadProcess) want(line string) error {
	got, err := l.answer()
	if err == nil && got != line {
		err = fmt.Errorf("the load says %q, not %q", got, line)
	}
	return err
}

func (l *loadProcess) say(command, answer string) error {
	if _, err := fmt.Fprintln(l.in, command); err != nil {
		return err
	}
	return l.want(answer)
}

func (l *loadProcess) end() (r report, err error) {
	if _, err := fmt.Fprintln(l.in, "end"); err != nil {
		return r, err
	}
	text, err := l.answer()
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(text), &r)
}
