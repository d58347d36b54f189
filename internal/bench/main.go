//go:build linux

// Bench compares servers for WebSocket: ours, others in Go, and a raw TCP echo in Go
// as the limit.
//
//	go run .                                        # everything, half an hour
//	go run . -rounds 1 -duration 200ms              # a glance
//	go run . -workloads 'echo-125-64|inflight' -peers 'parley|gobwas'
//	go run . -list                                  # the workloads and the peers
//	go run . -workloads chinese -profile /tmp       # go tool pprof /tmp/chinese-parley.prof
//	go run . -from results/bench.json               # show it again
//
// Server and load are processes of their own, each pinned to a core. The load is
// one thread on raw sockets, the same for all (package load); the servers are used
// as their documentation recommends for speed (package peers). What counts is the CPU time
// of the server (getrusage) for one message, beside it throughput and latency.
//
// A round measures each server once, in a fresh process; the next round begins with
// another one. Medians are shown, and ± half the distance of the quartiles. The
// ratio to the raw echo is that of the same round.
//
// The directory results gets all samples (bench.json), a table in Markdown
// (bench.md) and a plot (bench.svg).
//
// It needs Linux, two cores, and for the idle connections 10,100 open files.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/parleyws/websocket/internal/bench/measure"
	"github.com/parleyws/websocket/internal/bench/peers"
	"github.com/parleyws/websocket/internal/bench/process"
	"github.com/parleyws/websocket/internal/bench/report"
)

// options are the flags.
type options struct {
	workloads []workload
	peers     []peers.Peer
	rounds    int
	warmup    time.Duration
	duration  time.Duration
	cores     []int // of the server, of the load; empty: any
	list      bool
	from      string
	dir       string
	profile   string
}

func main() {
	if process.IsServer(os.Args) {
		process.Main()
	}
	if err := command(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(args []string, out, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	if o.list {
		o.print(out)
		return nil
	}
	if o.from != "" {
		r, err := report.Read(o.from)
		if err != nil {
			return err
		}
		return o.show(r, out)
	}
	r, failed := o.run(progress)
	return errors.Join(o.show(r, out), failed)
}

// show prints r, and writes it to files.
func (o *options) show(r *report.Report, out io.Writer) error {
	r.Print(out)
	if o.dir == "" {
		return nil
	}
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return err
	}
	return errors.Join(
		r.Write(filepath.Join(o.dir, "bench.json")),
		toFile(filepath.Join(o.dir, "bench.md"), r.Markdown),
		toFile(filepath.Join(o.dir, "bench.svg"), r.Plot),
	)
}

func toFile(name string, write func(io.Writer)) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	write(f)
	return f.Close()
}

// print prints what flags may choose.
func (o *options) print(out io.Writer) {
	for _, w := range o.workloads {
		fmt.Fprintf(out, "%-16s  %s\n", w.Name, w.Says)
	}
	fmt.Fprintln(out)
	for _, p := range o.peers {
		fmt.Fprintf(out, "%-16s  %s\n", p.Name, p.How)
	}
}

func parse(args []string, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&o.rounds, "rounds", 5, "how `often` to measure each server in each workload")
	flags.DurationVar(&o.duration, "duration", time.Second, "`time` of each measurement")
	flags.DurationVar(&o.warmup, "warmup", 300*time.Millisecond, "`time` before each measurement")
	flags.BoolVar(&o.list, "list", false, "print the workloads and the peers, and do nothing")
	flags.StringVar(&o.from, "from", "", "show what this `file` says, and measure nothing")
	flags.StringVar(&o.dir, "o", "results", "`directory` for what is written; empty: only print")
	flags.StringVar(&o.profile, "profile", "", "`directory` for CPU profiles of the servers, which then take a little longer")
	workloadNames := flags.String("workloads", "", "only the workloads whose name matches this `regexp`")
	peerNames := flags.String("peers", "", "only the peers whose name matches this `regexp`, and the raw echo")
	cores := flags.String("cores", "auto", "pin the server and the load to these `cores`, as in 0,1; none: do not pin")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	byWorkload, err1 := regexp.Compile(*workloadNames)
	byPeer, err2 := regexp.Compile(*peerNames)
	if err := errors.Join(err1, err2); err != nil {
		return o, err
	}
	o.workloads = slices.DeleteFunc(workloads(), func(w workload) bool { return !byWorkload.MatchString(w.Name) })
	o.peers = slices.DeleteFunc(peers.All(), func(p peers.Peer) bool { return p.Name != peers.Limit && !byPeer.MatchString(p.Name) })
	if len(o.workloads) == 0 || len(o.peers) < 2 {
		return o, errors.New("nothing is chosen; -list prints what there is")
	}
	o.cores, err = parseCores(*cores)
	return o, err
}

func parseCores(s string) (cores []int, err error) {
	switch s {
	case "none":
		return nil, nil
	case "auto":
		if all := process.Cores(); len(all) > 1 {
			return all[:2], nil
		}
		return nil, nil
	}
	var server, client int
	if _, err := fmt.Sscanf(s, "%d,%d", &server, &client); err != nil || server < 0 || client < 0 {
		return nil, fmt.Errorf("-cores: %q is no pair of cores, such as 0,1", s)
	}
	return []int{server, client}, nil
}

// pinning says where server and load run.
func (o *options) pinning() string {
	if len(o.cores) == 0 {
		return "not pinned"
	}
	return fmt.Sprintf("server on core %d, load on core %d", o.cores[0], o.cores[1])
}

func (o *options) report() *report.Report {
	r := &report.Report{
		Machine: measure.Machine(), Go: measure.GoVersion(), Pinning: o.pinning(),
		Rounds: o.rounds, Seconds: o.duration.Seconds(),
	}
	for _, p := range o.peers {
		r.Peers = append(r.Peers, report.Peer{Peer: p, Version: p.Version()})
	}
	for _, w := range o.workloads {
		r.Workloads = append(r.Workloads, w.Workload)
	}
	return r
}
