package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
)

// screen is what the user sees: messages on out, all else on err. Its methods may
// be called from any goroutine.
type screen struct {
	mu       sync.Mutex
	out, err io.Writer

	pretty    bool // out is a terminal, and is to be treated as one
	outColour bool
	errColour bool
	live      bool // err is a terminal: a line may be drawn over

	nul, quiet bool
}

func newScreen(stdout, stderr io.Writer) *screen {
	colour := os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	s := &screen{out: stdout, err: stderr, pretty: isTerminal(stdout), live: isTerminal(stderr)}
	s.outColour, s.errColour = s.pretty && colour, s.live && colour
	return s
}

func (s *screen) configure(o *options) {
	s.pretty = s.pretty && !o.rawOutput
	s.nul, s.quiet = o.nul, o.quiet
}

// isTerminal reports whether v, a file or something that says so itself, is a
// terminal.
func isTerminal(v any) bool {
	if t, ok := v.(interface{ IsTerminal() bool }); ok {
		return t.IsTerminal()
	}
	f, ok := v.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a character device, and no terminal
	return err != nil || !os.SameFile(info, null)
}

// The colours, as parameters of the escape sequence SGR.
const (
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func paint(on bool, colour, text string) string {
	if !on {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// message prints a message that has come. On a terminal it is made safe, and
// begins with who it is from; elsewhere it is what was sent. A text ends with a
// newline.
func (s *screen) message(from string, m conn.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.out.Write(s.format(from, m))
	return err
}

func (s *screen) format(from string, m conn.Message) []byte {
	var b []byte
	switch {
	case !s.pretty:
		b = m.Data
	case m.Type == conn.Text:
		b = []byte(paint(s.outColour, cyan, from+"< ") + safe(m.Data))
	default:
		head := paint(s.outColour, cyan, fmt.Sprintf("%s< binary, %s", from, count(len(m.Data), "byte")))
		b = []byte(head + "\n" + strings.TrimSuffix(hex.Dump(m.Data), "\n"))
	}
	switch {
	case s.nul:
		return append(b, 0)
	case s.pretty || m.Type == conn.Text:
		return append(b, '\n')
	}
	return b
}

// note says how things are.
func (s *screen) note(format string, args ...any) {
	if !s.quiet {
		s.print(faint, "* "+fmt.Sprintf(format, args...))
	}
}

// warn says that something was not done. It is not the end.
func (s *screen) warn(err error) { s.print(yellow, "! "+oneLine([]byte(err.Error()), 1000)) }

// complain says why the program fails. Of a response that refused the handshake
// it shows the beginning.
func (s *screen) complain(err error) {
	s.print(red, "wscat: "+oneLine([]byte(strings.TrimPrefix(err.Error(), "conn: ")), 1000))
	if r := refusal(err); r != nil && len(r.Body) > 0 {
		body := r.Body[:min(len(r.Body), 1000)]
		s.print("", strings.TrimRight(safe(body), "\n"))
	}
}

// print prints a line, or a few, on err.
func (s *screen) print(colour, text string) {
	if colour != "" {
		text = paint(s.errColour, colour, text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.err, text+"\n") // there is nowhere to complain
}

// count is "1 message" or "2 messages".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// reason is what an error says without the package it comes from.
func reason(err error) string {
	var closed *conn.CloseError
	if errors.As(err, &closed) && closed.Code != conn.StatusAbnormalClosure {
		text := closed.Code.String()
		if closed.Reason != "" {
			text += ` "` + oneLine([]byte(closed.Reason), frame.MaxControlPayload) + `"`
		}
		return text
	}
	return strings.TrimPrefix(err.Error(), "conn: ")
}
