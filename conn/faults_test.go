package conn

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// This file plays the session over a transport that fails at every place where
// that could matter, and holds what came of it against the bytes that really passed.

// faultCase is one playing of the session.
type faultCase struct {
	role   frame.Role // ours
	faults wstest.Faults
	read   way
	weEnd  bool // we begin the closing handshake, not the peer
}

// run plays the session. It has to be called in a bubble.
func (f faultCase) run() *faultOutcome {
	nc, other := wstest.Pipe()
	o := &faultOutcome{tap: &faultTap{Conn: wstest.Faulty(nc, f.faults)}}
	o.ours = newSide(o.tap, f.role, f.read)
	o.theirs = newSide(other, peerOf(f.role), ways[0])
	o.takeSteps()
	return o
}

// play runs a case in a bubble: at its end no goroutine may be left.
func (f faultCase) play(t *testing.T, check func(t *testing.T, o *faultOutcome)) {
	synctest.Test(t, func(t *testing.T) {
		o := f.run()
		o.finish(t, f.weEnd)
		synctest.Wait() // whoever reads on behind the end is gone too
		o.check(t, f)
		check(t, o)
	})
}

// eachFaultCase calls f in both roles and with both ways to end.
func eachFaultCase(t *testing.T, f func(t *testing.T, base faultCase)) {
	for _, role := range roles {
		for _, weEnd := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v/we close=%v", role, weEnd), func(t *testing.T) {
				f(t, faultCase{role: role, weEnd: weEnd, read: ways[0]})
			})
		}
	}
}

// TestFaultsShortReadsAndWrites: a transport that takes and gives as little as it
// likes disturbs nothing.
func TestFaultsShortReadsAndWrites(t *testing.T) {
	eachFaultCase(t, func(t *testing.T, f faultCase) {
		for i, most := range []int{1, 2, 7, 125, 1000, 5000} {
			f.read = ways[i%len(ways)]
			f.faults = wstest.Faults{MaxRead: most, MaxWrite: most, Seed: uint64(i)} // 0: always so many
			f.play(t, func(t *testing.T, o *faultOutcome) { o.requireWhole(t) })
		}
	})
}

// TestFaultsTimeouts: a timeout that nobody has asked for, at any call, is a
// reason to try again, and nothing is lost or sent twice.
func TestFaultsTimeouts(t *testing.T) {
	eachFaultCase(t, func(t *testing.T, f faultCase) {
		const most = 40
		for i := range most {
			at := []wstest.Fault{wstest.TimeoutAtCall(i + 1), wstest.TimeoutAtCall(i + 2), wstest.TimeoutAtCall(2*i + 5)}
			f.read = ways[i%len(ways)]
			f.faults = wstest.Faults{Read: at, Write: at}
			f.play(t, func(t *testing.T, o *faultOutcome) { o.requireWhole(t) })
		}
	})
}

// places returns where on the wire a fault is of interest: before, inside and
// after every header and payload.
func places(t *testing.T, wire []byte) []int64 {
	set := map[int64]bool{}
	for _, s := range frameSpans(t, wire) {
		for _, at := range []int{
			s.start, s.start + 1, (s.start + s.payload) / 2, s.payload - 1, s.payload,
			min(s.payload+1, s.end), (s.payload + s.end) / 2, s.end - 1,
		} {
			set[int64(at)] = true
		}
	}
	set[int64(len(wire))] = true
	return slices.Sorted(maps.Keys(set))
}

// fatal are the faults that end a connection, by the direction that they can
// happen in.
var fatal = []struct {
	name        string
	at          func(n int64) wstest.Fault
	read, write bool
}{
	{"EOF", wstest.EOFAt, true, false},
	{"reset", wstest.ResetAt, true, true},
	{"error", func(n int64) wstest.Fault { return wstest.ErrorAt(n, syscall.EHOSTUNREACH) }, true, true},
	{"would block", func(n int64) wstest.Fault { return wstest.ErrorAt(n, syscall.EAGAIN) }, true, false},
	{"broken pipe", func(n int64) wstest.Fault { return wstest.ErrorAt(n, syscall.EPIPE) }, false, true},
}

// TestFaultsAnywhere: the connection ends at any place, for any reason, in either
// direction.
func TestFaultsAnywhere(t *testing.T) {
	eachFaultCase(t, func(t *testing.T, f faultCase) {
		var in, out []byte
		f.play(t, func(t *testing.T, o *faultOutcome) {
			o.requireWhole(t)
			in, out = o.tap.in, o.tap.out
		})
		for _, fault := range fatal {
			if fault.read {
				f.failAt(t, "read/"+fault.name, in, func(at int64) wstest.Faults {
					return wstest.Faults{Read: []wstest.Fault{fault.at(at)}}
				})
			}
			if fault.write {
				f.failAt(t, "write/"+fault.name, out, func(at int64) wstest.Faults {
					return wstest.Faults{Write: []wstest.Fault{fault.at(at)}}
				})
			}
		}
	})
}

// failAt plays the session once for every place on the wire.
func (f faultCase) failAt(t *testing.T, name string, wire []byte, faults func(at int64) wstest.Faults) {
	t.Run(name, func(t *testing.T) {
		ends := frameSpans(t, wire)
		lastFrame := int64(ends[len(ends)-1].start) // the Close frame
		all := places(t, wire)
		if testing.Short() || raceEnabled {
			all = everyFifth(all)
		}
		for i, at := range all {
			f.read, f.faults = ways[i%len(ways)], faults(at)
			f.play(t, func(t *testing.T, o *faultOutcome) {
				if at < lastFrame {
					require.True(t, o.stopped, "a fault at %d of %d must have been felt", at, len(wire))
				}
			})
			if t.Failed() {
				t.Fatalf("with the fault at byte %d of %d, read by %s", at, len(wire), f.read.name)
			}
		}
	})
}

func everyFifth(all []int64) (some []int64) {
	for i := 0; i < len(all); i += 5 {
		some = append(some, all[i])
	}
	return some
}

// TestFaultsTogether: random short reads and writes with a timeout here and there,
// and then the end in the middle of the large message.
func TestFaultsTogether(t *testing.T) {
	eachFaultCase(t, func(t *testing.T, f faultCase) {
		for seed := range uint64(20) {
			at := int64(100 + seed*3571)
			f.read = ways[seed%4]
			f.faults = wstest.Faults{
				MaxRead: 3000, MaxWrite: 3000, Seed: seed + 1,
				Read:  []wstest.Fault{wstest.TimeoutAtCall(int(seed) + 1), wstest.ResetAt(at)},
				Write: []wstest.Fault{wstest.TimeoutAtCall(int(seed) + 3), wstest.ErrorAt(at+500, syscall.EPIPE)},
			}
			f.play(t, func(t *testing.T, o *faultOutcome) { require.True(t, o.stopped) })
		}
	})
}
