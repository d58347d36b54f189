package interop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/parleyws/websocket/conn"
)

// scenario is what the two ends do to each other. The table is the same for all
// peers, for both roles and for every way between them. A peer that lacks what a
// scenario needs leaves it out; only the browser lacks anything, for a page can
// neither ping nor fragment, drop the connection or close with any code.
type scenario struct {
	name  string
	needs ability
	run   func(us *side, p *session)

	offer  []string // subprotocols that the client offers
	agreed string   // the one that both speak
	max    int64    // our MaxMessage. 0: 32 MiB
}

func scenarios() []scenario {
	return slices.Concat(
		messageScenarios(), fragmentScenarios(), pingScenarios(),
		ourCloseScenarios(), peerCloseScenarios(), refusalScenarios(), subprotocolScenarios(),
	)
}

// period is a unit of a message: its length is prime, so that a byte that is
// lost, doubled or masked with the wrong part of the key shows.
var period = func() []byte {
	b := make([]byte, 251)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}()

// languages has characters of one, two, three and four bytes.
const languages = "Grüße, 世界! Привет 🎉 "

func messageScenarios() []scenario {
	var all []scenario
	for _, m := range []content{
		text("x", 0), text("x", 1), text("x", 125), text("x", 126), text("x", 1<<16-1), text("x", 1<<16), text("x", 1<<16+1),
		text(languages, len(languages)), text(languages, 1000*len(languages)), text("x", 16<<20),
		binary(period, 0), binary(period, 1), binary(period, 125), binary(period, 126), binary(period, 1<<16-1), binary(period, 1<<16),
		binary(period, 1<<16+1), binary(period, 16<<20),
	} {
		all = append(all, scenario{name: "message of " + m.String(), run: func(us *side, p *session) {
			us.write(m)
			p.want("our message arrives as it is", messageEvent(m))
			p.send(m)
			us.want("the peer's message arrives as it is", m)
		}})
	}
	return append(all, scenario{name: "both talk at once", run: bothTalkAtOnce})
}

func bothTalkAtOnce(us *side, p *session) {
	const count = 64
	m := binary(period, 1<<16+1)
	p.do(command{Do: "send", content: &m, Times: count})
	for range count {
		us.write(m)
	}
	for range count {
		us.want("the peer's messages arrive while we write", m)
		p.want("ours arrive while the peer writes", messageEvent(m))
	}
}

func fragmentScenarios() []scenario {
	var all []scenario
	for _, tt := range []struct {
		content content
		count   int
	}{
		{text(languages, len(languages)), 2},
		{text(languages, len(languages)), len(languages)}, // every character is cut
		{text(languages, 1000*len(languages)), 7},
		{text("x", 0), 3},
		{binary(period, 1<<16+1), 3},
		{binary(period, 4000), 1000},
		{binary(period, 16<<20), 5},
	} {
		m, n := tt.content, tt.count
		name := fmt.Sprintf("%v in %d fragments", m, n)
		all = append(all,
			scenario{name: name + " from us", run: func(us *side, p *session) {
				us.writeFragments(m, n, func() {})
				got := p.want("our fragments are one message", messageEvent(m))
				if got.Frames != 0 && got.Frames < min(n, m.Size) {
					us.t.Errorf("a stream of %d pieces came in %d frames", n, got.Frames)
				}
			}},
			scenario{name: name + " from the peer", needs: fragments, run: func(us *side, p *session) {
				p.do(command{Do: "send", content: &m, Fragments: n})
				us.want("the peer's fragments are one message", m)
			}},
		)
	}
	return append(all,
		scenario{name: "our ping between our fragments", run: pingBetweenOurFragments},
		scenario{name: "the peer's ping between its fragments", needs: pings | fragments, run: pingBetweenPeersFragments},
	)
}

func pingBetweenOurFragments(us *side, p *session) {
	m := text(languages, 10*len(languages))
	us.writeFragments(m, 2, func() { pingPeer(us, p) })
	p.want("the ping did not break the message", messageEvent(m))
}

func pingBetweenPeersFragments(us *side, p *session) {
	m, data := text(languages, 10*len(languages)), "70696e67"
	p.do(command{Do: "send", content: &m, Fragments: 2, Ping: &data})
	us.want("the ping did not break the message", m)
	p.want("the ping is answered", event{Event: "pong", Data: data})
}

func pingScenarios() []scenario {
	all := []scenario{
		{name: "our ping", run: func(us *side, p *session) {
			pingPeer(us, p)
			pingPeer(us, p)
		}},
		{name: "ten pings in a row from the peer", needs: pings, run: func(us *side, p *session) {
			for i := range 10 {
				p.ping([]byte{'0' + byte(i)})
			}
			for i := range 10 {
				p.want("each of ten pings is answered, in order", event{Event: "pong", Data: fmt.Sprintf("%x", '0'+i)})
			}
		}},
	}
	for _, data := range [][]byte{{}, []byte("hello"), period[:125]} {
		all = append(all, scenario{
			name: fmt.Sprintf("ping of %d bytes from the peer", len(data)), needs: pings,
			run: func(us *side, p *session) {
				p.ping(data)
				p.want("the pong echoes the ping's data", event{Event: "pong", Data: fmt.Sprintf("%x", data)})
			},
		})
	}
	return all
}

