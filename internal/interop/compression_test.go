package interop

import (
	"cmp"
	"context"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// deal is what the two sides want of compression.
type deal struct {
	name   string
	ours   conn.Compression
	theirs terms
	needs  ability
}

// terms are what the peer wants of compression, in the words of RFC 7692, section
// 7.1. The zero value is to agree to everything.
type terms struct {
	ServerNoContextTakeover bool `json:"server_no_context_takeover,omitempty"`
	ClientNoContextTakeover bool `json:"client_no_context_takeover,omitempty"`
	ServerMaxWindowBits     int  `json:"server_max_window_bits,omitempty"`
	ClientMaxWindowBits     int  `json:"client_max_window_bits,omitempty"`
}

// agreed is what comes out: the thriftier side has its way.
func (d deal) agreed() handshake.Deflate {
	bits := func(ours, theirs int) int { return min(cmp.Or(ours, 15), cmp.Or(theirs, 15)) }
	return handshake.Deflate{
		ServerNoContextTakeover: !d.ours.ServerContextTakeover || d.theirs.ServerNoContextTakeover,
		ClientNoContextTakeover: !d.ours.ClientContextTakeover || d.theirs.ClientNoContextTakeover,
		ServerMaxWindowBits:     bits(d.ours.ServerMaxWindowBits, d.theirs.ServerMaxWindowBits),
		ClientMaxWindowBits:     bits(d.ours.ClientMaxWindowBits, d.theirs.ClientMaxWindowBits),
	}
}

// ours returns our part in a deal, with which we compress everything.
func ours(serverTakeover, clientTakeover bool, serverBits, clientBits int) conn.Compression {
	return conn.Compression{
		MinSize:               -1,
		ServerContextTakeover: serverTakeover, ClientContextTakeover: clientTakeover,
		ServerMaxWindowBits: serverBits, ClientMaxWindowBits: clientBits,
	}
}

// deals are what RFC 7692 lets be agreed on, one thing at a time: context takeover
// by direction, the window by direction, each asked for by us and by the peer. The
// level is nobody else's business, so all of them take turns.
func deals() []deal {
	all := []deal{
		{name: "takeover", ours: ours(true, true, 0, 0)},
		{name: "no takeover by us", ours: ours(false, false, 0, 0)},
		{name: "no takeover by the peer", ours: ours(true, true, 0, 0), theirs: terms{ServerNoContextTakeover: true, ClientNoContextTakeover: true}},
		{name: "takeover of the server only by us", ours: ours(true, false, 0, 0)},
		{name: "takeover of the client only by us", ours: ours(false, true, 0, 0)},
		{name: "takeover of the server only by the peer", ours: ours(true, true, 0, 0), theirs: terms{ClientNoContextTakeover: true}},
		{name: "takeover of the client only by the peer", ours: ours(true, true, 0, 0), theirs: terms{ServerNoContextTakeover: true}},
		{name: "no takeover in 9 bits", ours: ours(false, false, 9, 9)},
		{name: "9 and 12 bits by us", ours: ours(true, true, 9, 12)},
		{name: "12 and 9 bits by the peer", ours: ours(true, true, 0, 0), theirs: terms{ServerMaxWindowBits: 12, ClientMaxWindowBits: 9}},
	}
	for bits := 8; bits <= 15; bits++ {
		all = append(all,
			deal{name: fmt.Sprintf("%d bits by us", bits), ours: ours(true, true, bits, bits)},
			deal{name: fmt.Sprintf("%d bits by the peer", bits), ours: ours(true, true, 0, 0), theirs: terms{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits}},
		)
	}
	levels := [...]conn.CompressionLevel{conn.LevelFastest, conn.LevelBalanced, conn.LevelSmallest}
	for i := range all {
		d := &all[i]
		d.ours.Level = levels[i%len(levels)]
		if d.theirs != (terms{}) {
			d.needs |= asks
		}
		if agreed := d.agreed(); min(agreed.ServerMaxWindowBits, agreed.ClientMaxWindowBits) == 8 {
			d.needs |= window8
		}
	}
	return all
}

func TestNodeClientCompresses(t *testing.T) {
	compressFromPeer(t, startNode(t), wayThroughTap(t))
}

func TestPythonClientCompresses(t *testing.T) {
	compressFromPeer(t, startPython(t), wayThroughTap(t))
}

// A page sees what was agreed on, and can ask for nothing.
func TestChromiumCompresses(t *testing.T) {
	w := wayThroughTap(t)
	compressFromPeer(t, openPage(t, startChromium(t, ""), w.page()), w)
}

func TestNodeServerCompresses(t *testing.T) {
	compressToPeer(t, startNode(t))
}

func TestPythonServerCompresses(t *testing.T) {
	compressToPeer(t, startPython(t))
}

// wayThroughTap starts our server, behind a tap.
func wayThroughTap(t *testing.T) way {
	us := new(acceptor)
	server := httptest.NewServer(us)
	t.Cleanup(server.Close)
	tap := newTap(t, server.Listener.Addr().String())
	return way{base: "ws://" + tap.addr, id: new(identity), us: us, tap: tap}
}

// compressFromPeer has the peer dial us on all terms.
func compressFromPeer(t *testing.T, p peer, w way) {
	for i, d := range deals() {
		if d.needs&^p.can() != 0 {
			continue
		}
		w.name, w.deal = "deal", &d
		t.Run(d.name, func(t *testing.T) { converse(t, p, w, i, w.fromPeer(p)) })
	}
	w.name, w.deal = "scenario", &deal{ours: ours(true, true, 0, 0)}
	t.Run("scenarios", func(t *testing.T) { playAll(t, p, w.fromPeer(p)) })
}

// compressToPeer has us dial the peer on all terms, each at a port of its own.
func compressToPeer(t *testing.T, p peer) {
	for i, d := range deals() {
		if d.needs&^p.can() != 0 {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			w := wayToPeer(t, p, "deal", d)
			converse(t, p, w, i, w.toPeer(p))
		})
	}
	t.Run("scenarios", func(t *testing.T) {
		w := wayToPeer(t, p, "scenario", deal{ours: ours(true, true, 0, 0)})
		playAll(t, p, w.toPeer(p))
	})
}

