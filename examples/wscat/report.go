package main

import (
	"fmt"
	"strings"
	"time"
)

// barWidth is the width of the longest bar, in characters.
const barWidth = 40

// report is what the benchmark prints at the end.
func report(l *load, colour bool) string {
	var b strings.Builder
	seconds := l.ended.Sub(l.began).Seconds()
	n, h := float64(l.answered.Load()), &l.latency
	fmt.Fprintf(&b, "\n  %s, %v\n\n", count(len(l.conns), "connection"), l.o)
	fmt.Fprintf(&b, "  answers     %d in %.2f s\n", l.answered.Load(), seconds)
	fmt.Fprintf(&b, "  throughput  %.0f messages/s, %s/s each way\n", n/seconds, size(n*float64(l.o.size)/seconds))
	fmt.Fprintf(&b, "  errors      %d without an answer, %d that were no echo\n\n", l.lost(), l.wrong.Load())
	if h.count() == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "  latency     mean %v\n", short(h.mean()))
	for _, q := range []float64{50, 90, 99, 99.9} {
		fmt.Fprintf(&b, "    %-8s  %v\n", fmt.Sprintf("p%g", q), short(h.quantile(q/100)))
	}
	fmt.Fprintf(&b, "    max       %v\n\n", short(h.max()))
	bars(&b, h, colour)
	return b.String()
}

// bars draws the histogram: one row for each step of 1, 2, 5, 10, … between the
// shortest and the longest.
func bars(b *strings.Builder, h *histogram, colour bool) {
	edges := steps(h.quantile(0), h.max())
	rows := make([]uint64, len(edges))
	var most, before uint64
	for i, edge := range edges {
		upTo := h.below(edge)
		if i == len(edges)-1 {
			upTo = h.count()
		}
		rows[i], before = upTo-before, upTo
		most = max(most, rows[i])
	}
	for i, n := range rows {
		drawn := bar(float64(n)/float64(most), barWidth, n > 0)
		fmt.Fprintf(b, "  ≤ %7v  %s %6.2f %%  %d\n", edges[i], paint(colour, cyan, drawn), 100*float64(n)/float64(h.count()), n)
	}
}

// steps returns the round durations, 1, 2 and 5 times a power of ten, from the
// first that is not below low to the first that is not below high.
func steps(low, high time.Duration) (edges []time.Duration) {
	for power := time.Duration(1); ; power *= 10 {
		for _, digit := range []time.Duration{1, 2, 5} {
			edge := digit * power
			if edge >= low {
				edges = append(edges, edge)
			}
			if edge >= high || edge > 1000*time.Hour {
				return edges
			}
		}
	}
}

// bar returns a bar of a share of width characters, padded to width, exact to an
// eighth of a character. With visible, it is at least one eighth.
func bar(share float64, width int, visible bool) string {
	eighths := int(share*float64(width)*8 + 0.5)
	if visible {
		eighths = max(eighths, 1)
	}
	full, rest := eighths/8, eighths%8
	text := strings.Repeat("█", full)
	if rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
		full++
	}
	return text + strings.Repeat(" ", width-full)
}

// size is a number of bytes for people.
func size(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if n < 1024 {
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f GiB", n)
}