// pingPeer pings and waits for the pong.
func pingPeer(us *side, p *session) {
	us.t.Helper()
	rtt, err := us.Ping(us.ctx)
	check(us.t, err)
	if rtt <= 0 {
		us.t.Fatalf("a round trip of %v", rtt)
	}
	if p.peer.can()&pings == 0 {
		return // it has answered, but does not say so
	}
	if got := p.next("the peer sees our ping"); got.Event != "ping" {
		us.t.Fatalf("the peer sees %v in place of our ping", got)
	}
}

// closes are ways to say goodbye. 1005 stands for a Close frame without a code.
var closes = []struct {
	code   int
	reason string
	needs  ability // of a peer that starts so
}{
	{1000, "", 0},
	{1000, "bye", 0},
	{1000, strings.Repeat("é", 61) + "!", 0}, // 123 bytes
	{1001, "moving", anyCode},
	{1008, "no entry", anyCode},
	{1011, "", anyCode},
	{3000, "", 0},
	{4999, "the last", 0},
	{1005, "", 0},
}

func ourCloseScenarios() []scenario {
	var all []scenario
	for _, tt := range closes {
		all = append(all, scenario{name: fmt.Sprintf("we close with %d %.10q", tt.code, tt.reason), run: func(us *side, p *session) {
			check(us.t, us.Close(conn.StatusCode(tt.code), tt.reason))
			p.want("the peer is told the code and the reason", closeEvent(tt.code, tt.reason))
			err := us.wantEnd("reading ends")
			if !errors.Is(err, net.ErrClosed) || err != us.Err() {
				us.t.Errorf("closed by us is net.ErrClosed, the same from all: Read says %v, Err %v", err, us.Err())
			}
		}})
	}
	return append(all, scenario{name: "we are gone without a Close", run: func(us *side, p *session) {
		check(us.t, us.CloseNow())
		p.want("an end without a Close is 1006", closeEvent(1006, ""))
	}})
}

func peerCloseScenarios() []scenario {
	var all []scenario
	for _, tt := range closes {
		all = append(all, scenario{
			name:  fmt.Sprintf("the peer closes with %d %.10q", tt.code, tt.reason),
			needs: tt.needs,
			run: func(us *side, p *session) {
				p.close(tt.code, tt.reason)
				wantClosed(us, conn.StatusCode(tt.code), tt.reason)
				if got := p.next("the closing handshake ends"); got.Event != "close" || got.Code != tt.code {
					us.t.Errorf("our Close echoes the code %d: the peer says %v", tt.code, got)
				}
			},
		})
	}
	return append(all, scenario{name: "the peer is gone without a Close", needs: drop, run: func(us *side, p *session) {
		p.drop()
		err := us.wantEnd("reading ends")
		if !errors.Is(err, io.ErrUnexpectedEOF) || conn.CloseStatus(err) != 1006 {
			us.t.Errorf("an end without a Close is 1006 and io.ErrUnexpectedEOF: %v", err)
		}
	}})
}

// wantClosed checks the error that says how the peer has closed.
func wantClosed(us *side, code conn.StatusCode, reason string) {
	us.t.Helper()
	err := us.wantEnd("reading ends with the peer's Close")
	closed, ok := errors.AsType[*conn.CloseError](err)
	if !ok || closed.Code != code || closed.Reason != reason {
		us.t.Fatalf("the peer closed with %d %q, Read says: %v", code, reason, err)
	}
	if normal := code == 1000 || code == 1001; errors.Is(err, io.EOF) != normal {
		us.t.Errorf("errors.Is(err, io.EOF) is %v for %d", !normal, code)
	}
}

func refusalScenarios() []scenario {
	return []scenario{
		{name: "a message over our limit", max: 1024, run: func(us *side, p *session) {
			p.send(binary(period, 1024))
			us.want("exactly the limit passes", binary(period, 1024))
			p.send(binary(period, 4<<20))
			wantRefused(us, p, 1009)
		}},
		{name: "text that is not UTF-8", needs: fragments, run: func(us *side, p *session) {
			m := content{"text", "61ff", 4}
			p.do(command{Do: "send", content: &m, Fragments: 2})
			wantRefused(us, p, 1007)
		}},
	}
}

// wantRefused checks that both ends know which rule the peer has broken, though
// the peer may still have been sending.
func wantRefused(us *side, p *session, code int) {
	us.t.Helper()
	err := us.wantEnd("reading ends")
	broken, ok := errors.AsType[*conn.ProtocolError](err)
	if !ok || int(broken.Code) != code {
		us.t.Fatalf("a broken rule is a *ProtocolError with %d: %v", code, err)
	}
	if got := p.next("the peer is told"); got.Event != "close" || got.Code != code {
		us.t.Errorf("our Close says %d and no reset destroys it: the peer says %v", code, got)
	}
}

func subprotocolScenarios() []scenario {
	greet := func(us *side, p *session) {
		us.write(text("hello", 5))
		p.want("it works", messageEvent(text("hello", 5)))
	}
	return []scenario{
		{name: "subprotocol, one offered", offer: []string{"chat"}, agreed: "chat", run: greet},
		{name: "subprotocol, one of two known", offer: []string{"unknown", "superchat"}, agreed: "superchat", run: greet},
	}
}

func TestContentIsWhatThePeersMake(t *testing.T) {
	if got := text("abc", 5).bytes(); !bytes.Equal(got, []byte("abcab")) {
		t.Errorf("a unit is repeated and cut: %q", got)
	}
}
