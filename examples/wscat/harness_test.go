package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// output is where the program writes to: a file, or a terminal.
type output struct {
	terminal bool

	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{} // closed at the next Write
}

func newOutput(terminal bool) *output {
	return &output{terminal: terminal, changed: make(chan struct{})}
}

func (o *output) IsTerminal() bool { return o.terminal }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// keyboard is a terminal to type at.
type keyboard struct{ io.Reader }

func (keyboard) IsTerminal() bool { return true }

// program is a wscat that runs.
type program struct {
	t         *testing.T
	in        *io.PipeWriter // its standard input, unless start was given another
	out, err  *output
	interrupt context.CancelFunc
	exited    chan int
}

// start runs the program. A nil stdin is a pipe that the test writes to, and that
// ends with the test.
func start(t *testing.T, stdin io.Reader, args ...string) *program {
	return startOn(t, newOutput(false), newOutput(false), stdin, args...)
}

func startOn(t *testing.T, stdout, stderr *output, stdin io.Reader, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{t: t, out: stdout, err: stderr, interrupt: cancel, exited: make(chan int, 1)}
	if stdin == nil {
		stdin, p.in = io.Pipe()
		t.Cleanup(func() { p.in.Close() })
	}
	go func() { p.exited <- run(ctx, args, stdin, stdout, stderr) }()
	t.Cleanup(cancel)
	return p
}

// wait returns the exit status.
func (p *program) wait() int {
	p.t.Helper()
	select {
	case status := <-p.exited:
		return status
	case <-time.After(patience):
		require.FailNow(p.t, "the program does not end", "stdout:\n%s\nstderr:\n%s", p.out, p.err)
		return -1
	}
}

// wantIn waits until text is in o.
func (p *program) wantIn(o *output, text string) {
	p.t.Helper()
	for late := time.After(patience); ; {
		o.mu.Lock()
		found, changed := strings.Contains(o.buf.String(), text), o.changed
		o.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-late:
			require.FailNow(p.t, "the program does not print "+text, "stdout:\n%s\nstderr:\n%s", p.out, p.err)
		}
	}
}

// typeLines types lines.
func (p *program) typeLines(lines ...string) {
	p.t.Helper()
	_, err := io.WriteString(p.in, strings.Join(lines, "\n")+"\n")
	require.NoError(p.t, err)
}

// runToEnd runs the program on a script.
func runToEnd(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	p := start(t, strings.NewReader(stdin), args...)
	status = p.wait()
	return status, p.out.String(), p.err.String()
}

// serveWS is a server that runs f on every connection, and returns its URL.
func serveWS(t *testing.T, opts *conn.AcceptOptions, f func(ctx context.Context, c *conn.Conn) error) string {
	return serveHTTP(t, conn.Handler(opts, f))
}

func serveHTTP(t *testing.T, h http.Handler) string {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// echo sends back what comes.
func echo(ctx context.Context, c *conn.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// closeAfterOne is a server that reads a message and closes.
func closeAfterOne(code conn.StatusCode, why string) func(context.Context, *conn.Conn) error {
	return func(ctx context.Context, c *conn.Conn) error {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
		return c.Close(code, why)
	}
}

// scripted starts the program against a server whose every frame the test writes
// itself.
func scripted(t *testing.T, stdout, stderr *output, stdin io.Reader, args ...string) (*program, *wstest.Peer) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	p := startOn(t, stdout, stderr, stdin, append(args, "ws://"+ln.Addr().String()+"/chat?room=1")...)
	require.NoError(t, ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience)))
	nc, err := ln.Accept()
	require.NoError(t, err)
	u, err := handshake.Accept(nc, &handshake.ServerConfig{Subprotocols: []string{"chat"}, InsecureSkipOriginCheck: true})
	require.NoError(t, err)
	require.Empty(t, u.Buffered)
	return p, wstest.NewPeer(t, u.Conn, frame.Server)
}

// quietLog is for servers whose complaints are expected.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
