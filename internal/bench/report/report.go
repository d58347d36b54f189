// Package report is what the benchmark has found, and how it is shown: as tables
// for the terminal and in Markdown, as a plot, and as JSON.
package report

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/parleyws/websocket/internal/bench/measure"
	"github.com/parleyws/websocket/internal/bench/peers"
)

// A Report is a run of the benchmark.
type Report struct {
	Machine   string     `json:"machine"`
	Go        string     `json:"go"`
	Pinning   string     `json:"pinning"`
	Rounds    int        `json:"rounds"`
	Seconds   float64    `json:"seconds"` // of each measurement
	Peers     []Peer     `json:"peers"`
	Workloads []Workload `json:"workloads"`
	Results   []*Result  `json:"results"`
}

// A Peer is a server that was measured.
type Peer struct {
	peers.Peer
	Version string `json:"version,omitempty"`
}

// Unit is what a workload counts.
type Unit string

const (
	Message    Unit = "message"    // echoed
	Delivery   Unit = "delivery"   // of a broadcast to one connection
	Handshake  Unit = "handshake"  // opened, upgraded, closed
	Connection Unit = "connection" // idle: what counts is memory
)

// A Workload is what all servers did in turn.
type Workload struct {
	Name string `json:"name"`  // short, for flags
	Says string `json:"title"` // for people
	Unit Unit   `json:"unit"`

	// Deflated says that messages are compressed, as the limit never does.
	Deflated bool `json:"deflated,omitempty"`
}

// A Result is how one peer did one workload.
type Result struct {
	Workload string   `json:"workload"`
	Peer     string   `json:"peer"`
	Samples  []Sample `json:"samples"`
	Failure  string   `json:"failure,omitempty"` // why there are no more
}

// A Sample is one measurement. All but PerSecond, the latencies and Count are per
// unit.
type Sample struct {
	Count     int64   `json:"count"`
	PerSecond float64 `json:"per_second"`
	CPU       float64 `json:"cpu_us"` // of the server, in microseconds
	Allocs    float64 `json:"allocs"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	P999      float64 `json:"p99.9_us"`
	Memory    float64 `json:"memory"` // bytes of heap and stacks
	RSS       float64 `json:"rss"`    // bytes
}

// Result returns the result of a peer in a workload, or one without samples.
func (r *Report) Result(workload, peer string) *Result {
	at := slices.IndexFunc(r.Results, func(res *Result) bool { return res.Workload == workload && res.Peer == peer })
	if at < 0 {
		return &Result{Workload: workload, Peer: peer}
	}
	return r.Results[at]
}

// Of returns one figure of all samples.
func (r *Result) Of(figure func(Sample) float64) measure.Samples {
	s := make(measure.Samples, len(r.Samples))
	for i := range r.Samples {
		s[i] = figure(r.Samples[i])
	}
	return s
}

// The figures that tables show.
func cpu(s Sample) float64       { return s.CPU }
func perSecond(s Sample) float64 { return s.PerSecond }
func perCPU(s Sample) float64    { return 1e6 / s.CPU }
func allocs(s Sample) float64    { return s.Allocs }
func p50(s Sample) float64       { return s.P50 }
func p99(s Sample) float64       { return s.P99 }
func p999(s Sample) float64      { return s.P999 }
func memoryKiB(s Sample) float64 { return s.Memory / 1024 }
func rssKiB(s Sample) float64    { return s.RSS / 1024 }

// Ratio returns the CPU time of a peer in a workload over that of the limit in
// the same round.
func (r *Report) Ratio(workload, peer string) measure.Samples {
	return r.Result(workload, peer).Of(cpu).Over(r.Result(workload, peers.Limit).Of(cpu))
}

// Write writes the report to a file, as JSON.
func (r *Report) Write(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o666)
}

// Read reads what Write has written.
func Read(file string) (*Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	return r, json.Unmarshal(text, r)
}
