package conn

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/poll"
	"github.com/parleyws/websocket/internal/wstest"
)

// company is where the members of a group come from: over pipes, mostly in a bubble, or
// from a Server, over Unix sockets. A Unix socket that is full stays so until its peer
// reads, which cannot be said of TCP.
type company struct {
	t      *testing.T
	bubble bool
	server *Server // nil: over pipes

	mu     sync.Mutex // of connect, with a server
	opened chan *Conn
	l      net.Listener
}

// inAllCompanies runs a test over pipes in a bubble, and with a Server in all manners.
func inAllCompanies(t *testing.T, test func(t *testing.T, v *company)) {
	t.Run("pipes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, &company{t: t, bubble: true}) })
	})
	withServers(t, test)
}

// inAllCompaniesAwake is the same without a bubble.
func inAllCompaniesAwake(t *testing.T, test func(t *testing.T, v *company)) {
	t.Run("pipes", func(t *testing.T) { test(t, &company{t: t}) })
	withServers(t, test)
}

func withServers(t *testing.T, test func(t *testing.T, v *company)) {
	if !poll.Available {
		return // what Server has is what Handler has
	}
	inAllManners(t, func(t *testing.T, s *Server) {
		dir, err := os.MkdirTemp("", "")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		v := &company{t: t, server: s, opened: make(chan *Conn, 1)}
		v.l, err = net.Listen("unix", filepath.Join(dir, "s"))
		require.NoError(t, err)
		defer v.l.Close()
		s.Handler = &events{open: func(c *Conn) { v.opened <- c }}
		require.NoError(t, s.start())
		test(t, v)
	})
}

// connect makes a connection, and returns it with its peer's end.
func (v *company) connect(cfg *Config) (c *Conn, peer net.Conn) {
	if v.server == nil {
		nc, other := wstest.Pipe()
		return New(upgraded(nc, frame.Server), calm(cfg)), other
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	other, err := net.Dial("unix", v.l.Addr().String())
	require.NoError(v.t, err)
	nc, err := v.l.Accept()
	require.NoError(v.t, err)
	v.server.cfg = calm(cfg).resolved()
	require.True(v.t, v.server.admitNow())
	v.server.attach(upgraded(nc, frame.Server))
	return <-v.opened, other
}

// member is a connection that is in a group, and its peer.
type member struct {
	*Conn
	peer *wstest.Peer
}

func (v *company) member(cfg *Config) member {
	c, other := v.connect(cfg)
	v.t.Cleanup(func() { end(c) })
	return member{c, wstest.NewPeer(v.t, other, frame.Client)}
}

// join makes members of a group.
func (v *company) join(g *Group, n int, cfg *Config) (all []member) {
	v.t.Helper()
	for range n {
		m := v.member(cfg)
		require.True(v.t, g.Add(m.Conn))
		all = append(all, m)
	}
	return all
}

// stick has the peer of m take nothing more. Nothing that is meant for it may be read.
func (v *company) stick(m member) {
	if v.server == nil {
		m.Transport().(*wstest.Conn).SetBuffer(0)
		return
	}
	fillUp(v.t, m.Transport())
}

// slow has the socket of m take next to nothing at once.
func (v *company) slow(m member) (restore func()) {
	if v.server == nil {
		nc := m.Transport().(*wstest.Conn)
		buffer := nc.SetBuffer(7)
		return func() { nc.SetBuffer(buffer) }
	}
	shrink(v.t, m.Transport())
	return func() {}
}

// settle waits until nothing goes on any more.
func (v *company) settle() {
	if v.bubble {
		synctest.Wait()
	}
}

// pass lets some time pass, and less of it if it is real.
func (v *company) pass(d time.Duration) { time.Sleep(v.scaled(d)) }

func (v *company) scaled(d time.Duration) time.Duration {
	if v.bubble {
		return d
	}
	return d / 20
}

// requireSince says how much time has passed; real time is always more.
func (v *company) requireSince(begin time.Time, d time.Duration) {
	v.t.Helper()
	if v.bubble {
		require.Equal(v.t, d, time.Since(begin))
		return
	}
	require.GreaterOrEqual(v.t, time.Since(begin), v.scaled(d))
	require.Less(v.t, time.Since(begin), v.scaled(d)+10*time.Second)
}

// wantIdle says that nothing is sent to the peer.
func (v *company) wantIdle(p *wstest.Peer, sentence string) {
	v.t.Helper()
	if v.bubble {
		p.WantIdle(sentence)
		return
	}
	p.Conn().SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	n, err := p.Conn().Read(make([]byte, 1))
	require.Zero(v.t, n, sentence)
	require.ErrorIs(v.t, err, os.ErrDeadlineExceeded, sentence)
}

// notYet is the notYet of a bubble.
func (v *company) notYet(result <-chan error, sentence string) {
	v.t.Helper()
	if v.bubble {
		notYet(v.t, result, sentence)
		return
	}
	time.Sleep(5 * time.Millisecond)
	require.Empty(v.t, result, sentence)
}
