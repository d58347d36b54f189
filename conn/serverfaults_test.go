//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package conn

import (
	"io"
	"math"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// This file plays the session with a connection of a Server, and what must hold of it
// is what must hold of any other. What our side writes goes wrong as in
// rawfaults_test.go. What it reads goes wrong on the kernel's side: between our side and
// its peer there is a line that gives as much as it likes, and breaks where it likes.

// stage is a Server that plays the session, with one connection at a time.
type stage struct {
	t    *testing.T
	s    *Server
	ours *side
	tap  *faultTap
	out  tampering
	made chan struct{} // there is a connection
}

// onStage runs a test in all manners, both roles and with both ways to end.
func onStage(t *testing.T, test func(t *testing.T, g *stage, f faultCase)) {
	inAllManners(t, func(t *testing.T, s *Server) {
		g := &stage{t: t, s: s, made: make(chan struct{}, 1)}
		s.Handler = g
		s.Options = &AcceptOptions{Config: *calm(&Config{
			CloseTimeout: faultCloseTimeout,
			Observer:     &Observer{Open: g.begin}, // before anybody else has the connection
		})}
		require.NoError(t, s.start())
		eachFaultCase(t, func(t *testing.T, f faultCase) {
			g.t = t
			test(t, g, f)
		})
	})
}

// begin has what the connection writes pass us by.
func (g *stage) begin(c *Conn) {
	g.ours.Conn = c
	c.message.loops = false // as there, each call is looked at by itself
	c.raw = &tamperedWrites{tampered{RawConn: c.raw, t: g.t, c: c, tap: g.tap, out: g.out}, g}
	g.made <- struct{}{}
}

// tamperedWrites is tampered for a connection whose reads are let alone.
type tamperedWrites struct {
	tampered
	g *stage
}

func (r *tamperedWrites) Read(try func(fd uintptr) bool) error { return r.RawConn.Read(try) }

func (r *tamperedWrites) Write(try func(fd uintptr) bool) error {
	err := r.tampered.Write(try)
	r.g.out.fired = r.g.out.fired || r.out.fired
	if s := r.c.socket(); s != nil && r.out.fired && r.c.out.air.err == errWouldBlock {
		// There was room, so the poller says nothing.
		time.AfterFunc(100*time.Microsecond, func() { s.loop.post(r.c) })
	}
	return err
}

func (g *stage) Open(*Conn) {}

func (g *stage) Message(_ *Conn, m Message) {
	got := received{Type: m.Type, Data: string(m.Data)}
	g.ours.got = append(g.ours.got, got)
	g.ours.next <- got
}

func (g *stage) Close(_ *Conn, err error) {
	g.ours.err = err
	close(g.ours.failed)
}

// enter gives the server our end of a stream.
func (g *stage) enter(nc net.Conn, role frame.Role, out tampering) {
	g.ours = &side{next: make(chan received, 100), failed: make(chan struct{})}
	g.tap, g.out = new(faultTap), out
	require.True(g.t, g.s.admitNow())
	g.s.attach(upgraded(nc, role))
	<-g.made
}

// play plays the session over a line, and checks what came of it.
func (g *stage) play(t *testing.T, f faultCase, out tampering, l *line) *faultOutcome {
	begin := time.Now()
	nc, far := unixPair(t)
	defer far.Close()
	g.enter(nc, f.role, out)
	o := &faultOutcome{tap: g.tap, ours: g.ours}
	theirs := far
	if l != nil {
		var near net.Conn
		near, theirs = l.connect(t, far, g)
		defer near.Close()
		defer l.join()
	}
	o.theirs = newSide(theirs, peerOf(f.role), ways[0])
	if l == nil {
		o.theirs.Conn.CloseNow()
	}
	return g.end(t, f, o, begin)
}
