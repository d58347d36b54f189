package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestExitStatusSaysHowTheConnectionEnded(t *testing.T) {
	for name, tt := range map[string]struct {
		code   conn.StatusCode
		why    string
		status int
		stderr string
	}{
		"1000": {1000, "", exitOK, "ended: 1000 normal closure\n"},
		"1001": {1001, "see you", exitOK, "ended: 1001 going away \"see you\"\n"},
		"1005": {1005, "", exitOK, "ended: 1005 no status received\n"},
		"1011": {1011, "", exitClosed, "wscat: the peer closed with 1011 internal error"},
		"4000": {4000, "\x1b[2J", exitClosed, `\x1b[2J`},
	} {
		t.Run(name, func(t *testing.T) {
			url := serveWS(t, nil, closeAfterOne(tt.code, tt.why))
			status, _, stderr := runToEnd(t, "hello\n", "-wait", "-1s", url)
			require.Equal(t, tt.status, status, stderr)
			require.Contains(t, stderr, tt.stderr)
			require.NotContains(t, stderr, "\x1b")
		})
	}
}

func TestExitStatusWithoutACloseFrame(t *testing.T) {
	p, peer := scripted(t, newOutput(false), newOutput(false), nil)
	peer.Close()
	require.Equal(t, exitClosed, p.wait())
	require.Contains(t, p.err.String(), "without a Close frame")
}

func TestExitStatusOfALocalClose(t *testing.T) {
	for name, tt := range map[string]struct {
		command string
		want    wstest.Frame
	}{
		"by itself":     {"/close", wstest.Close(1000, "")},
		"with a code":   {"/close 4321", wstest.Close(4321, "")},
		"with a reason": {"/close 3000 so long", wstest.Close(3000, "so long")},
	} {
		t.Run(name, func(t *testing.T) {
			p, peer := scripted(t, newOutput(false), newOutput(false), nil, "-commands")
			p.typeLines(tt.command)
			peer.Want("the code and reason of the user", tt.want)
			peer.Send(tt.want)
			peer.CloseWrite()
			require.Equal(t, exitOK, p.wait(), "whatever code the user chooses is a normal end")
		})
	}
}

func TestExitStatusIsThatOfWhoClosedFirst(t *testing.T) {
	p, peer := scripted(t, newOutput(false), newOutput(false), strings.NewReader(""), "-wait", "0s")
	peer.Want("input has ended", wstest.Close(1000, ""))
	peer.Send(wstest.Close(1013, "busy"))
	peer.CloseWrite()
	require.Equal(t, exitOK, p.wait(), "it has ended well before the server had a say")
}

func TestExitStatusOfFewerMessagesThanAskedFor(t *testing.T) {
	status, _, stderr := runToEnd(t, "", "-x", "hello", serveWS(t, nil, closeAfterOne(1000, "")))
	require.Equal(t, exitClosed, status)
	require.Contains(t, stderr, "the connection has ended after 0 of 1 message")
}

func TestExitStatusOfARefusal(t *testing.T) {
	url := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Reason", "tea")
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte("no \x1b[31mcoffee\x1b[0m here\n" + strings.Repeat("x", 5000)))
	}))
	status, stdout, stderr := runToEnd(t, "", "-v", url)
	require.Equal(t, exitRefused, status)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "status 418")
	require.Contains(t, stderr, "< HTTP/1.1 418 I'm a teapot\n")
	require.Contains(t, stderr, "< X-Reason: tea\n")
	require.Contains(t, stderr, `no \x1b[31mcoffee\x1b[0m here`+"\n", "the body tells why, and gives the terminal no orders")
	require.Less(t, len(stderr), 2500, "an excerpt of it")
}

func TestExitStatusWithoutAServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln.Close()
	status, _, stderr := runToEnd(t, "", ln.Addr().String())
	require.Equal(t, exitUnreachable, status, stderr)
}

func TestExitStatusOfTimeouts(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	for name, args := range map[string][]string{
		"-connect-timeout": {"-connect-timeout", "20ms", silent.Addr().String()},
		"while connecting": {"-timeout", "20ms", silent.Addr().String()},
		"while waiting":    {"-timeout", "50ms", "-n", "1", serveWS(t, nil, echo)},
		"with -listen":     {"-timeout", "20ms", "-listen", "127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := runToEnd(t, "", args...)
			require.Equal(t, exitTimeout, status, stderr)
		})
	}
}

func TestInterruptLeavesWith1001(t *testing.T) {
	p, peer := scripted(t, newOutput(false), newOutput(false), nil)
	p.wantIn(p.err, "connected")
	p.interrupt()
	peer.Want("the user has gone", wstest.Close(frame.StatusGoingAway, ""))
	peer.Send(wstest.Close(frame.StatusGoingAway, ""))
	peer.CloseWrite()
	require.Equal(t, exitInterrupted, p.wait())
}

