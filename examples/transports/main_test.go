package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// The measurement starts the program once more, and so the tests have to be it.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	wstest.Main(m)
}

const patience = 10 * time.Second

// running is a server whose events the test publishes.
type running struct {
	*server
	t     *testing.T
	meter *meter
	base  string
	addr  string
	stop  func() // and wait for the end
}

func start(t *testing.T, limit int64) *running {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &running{server: newServer(minRate), t: t, addr: ln.Addr().String(), base: "http://" + ln.Addr().String()}
	r.meter = &meter{Listener: ln, limit: limit}
	r.live(r.meter, http.NotFoundHandler())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.serve(ctx, r.meter, log.New(io.Discard, "", 0)) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended, "to be told to end is no failure")
		require.Zero(t, r.meter.open.Load(), "no connection is left")
	})
	t.Cleanup(r.stop)
	return r
}

func (r *running) wait(sentence string, condition func() bool) {
	r.t.Helper()
	require.Eventually(r.t, condition, patience, time.Millisecond, sentence)
}

// cuttable is a dialler whose connections can be cut.
type cuttable struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (c *cuttable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, addr)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.conns = append(c.conns, nc)
	}
	return nc, err
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, nc := range c.conns {
		nc.Close()
	}
	c.conns = nil
}

// follow runs a client. Got is the id of the last event that it got, and wrong is
// set if that did not follow the one before.
func (r *running) follow(tr transport, d *cuttable) (got *atomic.Int64, wrong *atomic.Bool, stop func()) {
	got, wrong = new(atomic.Int64), new(atomic.Bool)
	f := &follower{base: r.base, interval: 5 * time.Millisecond, requests: new(atomic.Int64), dial: d.dial}
	f.deliver = func(e event) {
		if before := got.Swap(e.ID); before != 0 && e.ID != before+1 {
			wrong.Store(true)
		}
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	var done sync.WaitGroup
	done.Go(func() { f.run(ctx, tr) })
	return got, wrong, func() { cancel(); done.Wait() }
}

// Every transport delivers every event, once and in order, and a client whose
// connection breaks goes on where it was.
func TestDeliversEverythingAcrossReconnects(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			r := start(t, 10)
			var d cuttable
			got, wrong, stop := r.follow(tr, &d)
			defer stop()
			r.wait("the client comes and gets an event", func() bool {
				r.hub.publish()
				return got.Load() > 0
			})
			for range 4 {
				for range 50 {
					r.hub.publish()
				}
				d.cut()
				for range 50 {
					r.hub.publish()
				}
				last := r.hub.latest()
				r.wait("it catches up", func() bool { return got.Load() >= last })
			}
			require.False(t, wrong.Load(), "an event is missing, or came twice")
		})
	}
}

// A page in an iframe grows, so the stream ends at times, and is taken up again.
func TestAStreamWithALimitEnds(t *testing.T) {
	r := start(t, 10)
	for range 6 {
		r.hub.publish()
	}
	f := iframeFormat
	f.limit = 5
	w := &recorder{}
	r.stream(w, request(t, "/iframe?after=0"), new(tally), f)
	require.Equal(t, 6, strings.Count(w.String(), scriptBegin), "what was there at once may be more than the limit")
	require.Contains(t, w.String(), `{"id":1,`)
}

func TestInterruptTellsEverybody(t *testing.T) {
	r := start(t, 10)
	var d cuttable
	stops := []func(){}
	for _, tr := range transports {
		got, _, stop := r.follow(tr, &d)
		stops = append(stops, stop)
		r.wait(tr.name+" follows", func() bool { r.hub.publish(); return got.Load() > 0 })
	}
	begun := time.Now()
	done := make(chan bool)
	go func() { r.stop(); close(done) }()
	<-done
	require.Less(t, time.Since(begun), patience)
	for _, stop := range stops {
		stop()
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	r := start(t, 2)
	var held []net.Conn
	for range 2 {
		nc, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		defer nc.Close()
		held = append(held, nc)
	}
	r.wait("two are in", func() bool { return r.meter.open.Load() == 2 })
	nc, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(patience)))
	_, err = nc.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "a third is closed at once")

	held[0].Close()
	r.wait("there is room again", func() bool {
		resp, err := http.Get(r.base + "/short")
		if err != nil {
			return false
		}
		resp.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		return resp.StatusCode == http.StatusOK
	})
}

