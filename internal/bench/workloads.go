//go:build linux

package main

import (
	"fmt"

	"github.com/parleyws/websocket/internal/bench/corpus"
	"github.com/parleyws/websocket/internal/bench/peers"
	"github.com/parleyws/websocket/internal/bench/report"
)

// A workload is what clients do.
type workload struct {
	report.Workload
	size     int // of the messages, in bytes
	conns    int
	inFlight int
	text     *corpus.Kind // nil: binary messages
	compress bool
}

// workloads are all there are, in the order of the report.
func workloads() (list []workload) {
	for _, conns := range []int{1, 64, 1000} {
		for _, size := range []int{16, 125, 1 << 10, 16 << 10, 256 << 10} {
			list = append(list, echo(size, conns))
		}
	}
	return append(list,
		texts("ascii", "ASCII text", corpus.Chat()),
		texts("chinese", "Chinese text", corpus.Chinese()),
		inFlight(),
		compressed(1<<10), compressed(64<<10),
		broadcast(1000), broadcast(5000),
		workload{
			Workload: report.Workload{Name: "handshake", Says: "open, upgrade, close", Unit: report.Handshake},
			conns:    16,
		},
		workload{
			Workload: report.Workload{Name: "idle", Says: "10,000 idle connections", Unit: report.Connection},
			size:     125, conns: 10_000,
		},
	)
}

func echo(size, conns int) workload {
	return workload{
		Workload: report.Workload{
			Name: fmt.Sprintf("echo-%s-%d", shortSize(size), conns),
			Says: fmt.Sprintf("echo, %s, %s", sizeName(size), connections(conns)),
			Unit: report.Message,
		},
		size: size, conns: conns,
	}
}

func texts(name, says string, kind corpus.Kind) workload {
	w := echo(1<<10, 64)
	w.Name, w.Says, w.text = name, "echo, 1 KiB of "+says+", "+connections(64), &kind
	return w
}

func inFlight() workload {
	w := echo(125, 64)
	w.Name, w.Says, w.inFlight = "inflight", "echo, 125 B, "+connections(64)+", 16 in flight", 16
	return w
}

func compressed(size int) workload {
	kind, w := corpus.Document(), echo(size, 64)
	w.Name, w.Says = "deflate-"+shortSize(size), "echo, deflated JSON, "+sizeName(size)+", "+connections(64)
	w.text, w.compress, w.Deflated = &kind, true, true
	return w
}

func broadcast(conns int) workload {
	return workload{
		Workload: report.Workload{
			Name: fmt.Sprintf("broadcast-%d", conns),
			Says: fmt.Sprintf("broadcast, 1 KiB, %s", connections(conns)),
			Unit: report.Delivery,
		},
		size: 1 << 10, conns: conns,
	}
}

// messages returns what is sent: enough different ones to be in flight.
func (w *workload) messages() [][]byte {
	kind, n := corpus.Chat(), 16
	if w.text != nil {
		kind = *w.text
	}
	if w.size >= 64<<10 {
		n = 4
	}
	return kind.Messages(max(n, w.inFlight), w.size)
}

// task is what the server has to do.
func (w *workload) task() *peers.Task {
	t := &peers.Task{Broadcast: w.Unit == report.Delivery, Text: w.text != nil, Compress: w.compress, Size: w.size}
	if w.Unit == report.Connection {
		t.Size = 0 // the defaults
	}
	return t
}

// fits reports whether a peer can do it. The memory of the limit would be that
// of a buffer, whose size is anybody's choice.
func (w *workload) fits(p peers.Peer) bool {
	return (!w.compress || p.Compresses) && (w.Unit != report.Connection || !p.Raw)
}

func shortSize(n int) string {
	if n >= 1<<10 {
		return fmt.Sprintf("%dk", n>>10)
	}
	return fmt.Sprint(n)
}

func sizeName(n int) string {
	if n >= 1<<10 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

func connections(n int) string {
	switch {
	case n == 1:
		return "1 connection"
	case n >= 1000:
		return fmt.Sprintf("%d,%03d connections", n/1000, n%1000)
	}
	return fmt.Sprintf("%d connections", n)
}
