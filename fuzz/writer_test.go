package fuzz

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/parleyws/websocket/conn"
)

// A program writes in all the ways there are, one after the other, and some of
// its contexts end at any byte. What the peer hears is what was written, message
// by message, no byte more or less, and after our Close frame nothing.
func FuzzWriter(f *testing.F) {
	for _, server := range []bool{false, true} {
		for _, program := range []string{
			"\x00\x03bye\x00\x05Hello\x09\x03abc\x02\x03\x01a\x42\x02bc\x04\x02de\x14\x00\x05",     // one of each
			"\x00\x00\x03\x06\x02on\x01\x05\x04\x04late\x16\x03\x01e\x00\x00\x01x",                 // a stream
			"\x00\x00\x10\x05Hello\x01\x00\x10\x05Hello\x00\x00\x12\x02\x01a\x62\x04\x00\x00\x01b", // cut writes
			"\x07\x86\x13\x10\x00\x0E\x62\x01\x16\x62\x01\x00\x01z",                                // a cut stream
			"\x80\x00\x03\x06\x62\x07\x04\x04lost",                                                 // Close inside a stream
			"\x00\x00\x04\x68", "\x00\x00\x04\x6A",                                                 // a byte more than is sent at once, by a client, by a server
		} {
			f.Add(server, []byte(program))
		}
	}
	f.Fuzz(func(t *testing.T, server bool, program []byte) {
		synctest.Test(t, func(t *testing.T) {
			nc := &tape{in: closeFromPeer(server)}
			a := &author{t: t, c: quiet(server, 0, nc), nc: nc, script: program, server: server}
			a.run()
			a.require()
		})
	})
}

// closeFromPeer is what the peer says. It is not heard before this side closes,
// for nobody reads.
func closeFromPeer(server bool) []byte {
	s := session{frames: []sessionFrame{{first: 0x80 | opClose, payload: []byte("\x03\xE8")}}}
	return s.wire(server)
}

// author is a program that writes, and what is to come of it. It does one thing
// at a time, and the next one when nothing is on its way any more.
type author struct {
	t      *testing.T
	c      *conn.Conn
	nc     *tape
	server bool
	script script
	size   int // bytes of payload so far

	want   []message // that the peer hears
	pings  int       // as well
	code   int       // of our Close frame
	reason string

	cancel context.CancelFunc // of the context in use, if it can end
	room   int                // bytes that are sent before it does

	stream *stream // a message that is being streamed, if there is one
}

func (a *author) run() {
	b, reason := a.script.byte(), a.script.payload()
	for len(a.script) > 0 && a.size < maxSession && a.c.Err() == nil {
		synctest.Wait()
		a.step(a.script.byte())
	}
	if b&0x80 == 0 {
		a.finish()
	}
	a.disarm()
	a.close(codes[int(b&0x3F)%len(codes)], string(reason))
	a.requireRefused()
}

// step does one thing. The low bits say what, the others how.
func (a *author) step(b byte) {
	kind := byte(opText) + b>>3&1
	mayEnd := b>>4&1 == 1
	what := b & 7
	if waits := what < 4; a.stream != nil && what < 6 && (waits || a.cancel != nil) {
		a.finish() // or this would wait for it, or be hit by its context
		if a.c.Err() != nil {
			return
		}
		synctest.Wait()
	}
	switch what {
	case 0:
		a.write(kind, mayEnd)
	case 1:
		a.writePrepared(kind, mayEnd)
	case 2:
		a.writeBatch(kind, mayEnd)
	case 3:
		a.begin(kind, mayEnd)
	case 4:
		a.tryWrite(kind, mayEnd)
	case 5:
		a.ping()
	case 6:
		a.fragment(mayEnd)
	case 7:
		a.finish()
	}
}

// message reads a message to be written. Text that is none would be the program's
// mistake.
func (a *author) message(kind byte) message {
	p := a.script.payload()
	a.size += len(p)
	if kind == opText {
		return message{kind, strings.ToValidUTF8(string(p), "?")}
	}
	return message{kind, string(p)}
}

// to returns m as it is given to a connection.
func (m message) to() (conn.MessageType, []byte) {
	return conn.MessageType(m.kind), []byte(m.data)
}

// require compares what the peer hears with what was written.
func (a *author) require() {
	said := newReference(!a.server, math.MaxInt64, a.nc.told()).readAll()
	wrong := a.nc.offence
	switch {
	case wrong != "":
	case said.end != closed || said.code != a.code || len(said.rest) > 0:
		wrong = "another end"
	case said.reason != a.reason && len(a.reason) <= 123 && utf8.ValidString(a.reason):
		wrong = "another reason"
	case !slices.Equal(said.messages, a.want):
		wrong = "other messages"
	case len(said.answers) != a.pings || len(said.pongs) > 0:
		wrong = "other Pings"
	}
	if wrong != "" {
		a.t.Fatalf("%s\n% x\n%q, %d Pings, %s %d %q\nwant %q, %d Pings, %d %q", wrong, a.nc.told(),
			said.messages, len(said.answers), said.end, said.code, said.reason, a.want, a.pings, a.code, a.reason)
	}
}
