//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parleyws/websocket/internal/bench/corpus"
	"github.com/parleyws/websocket/internal/bench/peers"
	"github.com/parleyws/websocket/internal/bench/process"
	"github.com/parleyws/websocket/internal/bench/report"
)

// TestMain lets the test program be a server, as bench is.
func TestMain(m *testing.M) {
	if process.IsServer(os.Args) {
		process.Main()
	}
	os.Exit(m.Run())
}

// small are workloads of every kind, for little time.
func small() []workload {
	big := echo(256<<10, 2)
	deflated := compressed(1 << 10)
	deflated.conns = 3
	chinese := texts("chinese", "Chinese text", corpus.Chinese())
	chinese.conns = 3
	flight := inFlight()
	flight.conns = 2
	shakes := workload{Workload: report.Workload{Name: "handshake", Unit: report.Handshake}, conns: 2}
	// So many that half a KiB each is more than what a process may give back meanwhile.
	idle := workload{Workload: report.Workload{Name: "idle", Unit: report.Connection}, size: 125, conns: 1000}
	return []workload{echo(16, 2), big, chinese, flight, deflated, broadcast(5), shakes, idle}
}

// TestEveryPeerDoesEveryWorkload also checks what comes back: the load compares
// all of it.
func TestEveryPeerDoesEveryWorkload(t *testing.T) {
	for _, p := range peers.All() {
		for _, w := range small() {
			if !w.fits(p) {
				continue
			}
			t.Run(p.Name+"/"+w.Name, func(t *testing.T) {
				tr := trial{workload: &w, peer: p, warmup: time.Millisecond, during: 10 * time.Millisecond, core: -1}
				s, err := tr.run()
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case s.Count <= 0:
					t.Errorf("%+v: nothing was done", s)
				case w.Unit == report.Connection && s.Memory <= 0:
					t.Errorf("%+v: no memory", s)
				case w.Unit != report.Connection && (s.CPU <= 0 || s.PerSecond <= 0 || s.P50 <= 0 || s.P999 < s.P50):
					t.Errorf("%+v: something is missing", s)
				}
			})
		}
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-rounds", "2", "-duration", "10ms", "-warmup", "1ms", "-workloads", "echo-16-1$|handshake", "-peers", "parley$", "-cores", "none", "-o", dir}
	var out, progress bytes.Buffer
	if err := command(args, &out, &progress); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(progress.String(), "handshake, round 2 of 2: parley") {
		t.Errorf("progress: %q", progress.String())
	}
	for file, text := range map[string]string{"bench.json": `"echo-16-1"`, "bench.md": "| echo, 16 B, 1 connection |", "bench.svg": "</svg>"} {
		if b, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(b), text) {
			t.Errorf("%s: %v, without %s", file, err, text)
		}
	}
	var again bytes.Buffer
	if err := command([]string{"-from", filepath.Join(dir, "bench.json"), "-o", ""}, &again, io.Discard); err != nil {
		t.Fatal(err)
	}
	if again.String() != out.String() {
		t.Errorf("read again it says\n%s\nnot\n%s", &again, &out)
	}
}

func TestProfile(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-rounds", "1", "-duration", "10ms", "-workloads", "echo-16-1$", "-peers", "parley raw", "-profile", dir, "-o", ""}
	if err := command(args, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "echo-16-1-parley-raw.prof")); err != nil || len(b) == 0 {
		t.Errorf("a profile of %d bytes, %v", len(b), err)
	}
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	if err := command([]string{"-list"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"echo-256k-1000", "idle", "raw TCP", "gobwas"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not in the list", text)
		}
	}
}

func TestFlagsThatMeanNothing(t *testing.T) {
	for _, args := range []string{"-workloads nothing", "-workloads (", "-peers nobody", "-cores one", "-from /nowhere", "-nonsense"} {
		if err := command(strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}

func TestAFailureIsReportedAndTheRestGoesOn(t *testing.T) {
	o := options{
		workloads: []workload{echo(16, 1)},
		peers:     []peers.Peer{{Name: "nobody"}, peers.All()[0]},
		rounds:    2, warmup: time.Millisecond, duration: time.Millisecond,
	}
	r, err := o.run(io.Discard)
	if err == nil || !strings.Contains(err.Error(), `there is no server "nobody"`) {
		t.Errorf("error %v", err)
	}
	if res := r.Result("echo-16-1", "nobody"); len(res.Samples) != 0 || res.Failure == "" {
		t.Errorf("%+v", res)
	}
	if res := r.Result("echo-16-1", peers.Limit); len(res.Samples) != 2 || res.Failure != "" {
		t.Errorf("%+v", res)
	}
}

func TestWorkloadsHaveEnoughMessagesAndNamesOfTheirOwn(t *testing.T) {
	var names []string
	for _, w := range workloads() {
		names = append(names, w.Name)
		if w.Unit != report.Handshake && len(w.messages()) < max(1, w.inFlight) {
			t.Errorf("%s: %d messages for %d in flight", w.Name, len(w.messages()), w.inFlight)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(workloads()) {
		t.Errorf("two workloads have the same name: %q", names)
	}
}
