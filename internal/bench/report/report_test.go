package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parleyws/websocket/internal/bench/measure"
	"github.com/parleyws/websocket/internal/bench/peers"
)

// sample is a report of two workloads and four peers, one of which has failed
// once.
func sample() *Report {
	r := &Report{
		Machine: "a machine", Go: "go1.26", Pinning: "not pinned", Rounds: 3, Seconds: 1,
		Workloads: []Workload{
			{Name: "echo", Says: "echo, 125 B", Unit: Message},
			{Name: "idle", Says: "idle connections", Unit: Connection},
		},
	}
	for _, name := range []string{peers.Limit, "raw loop", "fast", "slow & <old>"} {
		raw := strings.HasPrefix(name, "raw")
		r.Peers = append(r.Peers, Peer{Peer: peers.Peer{Name: name, How: "somehow", Raw: raw}, Version: "v1.2.3"})
	}
	add := func(workload, peer, failure string, samples ...Sample) {
		r.Results = append(r.Results, &Result{Workload: workload, Peer: peer, Failure: failure, Samples: samples})
	}
	add("echo", peers.Limit, "", Sample{CPU: 10, Count: 5}, Sample{CPU: 20, Count: 5}, Sample{CPU: 40, Count: 5})
	add("echo", "raw loop", "", Sample{CPU: 9, Count: 5}, Sample{CPU: 18, Count: 5}, Sample{CPU: 36, Count: 5})
	add("echo", "fast", "", Sample{CPU: 11, Count: 5}, Sample{CPU: 22, Count: 5}, Sample{CPU: 44, Count: 5})
	add("echo", "slow & <old>", "", Sample{CPU: 50, Count: 5}, Sample{CPU: 100, Count: 5}, Sample{CPU: 200, Count: 5})
	add("idle", "fast", "", Sample{Memory: 3 << 10, RSS: 5 << 10, Count: 5})
	add("idle", "slow & <old>", "it burst")
	return r
}

func TestRatioIsThatOfTheSameRound(t *testing.T) {
	r := sample()
	if got, want := r.Ratio("echo", "slow & <old>"), (measure.Samples{5, 5, 5}); !reflect.DeepEqual(got, want) {
		t.Errorf("Ratio = %v, want %v", got, want)
	}
	if got := r.Ratio("echo", "nobody"); len(got) != 0 {
		t.Errorf("Ratio of nobody = %v", got)
	}
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	sample().Print(&out)
	for _, text := range []string{"echo, 125 B", "1.10", "5.00", "22.0", "idle connections", "3.00", "failed: it burst", "fast v1.2.3: somehow"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not in\n%s", text, &out)
		}
	}
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	sample().Markdown(&out)
	for _, line := range []string{
		"| server CPU time ÷ raw TCP | raw loop | fast | slow & <old> |",
		"| --- | ---: | ---: | ---: |",
		"| echo, 125 B | 0.90 ±0% | **1.10 ±0%** | 5.00 ±0% |", // bold is for libraries
		"| idle connections, KiB | – | **3.00 ±0%** | – |",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("there is no line\n%s\nin\n%s", line, &out)
		}
	}
}

// plotted returns the SVG of r, which is XML.
func plotted(t *testing.T, r *Report) string {
	t.Helper()
	var out bytes.Buffer
	r.Plot(&out)
	d := xml.NewDecoder(strings.NewReader(out.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return out.String()
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, &out)
		}
	}
}

func TestPlotShowsEachRatioOnce(t *testing.T) {
	r := sample()
	r.Peers[2].Module = "github.com/parleyws/websocket" // a bar
	text := plotted(t, r)
	for _, title := range []string{"fast: 1.10", "slow &amp; &lt;old&gt;: 5.00", "fast: 1.00"} {
		if n := strings.Count(text, "<title>"+title+"</title>"); n != 1 {
			t.Errorf("%d titles %q in\n%s", n, title, text)
		}
	}
	for what, n := range map[string]int{"<title>": 4, ">5.0</text>": 1, ">idle connections</text>": 1, "fast = 1</text>": 1} {
		if got := strings.Count(text, what); got != n {
			t.Errorf("%q %d times, not %d, in\n%s", what, got, n, text)
		}
	}
}

func TestPlotWithoutOursHasOneAxis(t *testing.T) {
	text := plotted(t, sample())
	if !strings.Contains(text, "<title>fast: 1.10</title>") || strings.Count(text, "less is better") != 1 {
		t.Errorf("%s", text)
	}
	plotted(t, new(Report))
}

func TestMarksThatWouldHideEachOtherGoAside(t *testing.T) {
	p := plot{marks: []string{"a", "b", "c", "d"}, hi: 2}
	var out bytes.Buffer
	p.out = &out
	p.others(100, row{"", map[string]float64{"d": 1, "a": 1.01, "b": 1.02, "c": 1.5}})
	var heights []string
	for _, piece := range strings.Split(out.String(), "translate(")[1:] {
		position, _, _ := strings.Cut(piece, ")")
		heights = append(heights, strings.Fields(position)[1])
	}
	if want := []string{"100", "89", "111", "100"}; !reflect.DeepEqual(heights, want) {
		t.Errorf("they are at %q, not at %q", heights, want)
	}
}

func TestWriteAndRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.json")
	r := sample()
	if err := r.Write(file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, r) {
		t.Errorf("%+v\nis not\n%+v", got, r)
	}
	if _, err := Read(file + "x"); err == nil {
		t.Error("a file that is not there was read")
	}
}
