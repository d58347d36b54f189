package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// tally is what one transport has taken so far.
type tally struct {
	in, out  atomic.Int64 // bytes over TCP, from the client and to it, HTTP headers included
	requests atomic.Int64
	messages atomic.Int64 // events delivered, once for every client
}

// figures is a tally at one moment.
type figures struct {
	In       int64 `json:"in"`
	Out      int64 `json:"out"`
	Requests int64 `json:"requests"`
	Messages int64 `json:"messages"`
}

func (t *tally) read() figures {
	return figures{t.in.Load(), t.out.Load(), t.requests.Load(), t.messages.Load()}
}

func (f figures) minus(g figures) figures {
	return figures{f.In - g.In, f.Out - g.Out, f.Requests - g.Requests, f.Messages - g.Messages}
}

// meter is a listener that counts the bytes of its connections, and accepts no
// more than limit of them at a time; others are closed at once.
type meter struct {
	net.Listener
	limit int64
	open  atomic.Int64
	other tally // for what nobody claims
}

func (m *meter) Accept() (net.Conn, error) {
	for {
		nc, err := m.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if m.open.Add(1) <= m.limit {
			c := &metered{Conn: nc, closed: sync.OnceFunc(func() { m.open.Add(-1) })}
			c.owner.Store(&m.other)
			return c, nil
		}
		m.open.Add(-1)
		nc.Close()
	}
}

// metered is a connection that counts its bytes, each for the transport whose
// request it is a part of. A browser uses one connection for one transport after
// the other: what was read is nobody's until a handler claims the request, and
// what is written belongs to the request that was claimed last.
type metered struct {
	net.Conn
	closed    func()
	owner     atomic.Pointer[tally]
	unclaimed atomic.Int64 // bytes read
	whole     atomic.Bool  // the owner has the connection for ever
}

func (c *metered) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.whole.Load() {
		c.owner.Load().in.Add(int64(n))
	} else {
		c.unclaimed.Add(int64(n))
	}
	return n, err
}

func (c *metered) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.owner.Load().out.Add(int64(n))
	return n, err
}

// CloseWrite is for net/http and for conn, which end a TCP connection with it.
func (c *metered) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *metered) Close() error {
	c.closed()
	c.owner.Load().in.Add(c.unclaimed.Swap(0))
	return c.Conn.Close()
}

func (c *metered) claim(t *tally, whole bool) {
	c.owner.Store(t)
	c.whole.Store(whole)
	t.in.Add(c.unclaimed.Swap(0))
}

type connKey struct{}

// withConn is the ConnContext of an http.Server: requests know their connection.
func withConn(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, nc)
}

// counted claims every request to h for t. Whole says that the connection will
// not come back from it.
func counted(t *tally, whole bool, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.requests.Add(1)
		if c, ok := r.Context().Value(connKey{}).(*metered); ok {
			c.claim(t, whole)
		}
		h.ServeHTTP(w, r)
	})
}
