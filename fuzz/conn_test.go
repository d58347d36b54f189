package fuzz

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/vectors"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// Any bytes: a connection makes of them what the reference does, in every way to
// read them, however they are cut. It does not panic and leaves nothing behind,
// and what it says would pass its peer's own rules, with one Close frame at most.
func FuzzConn(f *testing.F) {
	for _, v := range vectors.Load(f, "*") {
		if len(v.Wire) < 2000 {
			f.Add(v.Role == frame.Server, uint16(v.Max), []byte{2}, v.Wire)
		}
	}
	f.Fuzz(func(t *testing.T, server bool, limit uint16, cuts, wire []byte) {
		synctest.Test(t, func(t *testing.T) {
			requireReference(t, server, limit, cuts, wire)
		})
	})
}

// requireReference lets connections read wire, and compares them with the
// reference.
func requireReference(t *testing.T, server bool, limit uint16, cuts, wire []byte) {
	r := newReference(server, limitOf(limit), wire).readAll()
	whole := listen(server, limit, &tape{in: wire}, read)
	whole.require(t, r, wire)
	for _, w := range ways {
		cut := listen(server, limit, &tape{in: wire, cuts: cuts}, w)
		cut.require(t, r, wire)
		if !whole.sameAs(cut) || whole.end.Error() != cut.end.Error() || whole.said.reason != cut.said.reason {
			t.Fatalf("% x\ncut into %d, %s:\n%v\nas a whole:\n%v", wire, cuts, w.name, cut, whole)
		}
	}
}

// limitOf is what Config.MaxMessage says a limit means.
func limitOf(limit uint16) uint64 {
	if limit == 0 {
		return 1 << 20
	}
	return uint64(limit)
}

// quiet is a connection of which nothing is heard unless it is told something.
func quiet(server bool, limit uint16, nc *tape) *conn.Conn {
	role := frame.Client
	if server {
		role = frame.Server
	}
	return conn.New(&handshake.Upgraded{Conn: nc, Role: role}, &conn.Config{
		MaxMessage: int64(limit), KeepAlive: conn.KeepAlive{Interval: -1}, Backlog: math.MaxInt32,
	})
}

// story is what a program and its peer saw of a connection.
type story struct {
	way      way
	messages []message
	last     error // of reading
	end      error
	stats    conn.Stats
	said     *reference // what the peer heard
	offence  string
}

// listen lets a connection read a tape to its end.
func listen(server bool, limit uint16, nc *tape, w way) *story {
	s := &story{way: w}
	c := quiet(server, limit, nc)
	s.messages, s.last = w.readAll(c, nc)
	<-c.Done()
	s.end, s.stats, s.offence = c.Err(), c.Stats(), nc.offence
	s.said = newReference(!server, math.MaxInt64, nc.told()).readAll()
	return s
}

// sameAs compares two stories but for the messages, the Pongs and the words of the
// errors.
func (s *story) sameAs(other *story) bool {
	return errors.Is(s.end, other.end) && errors.Is(other.end, s.end) &&
		s.said.end == other.said.end && s.said.code == other.said.code
}

func (s *story) String() string {
	return fmt.Sprintf("%s: %q\n%v, %v\n%s %d %q, pongs %q %s",
		s.way.name, s.messages, s.last, s.end, s.said.end, s.said.code, s.said.reason, s.said.pongs, s.offence)
}

// require compares a story with the reference.
func (s *story) require(t *testing.T, r *reference, wire []byte) {
	t.Helper()
	for _, wrong := range []string{
		s.offence, s.way.wrongMessages(s, r), s.wrongEnd(r), wrongAnswers(s.said, r), wrongClose(s.said, r.code),
	} {
		if wrong != "" {
			t.Fatalf("%s\n% x\n%v\nreference: %q\n%s %d %q, answers %q", wrong, wire, s, r.messages, r.end, r.code, r.reason, r.answers)
		}
	}
}

// wrongEnd looks at the error that the program was told.
func (s *story) wrongEnd(r *reference) string {
	want := 1006 // no Close frame
	if r.end != open {
		want = r.code
	}
	_, broken := errors.AsType[*conn.ProtocolError](s.end)
	said, heard := errors.AsType[*conn.CloseError](s.end)
	switch {
	case int(conn.CloseStatus(s.end)) != want:
		return "another code"
	case broken != (r.end == failed) || heard == broken:
		return "another kind of end"
	case heard && said.Reason != r.reason:
		return "another reason"
	case errors.Is(s.end, io.EOF) != (r.end == closed && (want == 1000 || want == 1001)):
		return "io.EOF is a normal closure, and nothing else is"
	case errors.Is(s.end, io.ErrUnexpectedEOF) != (r.end == open):
		return "io.ErrUnexpectedEOF is an end without a Close frame, and nothing else is"
	case s.last != s.end && conn.CloseStatus(s.last) != conn.CloseStatus(s.end):
		return "reading told of another end"
	case s.stats.MessagesReceived != uint64(len(r.messages)):
		return "Stats counted another number of messages"
	}
	return ""
}

// wrongAnswers looks at the Pongs: one for each Ping. Of many that come at once
// only the last has to be answered, RFC 6455, section 5.5.3.
func wrongAnswers(said, r *reference) string {
	if !manyAnswers(r.answers) {
		if !slices.Equal(said.pongs, r.answers) {
			return "other Pongs"
		}
		return ""
	}
	rest := r.answers
	for _, p := range said.pongs {
		at := slices.Index(rest, p)
		if at < 0 {
			return "a Pong to no Ping, or in another order"
		}
		rest = rest[at+1:]
	}
	if said.pongs == nil || said.pongs[len(said.pongs)-1] != r.answers[len(r.answers)-1] {
		return "the last Ping is not answered"
	}
	return ""
}

// manyAnswers reports whether there are more than a connection has to remember.
func manyAnswers(pongs []string) bool {
	size := 0
	for _, p := range pongs {
		size += frame.MaxHeaderSize + len(p)
	}
	return size > 2048
}

// wrongClose looks at what was said as the peer does, that is at a session which
// is to be closed with that code, or not at all.
func wrongClose(said *reference, code int) string {
	switch {
	case said.end == failed || said.cut:
		return "the peer would not understand"
	case said.code != code:
		return "another Close frame"
	case len(said.rest) > 0:
		return "something comes after the Close frame"
	case len(said.messages) > 0 || len(said.answers) > 0:
		return "messages that nobody wrote"
	}
	return ""
}
