// Flate compares the DEFLATE of internal/flate with compress/flate and with
// github.com/klauspost/compress/flate, side by side in one run, on messages of
// the kinds and sizes that WebSockets carry.
//
//	go run ./flate                       # everything, a few minutes
//	go run ./flate -rounds 1 -cpu 5ms    # a glance
//	go run ./flate -sizes 1024 -takeover no -engines 'parley 1|klauspost'
//	go run ./flate -json flate.json
//
// Speed is megabytes (10⁶) of text per second of CPU time (getrusage, the garbage
// collector's included). Each engine does a cell of the table in turn, round
// after round, so that what disturbs the machine disturbs all; medians are shown, and
// ± half the distance of the quartiles. Every engine inflates the same streams,
// of compress/flate at level 6.
//
// At the end it says which of our bars hold.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parleyws/websocket/internal/bench/measure"
)

// options are the flags.
type options struct {
	rounds   int
	cpu      time.Duration // of one engine in one cell in one round
	volume   int           // bytes of text of one kind and size
	sizes    []int
	takeover []bool
	engines  *regexp.Regexp
	json     string
	streams  int // whose memory is measured
}

// A report is what a run has found.
type report struct {
	Machine string   `json:"machine"`
	Go      string   `json:"go"`
	Rounds  int      `json:"rounds"`
	Speeds  []result `json:"speeds"`
	Memory  []memory `json:"memory"`
	Bars    []bar    `json:"bars"`
}

func main() {
	if err := command(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "flate:", err)
		os.Exit(1)
	}
}

func command(args []string, out, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(engines(), func(e engine) bool { return !o.engines.MatchString(e.name) })
	r := report{Machine: measure.Machine(), Go: measure.GoVersion(), Rounds: o.rounds}
	if r.Speeds, err = o.run(chosen, progress); err != nil {
		return err
	}
	r.Memory = memories(chosen, o.streams)
	r.Bars = bars(r.Speeds, r.Memory)
	r.print(out)
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(text, '\n'), 0o666)
}

func parse(args []string, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("flate", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&o.rounds, "rounds", 7, "how `often` to measure each cell")
	flags.DurationVar(&o.cpu, "cpu", 20*time.Millisecond, "CPU `time` of one engine for one cell in one round, at least")
	flags.IntVar(&o.volume, "volume", 1<<20, "`bytes` of text of each kind and size")
	flags.IntVar(&o.streams, "streams", 64, "`number` of live connections whose memory is measured")
	flags.StringVar(&o.json, "json", "", "write all that was measured to this `file`")
	sizes := flags.String("sizes", "256,1024,4096,65536", "sizes of messages, in `bytes`")
	takeover := flags.String("takeover", "no,yes", "without context takeover, with it, or both: `no,yes`")
	engines := flags.String("engines", "", "only the engines whose name matches this `regexp`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for s := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > o.volume {
			return o, fmt.Errorf("-sizes: %q is no number of bytes between 1 and -volume", s)
		}
		o.sizes = append(o.sizes, n)
	}
	for s := range strings.SplitSeq(*takeover, ",") {
		if s != "yes" && s != "no" {
			return o, fmt.Errorf("-takeover: %q is neither yes nor no", s)
		}
		o.takeover = append(o.takeover, s == "yes")
	}
	o.engines, err = regexp.Compile(*engines)
	return o, err
}
