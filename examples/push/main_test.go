package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

// beProgram, in the environment, has the test program be the program: it is what starts
// itself for the clients.
const beProgram = "PUSH_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
		return
	}
	wstest.Main(m)
}

// program is a running server.
type program struct {
	t    *testing.T
	addr string
	log  *bufio.Scanner
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, args ...string) *program {
	t.Setenv(beProgram, "yes")
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &program{t: t, log: bufio.NewScanner(r), stop: stop, done: make(chan error, 1)}
	go func() {
		p.done <- run(ctx, append([]string{"-addr", "127.0.0.1:0", "-every", "20ms"}, args...), nil, w)
		w.Close()
	}()
	t.Cleanup(func() {
		stop()
		io.Copy(io.Discard, r)
	})
	p.addr = strings.Trim(p.logs("listening on http://"), "/")
	return p
}

// logs returns what stands behind that text in the next line that has it.
func (p *program) logs(text string) string {
	p.t.Helper()
	for p.log.Scan() {
		if _, rest, found := strings.Cut(p.log.Text(), text); found {
			return rest
		}
	}
	require.Fail(p.t, "the program ends and does not log "+text)
	return ""
}

func (p *program) dial() *conn.Conn {
	c, err := conn.Dial(p.t.Context(), "ws://"+p.addr+"/ws", &conn.DialOptions{
		Header: http.Header{"Origin": {"http://" + p.addr}}, // as the page does
	})
	require.NoError(p.t, err)
	p.t.Cleanup(func() { c.CloseNow() })
	return c
}

func read(t *testing.T, c *conn.Conn) []sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := conn.ReadJSON[[]sample](ctx, c)
	require.NoError(t, err)
	return got
}

func requirePlausible(t *testing.T, s sample) {
	t.Helper()
	require.WithinDuration(t, time.Now(), time.UnixMilli(s.Time), time.Minute)
	for _, p := range []float64{s.CPU, s.OwnCPU} {
		require.GreaterOrEqual(t, p, 0.0)
		require.LessOrEqual(t, p, 100.0)
	}
	require.Greater(t, s.Own, uint64(1<<20), "a Go program takes more than a MiB")
	require.Greater(t, s.Used, uint64(1<<20))
	require.LessOrEqual(t, s.Used, s.Total)
	require.GreaterOrEqual(t, s.Messages, 0.0)
	require.GreaterOrEqual(t, s.Bytes, s.Messages, "a sample is longer than a byte")
	if runtime.GOOS == "linux" {
		require.Equal(t, "machine", s.Scope)
		require.Less(t, s.Own, s.Total)
	}
}

// 300 clients in a second process, and one here that reads what they cost.
func TestManyClients(t *testing.T) {
	p := start(t, "-clients", "300")
	require.Regexp(t, `^[\d.]+m?s, 0 have failed`, p.logs("300 connections more after "))
	c := p.dial()
	var s sample
	for s.Messages < 300 || s.Conns != 301 {
		got := read(t, c)
		require.Len(t, got, 1)
		require.Greater(t, got[0].Time, s.Time, "a later one")
		s = got[0]
		requirePlausible(t, s)
	}
	require.Greater(t, s.Writes, 0.0)
	require.Less(t, s.ConnBytes, 1e6)
	if runtime.GOOS == "linux" || runtime.GOOS == "darwin" {
		require.Less(t, s.Goroutines, 150, "a connection has no goroutine")
	}

	p.stop()
	for {
		if _, _, err := c.Read(t.Context()); err != nil {
			require.Equal(t, conn.StatusGoingAway, conn.CloseStatus(err))
			break
		}
	}
	p.logs("all have left but 0")
	require.NoError(t, <-p.done, "it ends when the second process has")
}

func TestHistory(t *testing.T) {
	p := start(t)
	c := p.dial()
	for range 5 {
		require.Len(t, read(t, c), 1)
	}
	require.NoError(t, c.Write(t.Context(), conn.Text, []byte("history")))
	got := read(t, c)
	for len(got) == 1 { // that was on its way
		got = read(t, c)
	}
	require.GreaterOrEqual(t, len(got), 5)
	for i, s := range got[1:] {
		require.Greater(t, s.Time, got[i].Time)
		requirePlausible(t, s)
	}

	require.NoError(t, c.Write(t.Context(), conn.Text, []byte("rm -rf /")))
	for {
		if _, _, err := c.Read(t.Context()); err != nil {
			require.Equal(t, conn.StatusPolicyViolation, conn.CloseStatus(err))
			break
		}
	}
}

// A client that does not read misses what is old, and holds up nobody.
func TestSlowClient(t *testing.T) { synctest.Test(t, testSlowClient) }

