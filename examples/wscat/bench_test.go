package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

func TestBench(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		load string
	}{
		"closed loop": {[]string{"-c", "3", "-size", "1000", "-d", "100ms", "-binary"}, "3 connections, 1000 bytes of BINARY for 100ms, closed loop"},
		"open loop":   {[]string{"-c", "3", "-rate", "500", "-d", "100ms"}, "3 connections, 125 bytes of TEXT for 100ms, open loop: 500 messages a second"},
		"compressed":  {[]string{"-c", "1", "-rate", "100", "-d", "100ms", "-deflate", "-size", "4096"}, "1 connection, 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serveWS(t, &conn.AcceptOptions{Config: conn.Config{Compression: &conn.Compression{}}}, echo)
			status, stdout, stderr := runToEnd(t, "", append(append([]string{"bench"}, tt.args...), url)...)
			require.Equal(t, exitOK, status, stderr)
			require.Contains(t, stdout, tt.load)
			for _, line := range []string{
				`answers     \d+ in \d+\.\d\d s`, `throughput  \d+ messages/s, \S+ [KM]?i?B/s each way`,
				`errors      0 without an answer, 0 that were no echo`, `mean \S+s`,
				`p50 +\S+s`, `p90 +\S+s`, `p99 +\S+s`, `p99\.9 +\S+s`, `max +\S+s`, `≤ +\S+  [█▏▎▍▌▋▊▉]+ +\d+\.\d\d %  \d+`,
			} {
				require.Regexp(t, line, stdout)
			}
			require.NotContains(t, stdout+stderr, "\x1b", "it is no terminal")
		})
	}
}

func TestBenchShowsProgressOnATerminal(t *testing.T) {
	p := startOn(t, newOutput(false), newOutput(true), strings.NewReader(""), "bench", "-c", "1", "-rate", "20", "-d", "450ms", serveWS(t, nil, echo))
	require.Equal(t, exitOK, p.wait())
	require.Regexp(t, "\r\x1b\\[K[█▏▎▍▌▋▊▉]+ +\\d+ %  \\d+ answers, \\d+/s, p99 \\S+s", p.err.String())
	require.True(t, strings.HasSuffix(p.err.String(), "\r\x1b[K"), "the line is taken away in the end")
}

func TestBenchExitStatus(t *testing.T) {
	refuse := serveHTTP(t, http.NotFoundHandler())
	drop := serveWS(t, nil, func(ctx context.Context, c *conn.Conn) error {
		_, _, err := c.Read(ctx)
		c.CloseNow()
		return err
	})
	for name, tt := range map[string]struct {
		url    string
		status int
		stderr string
	}{
		"refused":                 {refuse, exitRefused, "status 404"},
		"connections are dropped": {drop, exitClosed, "without an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := runToEnd(t, "", "bench", "-c", "3", "-rate", "100", "-d", "50ms", tt.url)
			require.Equal(t, tt.status, status, stderr)
			require.Contains(t, stderr, tt.stderr)
		})
	}
}

func TestBenchIsInterrupted(t *testing.T) {
	p := start(t, nil, "bench", "-c", "2", "-rate", "100", "-d", "1h", serveWS(t, nil, echo))
	p.wantIn(p.err, "2 connections in")
	p.interrupt()
	require.Equal(t, exitInterrupted, p.wait())
	require.Contains(t, p.out.String(), "throughput", "what is known by then is reported")
	require.Regexp(t, `errors      \d{1,3} without an answer`, p.out.String(), "what was not due by then is not missed")
}