func TestRequestsThatAreRefused(t *testing.T) {
	r := start(t, 10)
	defer http.DefaultClient.CloseIdleConnections()
	foreign := http.Header{"Origin": {"https://example.com"}, "Sec-Fetch-Site": {"cross-site"}}
	for _, tt := range []struct {
		name, method, path string
		header             http.Header
		body               io.Reader
		want               int
	}{
		{name: "a cursor that is none", path: "/short?after=x", want: 400},
		{name: "a negative cursor", path: "/long?after=-1", want: 400},
		{name: "the same as an EventSource", path: "/sse", header: http.Header{"Last-Event-Id": {"1e3"}}, want: 400},
		{name: "in a stream", path: "/iframe?after=99999999999999999999", want: 400},
		{name: "in the opening of a WebSocket", path: "/websocket?after=x", want: 400},
		{name: "a WebSocket that is none", path: "/websocket", want: 426},
		{name: "a body", path: "/short", body: strings.NewReader("x"), want: 413},
		{name: "a rate that is no number", method: "POST", path: "/rate?per_second=NaN", want: 400},
		{name: "a foreign page", method: "POST", path: "/rate?per_second=1", header: foreign, want: 403},
		{name: "what is not there", path: "/elsewhere", want: 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, err := http.NewRequest(tt.method, r.base+tt.path, tt.body)
			require.NoError(t, err)
			q.Header = tt.header
			resp, err := http.DefaultClient.Do(q)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, tt.want, resp.StatusCode)
		})
	}
}

// A body that never comes must not hold the connection.
func TestABodyIsNotAwaited(t *testing.T) {
	r := start(t, 10)
	nc, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, "GET /short HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(patience)))
	answer, err := io.ReadAll(nc)
	require.NoError(t, err, "the server ends the connection")
	require.Contains(t, string(answer), "413 Request Entity Too Large")
}

func TestThePage(t *testing.T) {
	r := start(t, 10)
	defer http.DefaultClient.CloseIdleConnections()
	get := func(path string) []byte {
		resp, err := http.Get(r.base + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return body
	}
	require.Equal(t, page, get("/"))
	for _, outside := range []string{`src="http`, `href="http`, "@import", "url(", "import "} {
		require.NotContains(t, string(page), outside, "the page loads nothing from elsewhere")
	}
	for _, tr := range transports {
		require.Contains(t, string(page), `name: "`+tr.name+`"`, "the page knows every transport")
	}

	var micros int64
	require.NoError(t, json.Unmarshal(get("/clock"), &micros))
	require.WithinDuration(t, time.Now(), time.UnixMicro(micros), patience)

	resp, err := http.Post(r.base+"/rate?per_second=1000000", "", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	var s stats
	require.NoError(t, json.Unmarshal(get("/stats"), &s))
	require.Equal(t, maxRate, s.Rate, "a rate keeps within the limits")
	require.Len(t, s.Transports, len(transports))
}

func TestStartsOnlyWhenItCan(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, args := range map[string][]string{
		"unknown flag":       {"-no-such-flag"},
		"address in use":     {"-addr", taken.Addr().String()},
		"no rate":            {"-rate", "0"},
		"rate is no number":  {"-rate", "NaN"},
		"no clients":         {"-headless", "-clients", "0"},
		"too many clients":   {"-headless", "-clients", "1001"},
		"no time":            {"-headless", "-duration", "1ms"},
		"too short to poll":  {"-headless", "-interval", "0"},
		"unknown transport":  {"-load", "pigeon"},
		"arguments that are": {"-rate"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), args, new(bytes.Buffer), io.Discard, io.Discard))
		})
	}
}

func TestRunServesUntilItIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	log, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0"}, nil, io.Discard, w)
	}()
	line := make([]byte, 100)
	n, err := log.Read(line)
	require.NoError(t, err)
	_, url, found := strings.Cut(strings.TrimSpace(string(line[:n])), "listening on ")
	require.True(t, found, "the first line says where it listens")
	resp, err := http.Get(url)
	require.NoError(t, err)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	interrupt()
	require.NoError(t, <-ended, "an interrupt is no failure")
}