func testSlowClient(t *testing.T) {
	h := &hub{events: &conn.Server{}}
	slow, toSlow := conn.Pipe(nil, &config)
	quick, toQuick := conn.Pipe(nil, &config)
	h.Open(toSlow)
	h.Open(toQuick)
	const n = 2000
	for i := range n {
		require.Equal(t, 2, h.publish(sample{Time: int64(i)}))
		require.EqualValues(t, i, read(t, quick)[0].Time, "it misses nothing")
		synctest.Wait() // until the socket has taken what it takes
	}
	require.LessOrEqual(t, toSlow.Stats().Backlog, config.Backlog)
	dropped := int(toSlow.Stats().Dropped)
	require.Positive(t, dropped)
	require.Len(t, h.history, historySize)
	last := int64(-1)
	for range n - dropped {
		s := read(t, slow)[0]
		require.Greater(t, s.Time, last, "in their order")
		last = s.Time
	}
	require.EqualValues(t, n-1, last, "the oldest were dropped, the newest has come")
	require.Equal(t, 2, h.publish(sample{Time: n}))
	require.EqualValues(t, n, read(t, slow)[0].Time, "it has caught up")
	for _, c := range []*conn.Conn{slow, toSlow, quick, toQuick} {
		c.CloseNow()
		<-c.Done()
	}
	h.Close(toSlow, nil)
	require.EqualValues(t, dropped, h.stats().Dropped, "what has been is not forgotten")
	require.Zero(t, h.stats().Backlog)
}

func TestWhoMayWatch(t *testing.T) {
	p := start(t, "-max", "1")
	var refused *handshake.Error
	_, err := conn.Dial(t.Context(), "ws://"+p.addr+"/ws", &conn.DialOptions{Header: http.Header{"Origin": {"https://foe.example"}}})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusForbidden, refused.Status, "a page of another site")
	p.dial()
	_, err = conn.Dial(t.Context(), "ws://"+p.addr+"/ws", nil)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status, "one at a time")
}

func TestPage(t *testing.T) {
	p := start(t)
	resp, err := http.Get("http://" + p.addr)
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, page, body)
	require.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	for _, outside := range []string{`src="`, `href="http`, "@import", "url(", "import ", "fetch("} {
		require.NotContains(t, string(page), outside, "the page is one file that loads no other")
	}
	// What the page shows of a sample is there.
	var fields map[string]any
	text, _ := json.Marshal(sample{})
	require.NoError(t, json.Unmarshal(text, &fields))
	for name := range fields {
		require.Contains(t, string(page), "s."+name, "a field of a sample")
	}
}

func TestParse(t *testing.T) {
	busy, all := parseStat("cpu  10 2 30 400 50 6 7 8 9 1\ncpu0 1 2\n")
	require.Equal(t, []float64{63, 513}, []float64{busy, all}, "without idle, iowait, and guests, who are users already")
	used, total := parseMeminfo("MemTotal:  4000 kB\nMemFree: 1 kB\nMemAvailable: 3000 kB\nHugePages: 0\n")
	require.Equal(t, []uint64{1000 << 10, 4000 << 10}, []uint64{used, total})
	require.Equal(t, 0.37, parseSelfStat("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 7 0 0"))
	require.EqualValues(t, 3*os.Getpagesize(), parseStatm("9 3 1 1 0 1 0\n"))

	for _, text := range []string{"", "cpu", "cpu a b c d e f", "\n\n", "1 2", "MemAvailable: 1 kB", ") S"} {
		busy, all := parseStat(text)
		used, total := parseMeminfo(text)
		require.Zero(t, busy+all+parseSelfStat(text), text)
		require.Zero(t, used+total, text)
	}
}

// Where there is no /proc.
func TestOfRuntime(t *testing.T) {
	u := ofRuntime()
	require.Equal(t, "process", u.scope)
	require.Greater(t, u.own, uint64(1<<20))
	require.LessOrEqual(t, u.used, u.total)
	require.GreaterOrEqual(t, u.ownCPU, 0.0)
}

func TestMeter(t *testing.T) {
	var m meter
	now := time.Now()
	first := m.sample(now, conn.Stats{MessagesSent: 50}, 0)
	require.Zero(t, first.Messages, "there is no time before the first")
	s := m.sample(now.Add(2*time.Second), conn.Stats{MessagesSent: 250, BytesSent: 8000, Writes: 100}, 1)
	require.Equal(t, []float64{100, 4000, 50}, []float64{s.Messages, s.Bytes, s.Writes}, "a second")
	s = m.sample(now.Add(3*time.Second), conn.Stats{MessagesSent: 200}, 1)
	require.Zero(t, s.Messages, "no rate is negative")
}

func TestStartsOnlyWhenItCan(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag": {"-no-such-flag"},
		"no address":   {"-addr", "nowhere"},
	} {
		require.Error(t, run(t.Context(), args, nil, io.Discard), name)
	}
	// A second process that finds no server says so and ends.
	var logged strings.Builder
	require.NoError(t, run(t.Context(), []string{"-watch", "ws://127.0.0.1:1/", "-clients", "2"}, strings.NewReader(""), &logged))
	require.Contains(t, logged.String(), "0 connections more after ")
}
