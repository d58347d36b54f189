package fuzz

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/parleyws/websocket/conn"
)

// Any session of frames that are mostly right: as FuzzConn, but the fuzzer changes
// frames and not bytes.
func FuzzSession(f *testing.F) {
	for i, s := range sessionSeeds(f) {
		f.Add(s.toServer, uint16(0), []byte{byte(i)}, []byte(s.script))
	}
	f.Fuzz(func(t *testing.T, server bool, limit uint16, cuts, program []byte) {
		s := script(program)
		wire := s.session().wire(server)
		synctest.Test(t, func(t *testing.T) {
			requireReference(t, server, limit, cuts, wire)
		})
	})
}

// A client and a server are the same to their peers but for the masks: a session
// has the same outcome for both.
func FuzzRoles(f *testing.F) {
	for _, s := range sessionSeeds(f) {
		f.Add(uint16(0), []byte(s.script))
	}
	f.Fuzz(func(t *testing.T, limit uint16, program []byte) {
		s := script(program)
		session := s.session()
		if session.junk {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			server := listen(true, limit, &tape{in: session.wire(true)}, read)
			client := listen(false, limit, &tape{in: session.wire(false)}, read)
			r := newReference(true, limitOf(limit), session.wire(true)).readAll()
			wrong := cmp.Or(wrongAnswers(server.said, r), wrongAnswers(client.said, r))
			if wrong != "" || !server.sameAs(client) || !slices.Equal(server.messages, client.messages) {
				t.Fatalf("%s\n% x\nserver %v\nclient %v", wrong, session.wire(false), server, client)
			}
		})
	})
}

// This side closes at any point of a session: from then on it says nothing more,
// and drops what comes until the peer's Close frame. Frames have to be frames to
// the end.
func FuzzClosing(f *testing.F) {
	for i, s := range sessionSeeds(f) {
		f.Add(s.toServer, uint8(i%3), []byte{byte(i)}, []byte(s.script))
	}
	f.Fuzz(func(t *testing.T, server bool, after uint8, cuts, program []byte) {
		s := script(program)
		wire := s.session().wire(server)
		r := newReference(server, limitOf(0), wire)
		r.deaf = r.readMessages(int(after))
		want := r.messages
		r.readAll()
		synctest.Test(t, func(t *testing.T) {
			nc := &tape{in: wire, cuts: cuts}
			c := quiet(server, 0, nc)
			got := readSome(c, int(after))
			result := c.Close(conn.StatusGoingAway, farewell)
			said := newReference(!server, math.MaxInt64, nc.told()).readAll()
			for _, wrong := range []string{
				nc.offence, wrongResult(r, result), wrongFarewell(said, r, c.Err()),
			} {
				if wrong != "" || !slices.Equal(got, want) {
					t.Fatalf("%s\n% x\n%q, want %q\n%v, %v\nsaid %+v\nreference %+v", wrong, wire, got, want, result, c.Err(), said, r)
				}
			}
		})
	})
}

const farewell = "enough of that"

// readSome reads n messages, or as many as there are.
func readSome(c *conn.Conn, n int) (all []message) {
	for range n {
		typ, p, err := c.Read(context.Background())
		if err != nil {
			break
		}
		all = append(all, message{byte(typ), string(p)})
	}
	return all
}

// wrongResult looks at what Close returns.
func wrongResult(r *reference, result error) string {
	_, broken := errors.AsType[*conn.ProtocolError](result)
	switch r.end {
	case closed:
		if result != nil {
			return "Close returns an error, though Close frames went both ways"
		}
	case failed:
		if !broken || int(conn.CloseStatus(result)) != r.code {
			return "Close does not tell of the broken rule"
		}
	case open:
		if conn.CloseStatus(result) != conn.StatusAbnormalClosure || !errors.Is(result, io.ErrUnexpectedEOF) {
			return "Close does not tell that the stream has ended"
		}
	}
	return ""
}

// wrongFarewell looks at what this side said, and at what the program is told. A
// reference that is deaf has sent its Close frame first.
func wrongFarewell(said, r *reference, end error) string {
	switch {
	case r.deaf != errors.Is(end, net.ErrClosed):
		return "net.ErrClosed is an end that this side chose, and nothing else is"
	case !r.deaf:
		return cmp.Or(wrongAnswers(said, r), wrongClose(said, r.code))
	case said.reason != farewell:
		return "another reason"
	}
	return cmp.Or(wrongAnswers(said, r), wrongClose(said, int(conn.StatusGoingAway)))
}