// wayToPeer makes p a server on its terms of d, behind a tap.
func wayToPeer(t *testing.T, p peer, name string, d deal) way {
	tap := newTap(t, listen(t, p, &d.theirs))
	return way{name: name, base: "ws://" + tap.addr, id: new(identity), tap: tap, deal: &d}
}

// converse has both sides say the same lines, on a connection on the terms of the
// way, and then looks at what went over the wire.
func converse(t *testing.T, p peer, w way, n int, connect connect) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	us, session := connect(t, ctx, n, scenario{})
	agreed := w.deal.agreed()
	if got := us.Deflate(); got == nil || *got != agreed {
		t.Fatalf("Deflate returns %+v, want %+v", got, agreed)
	}
	lines := script(agreed)
	say(us, lines)
	for _, l := range lines {
		session.want("what we say arrives as it is: "+l.String(), messageEvent(l.content))
	}
	for _, l := range lines {
		session.do(l.command(p.can()))
	}
	for _, l := range lines {
		us.want("what the peer says arrives as it is: "+l.String(), l.content)
	}
	check(t, us.Close(conn.StatusNormalClosure, ""))
	session.want("the peer sees our normal closure", closeEvent(1000, ""))

	heard := w.tap.heard(t, ctx, w.path(n))
	wantTerms(t, heard.answer, agreed)
	if p.can()&seesTerms != 0 && session.extensions != strings.Join(heard.answer, ", ") {
		t.Errorf("the page says that the extensions are %q, we said %q", session.extensions, heard.answer)
	}
	if w.us == nil {
		judge(t, "our client", heard.client, lines, !agreed.ClientNoContextTakeover, plain)
		judge(t, "the peer's server", heard.server, lines, !agreed.ServerNoContextTakeover, p.can())
	} else {
		judge(t, "our server", heard.server, lines, !agreed.ServerNoContextTakeover, plain)
		judge(t, "the peer's client", heard.client, lines, !agreed.ClientNoContextTakeover, p.can())
	}
}

// wantTerms compares what a server said with what was agreed on.
func wantTerms(t *testing.T, answer []string, agreed handshake.Deflate) {
	t.Helper()
	all, err := handshake.ParseExtensions(answer)
	check(t, err)
	if len(all) != 1 || all[0].Name != "permessage-deflate" {
		t.Fatalf("the extensions are %q, want permessage-deflate", answer)
	}
	said := handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	for _, p := range all[0].Params {
		switch p.Name {
		case "server_no_context_takeover":
			said.ServerNoContextTakeover = true
		case "client_no_context_takeover":
			said.ClientNoContextTakeover = true
		case "server_max_window_bits":
			said.ServerMaxWindowBits, err = strconv.Atoi(p.Value)
		case "client_max_window_bits":
			said.ClientMaxWindowBits, err = strconv.Atoi(p.Value)
		default:
			t.Errorf("there is no parameter %q", p.Name)
		}
		check(t, err)
	}
	if said != agreed {
		t.Errorf("the response says %+v, want %+v", said, agreed)
	}
}
