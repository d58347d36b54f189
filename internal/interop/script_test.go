package interop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

// line is a message of the script that both sides speak where messages are
// compressed.
type line struct {
	content
	how       how
	fragments int  // if streamed
	chat      bool // like those before it
	squeezes  bool // to three quarters or less, by itself
}

// how a message is sent. A peer knows a part of it.
type how uint8

const (
	written how = iota
	batched
	tried
	prepared
	plainly // without compression
	streamed
)

func (l line) String() string {
	ways := [...]string{"written", "batched", "tried", "prepared", "not compressed", fmt.Sprintf("in %d fragments", l.fragments)}
	return fmt.Sprintf("%v, %s", l.content, ways[l.how])
}

// script is what both sides say: small messages that resemble each other, sent
// in all ways, then such that are empty, tiny, large, in fragments, without order,
// and some that are repeated from just within and just beyond the window.
func script(agreed handshake.Deflate) []line {
	c := newCorpus()
	var all []line
	chat := func(n int, how how) {
		for range n {
			all = append(all, line{content: c.chat(), how: how, chat: true})
		}
	}
	say := func(m content, how how) { all = append(all, line{content: m, how: how}) }
	stream := func(m content, n int) { all = append(all, line{content: m, how: streamed, fragments: n}) }

	chat(8, written)
	for range 3 {
		chat(1, plainly)
		chat(2, written)
		chat(1, prepared)
		chat(2, batched)
		chat(2, tried)
	}
	for _, n := range []int{0, 1, 2, 3, 15, 16, 125, 126, 1000, 4095, 4096, 4097, 20_000, 1<<16 + 1} {
		all = append(all, line{content: c.prose(n), squeezes: n >= 1000})
	}
	say(c.noise(1), written)
	say(c.noise(300), plainly)
	say(c.noise(20_000), written)
	stream(c.prose(0), 3)
	stream(c.prose(100), 5)
	stream(c.prose(5000), 50)
	stream(c.noise(5000), 2)
	stream(c.prose(20_000), 3)
	for _, bits := range slices.Compact([]int{agreed.ServerMaxWindowBits, agreed.ClientMaxWindowBits}) {
		for _, off := range []int{-1, 0, 1} {
			say(c.farApart(1<<bits+off), written)
		}
	}
	if agreed.ServerMaxWindowBits == 15 {
		all = append(all, line{content: c.prose(256 << 10), squeezes: true})
	}
	chat(2, written)
	return all
}

// say has us say all lines.
func say(us *side, lines []line) {
	us.t.Helper()
	var batch []conn.Message
	for _, l := range lines {
		if l.how != batched && len(batch) > 0 {
			check(us.t, us.WriteBatch(us.ctx, batch...))
			batch = nil
		}
		typ, data := typeOf(l.content), l.bytes()
		switch l.how {
		case written:
			us.write(l.content)
		case batched:
			batch = append(batch, conn.Message{Type: typ, Data: data})
		case tried:
			check(us.t, us.TryWrite(typ, data))
		case prepared:
			p, err := conn.NewPrepared(typ, data)
			check(us.t, err)
			check(us.t, us.WritePrepared(us.ctx, p))
		case plainly:
			check(us.t, us.Write(us.ctx, typ|conn.Uncompressed, data))
		case streamed:
			us.writeFragments(l.content, l.fragments, func() {})
		}
	}
}

// command has the peer say l, as far as it can.
func (l line) command(can ability) command {
	c := command{Do: "send", content: &l.content}
	c.Plain = l.how == plainly && can&plain != 0
	if l.how == streamed && can&fragments != 0 {
		c.Fragments = l.fragments
	}
	return c
}

// judge compares what went over the wire with what a side wanted to say: what was
// compressed, and whether it became smaller. The small messages that resemble each
// other do so because of those before them, and otherwise not.
func judge(t *testing.T, who string, wire []packet, lines []line, takeover bool, can ability) {
	t.Helper()
	if len(wire) != len(lines) {
		t.Fatalf("%s said %d messages, want %d", who, len(wire), len(lines))
	}
	first, chats, rest := wire[0].size, 0, 0
	for i, l := range lines {
		got := wire[i]
		switch {
		case got.typ != frame.Text && l.Type == "text":
			t.Errorf("%s said %v in place of %v", who, got, l)
		case l.how == plainly && can&plain != 0:
			if got.packed || got.size != l.Size {
				t.Errorf("%s compressed what it was told not to: %v: %v", who, l, got)
			}
		case l.squeezes && (!got.packed || 4*got.size > 3*l.Size):
			t.Errorf("%s did not compress well: %v: %v", who, l, got)
		case l.chat && l.how == written:
			chats++
			rest += got.size
		}
	}
	mean := float64(rest-first) / float64(chats-1)
	if short := mean < 0.7*float64(first); short != takeover {
		t.Errorf("%s said the first small message in %d bytes and the others in %.1f on average, with takeover %v", who, first, mean, takeover)
	}
}
