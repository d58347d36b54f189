package interop

import (
	"net/http/httptest"
	"testing"

	"github.com/parleyws/websocket/handshake"
	_ "github.com/parleyws/websocket/handshake/http2"
)

// WebSocket over HTTP/2, RFC 8441. What is in a page is the same as over HTTP/1.1,
// and our side of every connection is asked what it runs over.

// h2Way starts our server over HTTP/2 and returns the way to it.
func h2Way(t *testing.T, id *identity) way {
	us := new(acceptor)
	s := httptest.NewUnstartedServer(us)
	s.EnableHTTP2 = true
	s.TLS = id.server.Clone()
	s.StartTLS()
	t.Cleanup(s.Close)
	return way{name: "h2", base: "wss://" + s.Listener.Addr().String(), id: id, us: us, h2: new(handshake.HTTP2)}
}

// Chromium opens WebSockets over HTTP/2 by itself, once it has got the page over it
// and the server has announced extended CONNECT.
func TestChromiumOverHTTP2(t *testing.T) {
	id := newIdentity(t)
	w := h2Way(t, id)
	p := openPage(t, startChromium(t, id.pin), w.page())
	playAll(t, p, w.fromPeer(p))
}

func TestNodeClientOverHTTP2(t *testing.T) {
	w := h2Way(t, newIdentity(t))
	p := startNode(t)
	playAll(t, p, w.fromPeer(p))
}

func TestNodeServerOverHTTP2(t *testing.T) {
	p, id := startNode(t), newIdentity(t)
	addr := listenAs(t, p, command{Do: "listen", H2: true, Cert: id.certFile, Key: id.keyFile})
	w := way{name: "h2", base: "wss://" + addr, id: id, h2: new(handshake.HTTP2)}
	t.Cleanup(w.h2.CloseIdleConnections)
	playAll(t, p, w.toPeer(p))
}
