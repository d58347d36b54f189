package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

func TestNodeClient(t *testing.T) {
	id := newIdentity(t)
	for _, w := range waysToUs(t, id) {
		t.Run(w.name, func(t *testing.T) { p := startNode(t); playAll(t, p, w.fromPeer(p)) })
	}
}

func TestNodeServer(t *testing.T) {
	p := startNode(t)
	for _, w := range waysTo(t, newIdentity(t), listen(t, p, nil)) {
		t.Run(w.name, func(t *testing.T) { playAll(t, p, w.toPeer(p)) })
	}
}

func TestPythonClient(t *testing.T) {
	id := newIdentity(t)
	for _, w := range waysToUs(t, id) {
		t.Run(w.name, func(t *testing.T) { p := startPython(t); playAll(t, p, w.fromPeer(p)) })
	}
}

func TestPythonServer(t *testing.T) {
	p := startPython(t)
	for _, w := range waysTo(t, newIdentity(t), listen(t, p, nil)) {
		t.Run(w.name, func(t *testing.T) { playAll(t, p, w.toPeer(p)) })
	}
}

// way is how a server is reached.
type way struct {
	name string
	base string // the URL, without the path
	id   *identity
	us   *acceptor        // if we are the server
	deal *deal            // about compression; nil: none is asked for
	tap  *tap             // what listens in, if anything does
	h2   *handshake.HTTP2 // the way is HTTP/2; our clients share this
}

// waysTo are the ways to the server at addr: straight, and through nginx.
func waysTo(t *testing.T, id *identity, addr string) []way {
	plain, secure := startNginx(t, id, addr)
	return []way{
		{name: "direct", base: "ws://" + addr, id: id},
		{name: "nginx", base: "ws://" + plain, id: id},
		{name: "nginx-tls", base: "wss://" + secure, id: id},
	}
}

// waysToUs starts our server and returns the ways to it.
func waysToUs(t *testing.T, id *identity) []way {
	us := new(acceptor)
	plain, secure := httptest.NewServer(us), httptest.NewUnstartedServer(us)
	secure.TLS = id.server.Clone()
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	ways := append(
		waysTo(t, id, plain.Listener.Addr().String()),
		way{name: "direct-tls", base: "wss://" + secure.Listener.Addr().String(), id: id},
	)
	for i := range ways {
		ways[i].us = us
	}
	return ways
}

// path names the connection of the scenario with number n.
func (w way) path(n int) string { return fmt.Sprintf("/%s/%d", w.name, n) }

// authority is the file with the authority to trust, if there is TLS.
func (w way) authority() string {
	if !w.secure() {
		return ""
	}
	return w.id.certFile
}

func (w way) secure() bool { return strings.HasPrefix(w.base, "wss:") }

// connect opens the connection of the scenario s, which has the number n.
type connect func(t *testing.T, ctx context.Context, n int, s scenario) (*side, *session)

// fromPeer has the peer dial us.
func (w way) fromPeer(p peer) connect {
	return func(t *testing.T, ctx context.Context, n int, s scenario) (*side, *session) {
		path := w.path(n)
		accepted := w.us.expect(path, &conn.AcceptOptions{Subprotocols: []string{"chat", "superchat"}, Config: w.config(s)})
		session := &session{t: t, ctx: ctx, peer: p, conn: path}
		session.do(command{Do: "dial", URL: w.base + path, CA: w.authority(), H2: w.h2 != nil, Offer: s.offer, Deflate: w.theirs()})
		opened := session.want("the peer opens the connection", event{Event: "open", Subprotocol: s.agreed})
		session.extensions = opened.Extensions
		select {
		case c := <-accepted:
			w.wantTransport(t, c)
			return newSide(t, ctx, c), session
		case <-ctx.Done():
			t.Fatal("the peer says that the connection is open, but we have not accepted it")
			return nil, nil
		}
	}
}

// toPeer has us dial the peer.
func (w way) toPeer(p peer) connect {
	return func(t *testing.T, ctx context.Context, n int, s scenario) (*side, *session) {
		path := w.path(n)
		c, err := conn.Dial(ctx, w.base+path, &conn.DialOptions{Subprotocols: s.offer, TLS: w.id.client, HTTP2: w.h2, Config: w.config(s)})
		check(t, err)
		if _, isTLS := c.Transport().(*tls.Conn); isTLS != (w.secure() && w.h2 == nil) {
			t.Errorf("%s runs over %T", w.base, c.Transport())
		}
		w.wantTransport(t, c)
		session := &session{t: t, ctx: ctx, peer: p, conn: path}
		session.want("the peer accepts the connection", event{Event: "open", Subprotocol: s.agreed})
		return newSide(t, ctx, c), session
	}
}

// wantTransport sees that the connection runs over HTTP/2 if it is to, and only then.
func (w way) wantTransport(t *testing.T, c *conn.Conn) {
	t.Helper()
	if _, isStream := c.Transport().(*handshake.Stream); isStream != (w.h2 != nil) {
		t.Errorf("%s runs over %T", w.base, c.Transport())
	}
}

// config is our part in the scenario s.
func (w way) config(s scenario) conn.Config {
	cfg := conn.Config{MaxMessage: s.max}
	if s.max == 0 {
		cfg.MaxMessage = 32 << 20
	}
	if w.deal != nil {
		cfg.Compression = &w.deal.ours
		cfg.Backlog = 8 << 20
	}
	return cfg
}

// theirs are the terms of the peer.
func (w way) theirs() *terms {
	if w.deal == nil {
		return nil
	}
	return &w.deal.theirs
}

// playAll plays every scenario that the peer can play, each on a connection of
// its own.
func playAll(t *testing.T, p peer, connect connect) {
	for i, s := range scenarios() {
		if s.needs&^p.can() != 0 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			us, session := connect(t, ctx, i, s)
			if us.Subprotocol() != s.agreed {
				t.Errorf("we speak %q, want %q", us.Subprotocol(), s.agreed)
			}
			s.run(us, session)
			if us.Err() == nil {
				check(t, us.Close(conn.StatusNormalClosure, ""))
				session.want("the peer sees our normal closure", closeEvent(1000, ""))
			}
		})
	}
}
