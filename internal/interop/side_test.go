package interop

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/parleyws/websocket/conn"
)

// side is our end of a connection. One goroutine reads it all the time, as in
// most programs, so that pings are answered.
type side struct {
	*conn.Conn
	t     *testing.T
	ctx   context.Context
	inbox chan inbound
}

type inbound struct {
	typ  conn.MessageType
	data []byte
	err  error
}

func newSide(t *testing.T, ctx context.Context, c *conn.Conn) *side {
	s := &side{Conn: c, t: t, ctx: ctx, inbox: make(chan inbound, 256)}
	t.Cleanup(func() { c.CloseNow() })
	go func() {
		for {
			typ, data, err := c.Read(ctx)
			s.inbox <- inbound{typ, data, err}
			if err != nil {
				return
			}
		}
	}()
	return s
}

func typeOf(m content) conn.MessageType {
	if m.Type == "text" {
		return conn.Text
	}
	return conn.Binary
}

func (s *side) write(m content) {
	s.t.Helper()
	if err := s.Write(s.ctx, typeOf(m), m.bytes()); err != nil {
		s.t.Fatalf("write %v: %v", m, err)
	}
}

// writeFragments sends m as a stream of n pieces, each in a frame of its own
// unless it is empty, and calls between after the first.
func (s *side) writeFragments(m content, n int, between func()) {
	s.t.Helper()
	w, err := s.Writer(s.ctx, typeOf(m))
	check(s.t, err)
	data := m.bytes()
	for i := range n {
		_, err := w.Write(data[len(data)*i/n : len(data)*(i+1)/n])
		check(s.t, err)
		check(s.t, w.(interface{ Flush() error }).Flush())
		if i == 0 {
			between()
		}
	}
	check(s.t, w.Close())
}

// want waits for the next message and compares it. The sentence says what is
// expected.
func (s *side) want(sentence string, m content) {
	s.t.Helper()
	select {
	case got := <-s.inbox:
		switch {
		case got.err != nil:
			s.t.Fatalf("%s: %v", sentence, got.err)
		case got.typ != typeOf(m) || !bytes.Equal(got.data, m.bytes()):
			s.t.Fatalf("%s: got %d bytes of %v, want %v", sentence, len(got.data), got.typ, m)
		}
	case <-s.ctx.Done():
		s.t.Fatalf("%s: it did not come in time", sentence)
	}
}

// wantEnd waits for reading to end and returns the error.
func (s *side) wantEnd(sentence string) error {
	s.t.Helper()
	select {
	case got := <-s.inbox:
		if got.err == nil {
			s.t.Fatalf("%s: got a message, %d bytes of %v", sentence, len(got.data), got.typ)
		}
		return got.err
	case <-s.ctx.Done():
		s.t.Fatalf("%s: it did not come in time", sentence)
		return nil
	}
}

// acceptor hands the connections it accepts to whoever expects their path. Any
// other path is the page in which browser.js runs.
type acceptor struct {
	files map[string][]byte // in place of that page, by their paths

	mu       sync.Mutex
	expected map[string]expectation
}

const browserPage = "<!doctype html><title>Peer</title><script>\n%s</script>\n"

//go:embed peers/browser.js
var browserScript string

type expectation struct {
	opts *conn.AcceptOptions
	conn chan *conn.Conn
}

func (a *acceptor) expect(path string, opts *conn.AcceptOptions) <-chan *conn.Conn {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.expected == nil {
		a.expected = make(map[string]expectation)
	}
	e := expectation{opts, make(chan *conn.Conn, 1)}
	a.expected[path] = e
	return e.conn
}

func (a *acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	e, ok := a.expected[r.URL.Path]
	a.mu.Unlock()
	if data, found := a.files[r.URL.Path]; found && !ok {
		serveFile(w, r.URL.Path, data)
		return
	}
	if !ok {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, browserPage, browserScript)
		return
	}
	conn.Handler(e.opts, func(_ context.Context, c *conn.Conn) error {
		e.conn <- c
		<-c.Done()
		return nil
	}).ServeHTTP(w, r)
}