func TestInterruptWhileConnecting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	p := start(t, nil, silent.Addr().String())
	nc, err := silent.Accept()
	require.NoError(t, err)
	defer nc.Close()
	p.interrupt()
	require.Equal(t, exitInterrupted, p.wait())
}

func TestUsage(t *testing.T) {
	url := serveWS(t, nil, func(ctx context.Context, c *conn.Conn) error { return echo(ctx, c) })
	for name, tt := range map[string]struct {
		args   []string
		stdin  string
		stderr string
	}{
		"no URL":                    {nil, "", "one URL is wanted, and there are 0"},
		"two URLs":                  {[]string{"a", "b"}, "", "there are 2"},
		"a URL and -listen":         {[]string{"-listen", ":0", url}, "", "there is no URL"},
		"no such flag":              {[]string{"-nope", url}, "", "-nope"},
		"a flag after the URL":      {[]string{url, "-nope"}, "", "-nope"},
		"a header without a colon":  {[]string{"-H", "nope", url}, "", "Name: value"},
		"-echo without -listen":     {[]string{"-echo", url}, "", "-echo is for -listen"},
		"-x with -listen":           {[]string{"-listen", ":0", "-x", "a"}, "", "-x is for the client"},
		"-ping with -listen":        {[]string{"-listen", ":0", "-ping", "1s"}, "", "-ping is for the client"},
		"pings before they are due": {[]string{"-ping", "-1s", url}, "", "not -1s"},
		"-raw and -commands":        {[]string{"-raw", "-commands", url}, "", "opposites"},
		"fewer than no messages":    {[]string{"-n", "-1", url}, "", "not -1"},
		"no URL at all":             {[]string{"ws://"}, "", "no URL to connect to"},
		"-ca is no file":            {[]string{"-ca", "nope.pem", url}, "", "-ca: "},
		"-ca has no certificate":    {[]string{"-ca", "exit_test.go", url}, "", "no certificate"},
		"-cert is no file":          {[]string{"-cert", "nope.pem", url}, "", "-cert and -key: "},
		"an address in -listen":     {[]string{"-listen", "nope:nope"}, "", "-listen: "},
		"-listen without its key":   {[]string{"-listen", "127.0.0.1:0", "-cert", "nope.pem"}, "", "-cert and -key: "},
		"a line that is not hex":    {[]string{"-binary", url}, "0g\n", "not hex"},
		"a line that is not UTF-8":  {[]string{url}, "a\xff\n", "not UTF-8"},
		"-x is not hex":             {[]string{"-binary", "-x", "0", url}, "", "not hex"},
		"no such command":           {[]string{"-commands", url}, "/nope\n", "no command /nope"},
		"a file that is not there":  {[]string{"-commands", url}, "/file nope\n", "/file: "},
		"a code that is never sent": {[]string{"-commands", url}, "/close 1006\n", "1006 is no code"},
		"a code that is no number":  {[]string{"-commands", url}, "/close now\n", "now is no code"},
		"bench without a URL":       {[]string{"bench"}, "", "one URL is wanted"},
		"bench with nobody":         {[]string{"bench", "-c", "0", url}, "", "-c and -d"},
		"bench with no such flag":   {[]string{"bench", "-nope", url}, "", "-nope"},
		"bench of text and binary":  {[]string{"bench", "-text", "-binary", url}, "", "opposites"},
		"bench at a rate of NaN":    {[]string{"bench", "-rate", "NaN", url}, "", "-rate"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := runToEnd(t, tt.stdin, tt.args...)
			require.Equal(t, exitUsage, status, stderr)
			require.Contains(t, stderr, tt.stderr)
			require.Empty(t, stdout)
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"-help"}, {"bench", "-h"}} {
		status, stdout, stderr := runToEnd(t, "", args...)
		require.Equal(t, exitOK, status)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "usage: wscat")
		require.Contains(t, stderr, "-insecure")
	}
}

func TestACloseThatComesTooLate(t *testing.T) {
	client, server := conn.Pipe(nil, nil)
	defer client.CloseNow()
	closed := make(chan error, 1)
	go func() { closed <- server.Close(conn.StatusInternalError, "oops") }()
	_, _, err := client.Read(within(t))
	require.Error(t, err)
	require.NoError(t, <-closed)

	stderr := newOutput(false)
	late := &session{c: client, o: &options{}, s: newScreen(newOutput(false), stderr)}
	require.ErrorIs(t, late.close(conn.StatusNormalClosure, ""), &conn.CloseError{Code: conn.StatusInternalError})
	require.Equal(t, "* the connection has ended: 1011 internal error \"oops\"\n", stderr.String(), "it was the server that ended it")
}
