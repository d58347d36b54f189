package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/parleyws/websocket/internal/bench/measure"
)

func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%s, %s, %d rounds\n", r.Machine, r.Go, r.Rounds)
	for _, inflate := range []bool{false, true} {
		for _, takeover := range []bool{false, true} {
			printSpeeds(out, r.Speeds, inflate, takeover)
		}
	}
	printMemory(out, r.Memory)
	printBars(out, r.Bars)
}

// printSpeeds prints a table with a row for each kind and size of text and each
// engine.
func printSpeeds(out io.Writer, results []result, inflate, takeover bool) {
	title := group{takeover: takeover, inflate: inflate}.title()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	last := cell{}
	for _, r := range results {
		if r.Inflate != inflate || r.Takeover != takeover {
			continue
		}
		if title != "" {
			fmt.Fprintf(w, "\n%s\n\ttext\tsize\tengine\tMB/s\t±\tratio\t\n", title)
			title = ""
		}
		name, size := r.Corpus, sizeName(r.Size)
		if last.Corpus == r.Corpus && last.Size == r.Size {
			name, size = "", ""
		}
		last = r.cell
		fmt.Fprintf(w, "\t%s\t%s\t%s\t%s\t%.0f%%\t%.2f\t\n", name, size, r.Engine,
			measure.Number(r.Speed.Median()), 100*r.Speed.Spread(), r.ratio())
	}
	w.Flush()
}

func (g group) title() string {
	switch {
	case g.inflate && g.takeover:
		return "Inflating, with context takeover"
	case g.inflate:
		return "Inflating, each message by itself"
	case g.takeover:
		return "Compressing, with context takeover"
	}
	return "Compressing, each message by itself"
}

func printMemory(out io.Writer, list []memory) {
	fmt.Fprintf(out, "\nBytes of heap that an idle connection holds\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\tengine\tcompressor, takeover\tdecompressor, takeover\tno takeover\t\n")
	for _, m := range list {
		fmt.Fprintf(w, "\t%s\t%s\t%s\t%.0f\t\n", m.Engine, orNone(m.Compress), orNone(m.Decompress), m.Without)
	}
	w.Flush()
}

func orNone(bytes float64) string {
	if bytes == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", bytes)
}

func printBars(out io.Writer, bars []bar) {
	held := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nBars, over all kinds of text\n")
	for _, b := range bars {
		verdict := "MISSED"
		if b.Holds {
			verdict = "holds"
			held++
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", verdict, b.Says, b.Found)
	}
	w.Flush()
	fmt.Fprintf(out, "%d of %d bars hold\n", held, len(bars))
}

func sizeName(n int) string {
	if n >= 1<<10 && n%(1<<10) == 0 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
