package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A short measurement, with processes of its own as always.
func TestHeadlessMeasuresEveryTransport(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-headless", "-json", "-clients", "3", "-rate", "50", "-duration", "500ms", "-interval", "50ms"}
	require.NoError(t, run(t.Context(), args, nil, &out, t.Output()))
	var rows []row
	require.NoError(t, json.Unmarshal(out.Bytes(), &rows))
	require.Len(t, rows, len(transports))
	_, knowsCPU := cpuTime()
	for i, r := range rows {
		require.Equal(t, transports[i].name, r.Name)
		require.Positive(t, r.Messages, r.Name)
		require.Positive(t, r.Median, r.Name)
		require.GreaterOrEqual(t, r.P99, r.Median, r.Name)
		require.Greater(t, r.Out, 40., "%s: an event is that long", r.Name)
		require.Equal(t, knowsCPU, r.CPU >= 0, r.Name)
		polls := r.Name == "short" || r.Name == "long"
		require.Equal(t, polls, r.In > 0, "%s: who polls sends something for it", r.Name)
		require.Equal(t, polls, r.Requests > 0, r.Name)
	}

	var table bytes.Buffer
	require.NoError(t, writeTable(&table, plan{}, rows))
	for _, r := range rows {
		require.Contains(t, table.String(), r.Title)
	}
	for _, m := range measures {
		require.Contains(t, table.String(), "  "+m.name)
	}
}

func TestMeasurementEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := measure(ctx, plan{duration: time.Minute, interval: time.Second, rate: 1, clients: 1})
	require.Error(t, err)
	require.Less(t, time.Since(begun), patience)
}

func TestVerdict(t *testing.T) {
	latency := measures[0]
	of := func(ws, sse, long, short float64) []row {
		return []row{
			{Name: "short", Title: "Short polling", Median: short}, {Name: "long", Title: "Long polling", Median: long},
			{Name: "iframe", Title: "Iframe stream", Median: 0}, // not in the claim
			{Name: "sse", Title: "Server-Sent Events", Median: sse}, {Name: "websocket", Title: "WebSocket", Median: ws},
		}
	}
	for _, tt := range []struct {
		rows []row
		want string
	}{
		{of(1, 2, 3, 4), "held (1.00, 2.00, 3.00, 4.00 ms)"},
		{of(0, 0, 3, 4), "held (0.00, 0.00, 3.00, 4.00 ms)"},
		{of(1, 1.05, 3, 4), "held; too close to tell: WebSocket and Server-Sent Events (1.00, 1.05, 3.00, 4.00 ms)"},
		{of(1.05, 1, 3, 4), "held; too close to tell: WebSocket and Server-Sent Events (1.05, 1.00, 3.00, 4.00 ms)"},
		{of(1, 2, 4, 3), "did not hold: Short polling is better than Long polling (1.00, 2.00, 4.00, 3.00 ms)"},
		{of(2, 1, 4, 3), "did not hold: Server-Sent Events is better than WebSocket, Short polling is better than Long polling (2.00, 1.00, 4.00, 3.00 ms)"},
		{of(-1, 2, 3, 4), "not measured here"},
		{nil, "not measured here"},
	} {
		require.Equal(t, tt.want, verdict(tt.rows, latency))
	}
}

func TestLatencies(t *testing.T) {
	l := new(latencies)
	require.Zero(t, l.quantile(0.5), "of nothing")
	for ms := range 100 {
		l.add(time.Duration(ms+1) * time.Millisecond)
	}
	for q, want := range map[float64]float64{0.01: 1, 0.5: 50, 0.99: 99, 1: 100} {
		got := milliseconds(l.quantile(q))
		require.Less(t, math.Abs(got-want)/want, 0.01, "%v: %v is not %v", q, got, want)
	}
	l.add(-time.Second) // clocks are set
	l.add(time.Hour)
	require.Less(t, l.quantile(0), 2*time.Microsecond)
	require.Greater(t, l.quantile(1), time.Minute)
}

func TestLoadObeys(t *testing.T) {
	for _, tt := range []struct{ say, answers, err string }{
		{say: "", answers: ""},
		{say: "begin\n", answers: "begun\n"},
		{say: "end\n", err: "end came before begin"},
		{say: "jump\n", err: `"jump" is no command`},
	} {
		var out bytes.Buffer
		err := (&load{out: &out}).obey(bufio.NewScanner(strings.NewReader(tt.say)))
		if tt.err != "" {
			require.EqualError(t, err, tt.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tt.answers, out.String())
	}
	var out bytes.Buffer
	require.NoError(t, (&load{out: &out}).obey(bufio.NewScanner(strings.NewReader("begin\nend\n"))))
	require.True(t, strings.HasPrefix(out.String(), "begun\n{"), out.String())
}

// When the program that measures has gone, so do its clients, whatever they wait
// for.
func TestLoadEndsWithItsInput(t *testing.T) {
	p := plan{interval: time.Second, clients: 3}
	for _, tr := range transports {
		require.NoError(t, drive(t.Context(), tr, "http://127.0.0.1:1", p, new(bytes.Buffer), new(bytes.Buffer)))
	}
}
