package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/parleyws/websocket/internal/bench/measure"
	"github.com/parleyws/websocket/internal/bench/peers"
)

// Print writes a table for each workload, everything that was measured.
func (r *Report) Print(out io.Writer) {
	fmt.Fprintf(out, "%s, %s, %s\n%d rounds of %g s; medians, ± half the distance of the quartiles\n",
		r.Machine, r.Go, r.Pinning, r.Rounds, r.Seconds)
	for _, w := range r.Workloads {
		fmt.Fprintf(out, "\n%s\n", w.Says)
		if w.Unit == Connection {
			r.printMemory(out, w)
		} else {
			r.printCPU(out, w)
		}
	}
	fmt.Fprintln(out)
	for _, p := range r.Peers {
		fmt.Fprintf(out, "%s: %s\n", strings.TrimSpace(p.Name+" "+p.Version), p.How)
	}
}

// measured calls show for each peer that has done w, and prints why others have
// not.
func (r *Report) measured(out io.Writer, w Workload, show func(*Result)) {
	for _, p := range r.Peers {
		res := r.Result(w.Name, p.Name)
		if len(res.Samples) > 0 {
			show(res)
		}
		if res.Failure != "" {
			fmt.Fprintf(out, "\t%s\tfailed: %s\n", p.Name, res.Failure)
		}
	}
}

func (r *Report) printCPU(out io.Writer, w Workload) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprintf(t, "\t\tserver CPU µs\t±\t× raw\t±\t%s/s\t/CPU s\tp50 µs\tp99\tp99.9\tallocs\t\n", w.Unit)
	r.measured(t, w, func(res *Result) {
		used, ratio := res.Of(cpu), r.Ratio(w.Name, res.Peer)
		fmt.Fprintf(t, "\t%s\t%s\t%.0f%%\t%s\t%.0f%%", res.Peer,
			measure.Number(used.Median()), 100*used.Spread(), number(ratio), 100*ratio.Spread())
		for _, figure := range []func(Sample) float64{perSecond, perCPU, p50, p99, p999} {
			fmt.Fprintf(t, "\t%.0f", res.Of(figure).Median())
		}
		fmt.Fprintf(t, "\t%.2f\t\n", res.Of(allocs).Median())
	})
}

func (r *Report) printMemory(out io.Writer, w Workload) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprint(t, "\t\theap and stacks KiB\t±\tresident KiB\t±\t\n")
	r.measured(t, w, func(res *Result) {
		m, rss := res.Of(memoryKiB), res.Of(rssKiB)
		fmt.Fprintf(t, "\t%s\t%s\t%.0f%%\t%s\t%.0f%%\t\n", res.Peer,
			measure.Number(m.Median()), 100*m.Spread(), measure.Number(rss.Median()), 100*rss.Spread())
	})
}

// number writes a median, if there is any.
func number(s measure.Samples) string {
	if len(s) == 0 {
		return "–"
	}
	return measure.Number(s.Median())
}

// Markdown writes one table of all workloads: the CPU time over that of the
// limit, and the memory of idle connections.
func (r *Report) Markdown(out io.Writer) {
	fmt.Fprintf(out, "| server CPU time ÷ %s |", peers.Limit)
	rule := "| --- |"
	for _, p := range r.Peers {
		if p.Name != peers.Limit {
			fmt.Fprintf(out, " %s |", p.Name)
			rule += " ---: |"
		}
	}
	fmt.Fprintf(out, "\n%s\n", rule)
	for _, w := range r.Workloads {
		title := w.Says
		if w.Unit == Connection {
			title += ", KiB"
		}
		fmt.Fprintf(out, "| %s |", title)
		for _, p := range r.Peers {
			if p.Name != peers.Limit {
				fmt.Fprintf(out, " %s |", r.mark(w, p))
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "\n%s, %s, %s. %d rounds of %g s, interleaved; medians ± half the distance of the quartiles.",
		r.Machine, r.Go, r.Pinning, r.Rounds, r.Seconds)
	for _, p := range r.Peers {
		if p.Version != "" {
			fmt.Fprintf(out, " %s %s.", p.Module, p.Version)
		}
	}
	fmt.Fprintln(out)
}

// mark is a field of the table. The best library is bold.
func (r *Report) mark(w Workload, peer Peer) string {
	s := r.figure(w, peer.Name)
	switch {
	case len(s) == 0:
		return "–"
	case peer.Raw:
		return s.Format()
	}
	for _, p := range r.Peers {
		if other := r.figure(w, p.Name); !p.Raw && len(other) > 0 && other.Median() < s.Median() {
			return s.Format()
		}
	}
	return "**" + s.Format() + "**"
}

// figure is what the Markdown table and the plot show of a workload.
func (r *Report) figure(w Workload, peer string) measure.Samples {
	if w.Unit == Connection {
		return r.Result(w.Name, peer).Of(memoryKiB)
	}
	return r.Ratio(w.Name, peer)
}
