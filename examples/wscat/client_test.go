package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestLinesBecomeMessages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.WriteFile(file, []byte{1, 2, '\n'}, 0o600))
	for name, tt := range map[string]struct {
		args  []string
		stdin string
		want  []wstest.Frame
	}{
		"text": {nil, "one\n\n世界", []wstest.Frame{wstest.Text("one"), wstest.Text(""), wstest.Text("世界")}},
		"a carriage return before the newline is of the line's end": {nil, "one\r\n", []wstest.Frame{wstest.Text("one")}},
		"data in a pipe gives no commands":                          {nil, "/file /etc/passwd\n", []wstest.Frame{wstest.Text("/file /etc/passwd")}},
		"binary":                                                    {[]string{"-binary"}, "00 FF\n\n", []wstest.Frame{wstest.Binary([]byte{0, 255}), wstest.Binary(nil)}},
		"-x":                                                        {[]string{"-x", "/ping"}, "not read\n", []wstest.Frame{wstest.Text("/ping")}},
		"-x of nothing":                                             {[]string{"-x", ""}, "", []wstest.Frame{wstest.Text("")}},
		"-x in hex":                                                 {[]string{"-binary", "-x", "0001"}, "", []wstest.Frame{wstest.Binary([]byte{0, 1})}},
		"commands": {[]string{"-commands"}, "/hex 0a 0B\n/text /slash\n/file " + file + "\nplain\n/text\n", []wstest.Frame{
			wstest.Binary([]byte{10, 11}), wstest.Text("/slash"), wstest.Binary([]byte{1, 2, '\n'}), wstest.Text("plain"), wstest.Text(""),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, peer := scripted(t, newOutput(false), newOutput(false), strings.NewReader(tt.stdin), tt.args...)
			peer.Want("a message for every line", tt.want...)
			peer.Send(wstest.Close(1000, ""))
			p.wantIn(p.err, "ended")
			peer.CloseWrite()
			p.wait()
		})
	}
}

func TestAtATerminal(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	p, peer := scripted(t, newOutput(true), newOutput(true), keyboard{r})
	p.in = w
	p.wantIn(p.err, "/help lists")
	p.typeLines("/help", "/nope", "/text /x")
	peer.Want("a mistake at a terminal is told, and sends nothing", wstest.Text("/x"))
	p.wantIn(p.err, "/file PATH")
	p.wantIn(p.err, "there is no command /nope")

	p.typeLines("/ping")
	ping := peer.Next("a ping")
	peer.Send(wstest.Pong(string(ping.Payload)))
	p.wantIn(p.err, "pong after ")

	p.typeLines("/close")
	peer.Want("the user has had enough", wstest.Close(1000, ""))
	peer.Send(wstest.Close(1000, ""))
	peer.CloseWrite()
	require.Equal(t, exitOK, p.wait())
}

func TestRawSwitchesCommandsOff(t *testing.T) {
	p, peer := scripted(t, newOutput(true), newOutput(true), keyboard{strings.NewReader("/ping\n")}, "-raw", "-wait", "0s")
	peer.Want("the line is a message, and the end of the input the end", wstest.Text("/ping"), wstest.Close(1000, ""))
	peer.Send(wstest.Close(1000, ""))
	peer.CloseWrite()
	require.Equal(t, exitOK, p.wait())
}

func TestMessagesArePrinted(t *testing.T) {
	hexdump := "00000000  00 1b 5b 41                                       |..[A|\n"
	text, binary := wstest.Text("a\x1b[A\nb"), wstest.Binary([]byte("\x00\x1b[A"))
	for name, tt := range map[string]struct {
		terminal bool
		args     []string
		want     string
	}{
		"in a pipe, as they came":             {false, nil, "a\x1b[A\nb\n" + "\x00\x1b[A"},
		"-0":                                  {false, []string{"-0"}, "a\x1b[A\nb\x00" + "\x00\x1b[A\x00"},
		"on a terminal, so that it obeys not": {true, nil, `< a\x1b[A` + "\nb\n" + "< binary, 4 bytes\n" + hexdump},
		"on a terminal with -raw-output":      {true, []string{"-raw-output"}, "a\x1b[A\nb\n" + "\x00\x1b[A"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NO_COLOR", "1")
			p, peer := scripted(t, newOutput(tt.terminal), newOutput(false), nil, tt.args...)
			peer.Send(text, binary, wstest.Close(1000, ""))
			peer.Want("the echo of the Close frame", wstest.Close(1000, ""))
			peer.CloseWrite()
			require.Equal(t, exitOK, p.wait())
			require.Equal(t, tt.want, p.out.String())
		})
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	for name, tt := range map[string]struct {
		terminal bool
		noColor  string
		coloured bool
	}{
		"terminal": {true, "", true},
		"pipe":     {false, "", false},
		"NO_COLOR": {true, "1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			t.Setenv("TERM", "xterm")
			p := startOn(t, newOutput(tt.terminal), newOutput(tt.terminal), strings.NewReader(""), "-v", "-x", "hello", serveWS(t, nil, echo))
			require.Equal(t, exitOK, p.wait())
			require.Equal(t, tt.coloured, strings.Contains(p.out.String(), "\x1b["), p.out)
			require.Equal(t, tt.coloured, strings.Contains(p.err.String(), "\x1b["), p.err)
		})
	}
}

func TestCountOfMessages(t *testing.T) {
	url := serveWS(t, nil, func(ctx context.Context, c *conn.Conn) error {
		for range 5 {
			if err := c.Write(ctx, conn.Text, []byte("tick")); err != nil {
				return nil
			}
		}
		return echo(ctx, c)
	})
	status, stdout, _ := runToEnd(t, "", "-n", "3", url)
	require.Equal(t, exitOK, status)
	require.Equal(t, "tick\ntick\ntick\n", stdout, "no more, though more have come")
}

func TestInputEndsAndAnswersAreWaitedFor(t *testing.T) {
	status, stdout, stderr := runToEnd(t, "a\nb\n", "-wait", "2s", serveWS(t, nil, echo))
	require.Equal(t, exitOK, status)
	require.Equal(t, "a\nb\n", stdout)
	require.Contains(t, stderr, "closed with 1000")
}

func TestQuiet(t *testing.T) {
	status, stdout, stderr := runToEnd(t, "", "-q", "-x", "hello", serveWS(t, nil, echo))
	require.Equal(t, exitOK, status)
	require.Equal(t, "hello\n", stdout)
	require.Empty(t, stderr)
}

func TestPingOften(t *testing.T) {
	p := start(t, nil, "-ping", "1ms", serveWS(t, nil, echo))
	for range 3 {
		p.wantIn(p.err, "pong after ")
	}
	p.wantIn(p.err, "pong after ")
	p.in.Close()
	require.Equal(t, exitOK, p.wait())
	require.Regexp(t, `\d+ pongs, round trip min \S+, mean \S+, max \S+\n`, p.err.String())
}

// brokenPipe is where nobody reads any more.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestNobodyReadsTheOutput(t *testing.T) {
	stderr := newOutput(false)
	status := run(t.Context(), []string{"-x", "a", serveWS(t, nil, echo)}, strings.NewReader(""), brokenPipe{}, stderr)
	require.Equal(t, exitClosed, status)
	require.Contains(t, stderr.String(), "broken pipe")
}
