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

// sample is a report of two workloads and three peers, one of which has failed
// once.
func sample() *Report {
	r := &Report{
		Machine: "a machine", Go: "go1.26", Pinning: "not pinned", Rounds: 3, Seconds: 1,
		Workloads: []Workload{
			{Name: "echo", Says: "echo, 125 B", Unit: Message},
			{Name: "idle", Says: "idle connections", Unit: Connection},
		},
	}
	for _, name := range []string{peers.Limit, "fast", "slow & <old>"} {
		r.Peers = append(r.Peers, Peer{Peer: peers.Peer{Name: name, How: "somehow"}, Version: "v1.2.3"})
	}
	add := func(workload, peer, failure string, samples ...Sample) {
		r.Results = append(r.Results, &Result{Workload: workload, Peer: peer, Failure: failure, Samples: samples})
	}
	add("echo", peers.Limit, "", Sample{CPU: 10, Count: 5}, Sample{CPU: 20, Count: 5}, Sample{CPU: 40, Count: 5})
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
		"| server CPU time ÷ raw TCP | fast | slow & <old> |",
		"| --- | ---: | ---: |",
		"| echo, 125 B | **1.10 ±0%** | 5.00 ±0% |",
		"| idle connections, KiB | **3.00 ±0%** | – |",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("there is no line\n%s\nin\n%s", line, &out)
		}
	}
}

func TestPlotIsXMLWithADotForEachRatio(t *testing.T) {
	var out bytes.Buffer
	sample().Plot(&out)
	text := out.String()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	if n := strings.Count(text, "<circle"); n != 2+2 { // the legend, and the row
		t.Errorf("%d dots in\n%s", n, text)
	}
	if !strings.Contains(text, "<title>fast: 1.10</title>") {
		t.Errorf("no title in\n%s", text)
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
