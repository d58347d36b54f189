package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// writeTable prints what was measured, for people.
func writeTable(w io.Writer, p plan, rows []row) error {
	fmt.Fprintf(w, "%d clients, %v events a second, %v for each transport, short polling every %v\n\n",
		p.clients, p.rate, p.duration, p.interval)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\tlatency\tp99\tbytes\tbytes\trequests\tCPU µs\tmemory KiB\t")
	fmt.Fprintln(tw, "\tmedian ms\tms\tdown/msg\tup/msg\t/s/client\t/msg\t/client\t")
	for _, r := range rows {
		cpu := "?"
		if r.CPU >= 0 {
			cpu = fmt.Sprintf("%.1f", r.CPU)
		}
		fmt.Fprintf(tw, "%s\t%.2f\t%.2f\t%.1f\t%.1f\t%.2f\t%s\t%.1f\t\n",
			r.Title, r.Median, r.P99, r.Out, r.In, r.Requests, cpu, r.Memory)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nBytes are those of TCP, HTTP headers included, counted by the clients; the opening of a stream is not in them.")
	fmt.Fprintln(w, "CPU is user and system time of the server alone, less that of a server without clients; memory is heap and stacks.")
	fmt.Fprintln(w, "\nIs it WebSocket before Server-Sent Events before long polling before short polling? In this run:")
	for _, m := range measures {
		fmt.Fprintf(w, "  %-16s %s\n", m.name, verdict(rows, m))
	}
	return nil
}

// claimed is the order that is to be held against the figures, the best first.
var claimed = []string{webSocket.name, serverSentEvents.name, longPolling.name, shortPolling.name}

// measureOf is a figure of which less is better.
type measureOf struct {
	name, unit string
	of         func(r row) float64
}

var measures = []measureOf{
	{"latency, median", "ms", func(r row) float64 { return r.Median }},
	{"latency, p99", "ms", func(r row) float64 { return r.P99 }},
	{"bytes a message", "B", func(r row) float64 { return r.Out + r.In }},
	{"requests", "/s", func(r row) float64 { return r.Requests }},
	{"server CPU", "µs", func(r row) float64 { return r.CPU }},
	{"server memory", "KiB", func(r row) float64 { return r.Memory }},
}

// noise is by how much two figures of one short run may differ and still be
// called equal.
const noise = 1.1

// verdict says whether the claimed order held, where it did not, and what was
// too close to tell.
func verdict(rows []row, m measureOf) string {
	var broken, close, values []string
	var before *row
	for _, name := range claimed {
		i := slices.IndexFunc(rows, func(r row) bool { return r.Name == name })
		if i < 0 || m.of(rows[i]) < 0 {
			return "not measured here"
		}
		r := &rows[i]
		values = append(values, fmt.Sprintf("%.2f", m.of(*r)))
		if before != nil {
			better, worse := m.of(*before), m.of(*r)
			pair := fmt.Sprintf("%s and %s", before.Title, r.Title)
			switch {
			case better > worse*noise:
				broken = append(broken, fmt.Sprintf("%s is better than %s", r.Title, before.Title))
			case better*noise > worse && worse > 0:
				close = append(close, pair)
			}
		}
		before = r
	}
	text := "held"
	if len(broken) > 0 {
		text = "did not hold: " + strings.Join(broken, ", ")
	}
	if len(close) > 0 {
		text += "; too close to tell: " + strings.Join(close, ", ")
	}
	return fmt.Sprintf("%s (%s %s)", text, strings.Join(values, ", "), m.unit)
}
