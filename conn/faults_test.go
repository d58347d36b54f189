package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// This file plays one session over a transport that fails at every place where
// that could matter, and holds the faultOutcome against the bytes that really passed.

// side is an endpoint of the session, which reads all the time. Of the two, ours
// has the transport that fails.
type side struct {
	*Conn
	read   way
	got    []received    // what was read, complete once failed is closed
	next   chan received // the same, as it comes
	failed chan struct{} // closed when a read has failed
	err    error         // with this
}

func newSide(nc net.Conn, role frame.Role, read way) *side {
	s := &side{
		Conn: New(upgraded(nc, role), calm(&Config{CloseTimeout: faultCloseTimeout})),
		read: read, next: make(chan received, 100), failed: make(chan struct{}),
	}
	go s.listen()
	return s
}

const faultCloseTimeout = 5 * time.Second

func (s *side) listen() {
	defer close(s.failed)
	for {
		m := s.read.receive(context.Background(), s.Conn)
		if m.Err != nil {
			s.err = m.Err
			return
		}
		s.got = append(s.got, m)
		s.next <- m
	}
}

// step is something that one side does, and the messages that the other gets.
type step struct {
	do   func(ctx context.Context, s *side) error
	says []received
}

// faultSteps are taken by both sides in turn.
var faultSteps = []step{
	sayOne(Text, "héllo"),
	sayOne(Binary, string(pattern(200))),
	{streamWithPing, []received{{Type: Text, Data: "Hello, wörld"}}},
	{pingOnce, nil},
	sayOne(Binary, string(pattern(70<<10))),
	sayOne(Text, ""),
	{twoAtOnce, []received{{Type: Text, Data: "one"}, {Type: Binary, Data: "two"}}},
}

func sayOne(typ MessageType, data string) step {
	return step{
		do:   func(ctx context.Context, s *side) error { return s.Write(ctx, typ, []byte(data)) },
		says: []received{{Type: typ, Data: data}},
	}
}

// streamWithPing sends three fragments, with a Ping after the first. The second
// ends inside a character.
func streamWithPing(ctx context.Context, s *side) error {
	w, err := s.Writer(ctx, Text)
	if err != nil {
		return err
	}
	for i, part := range []string{"Hello", ", w\xc3"} {
		io.WriteString(w, part)
		if err := w.(interface{ Flush() error }).Flush(); err != nil {
			return err
		}
		if i == 0 {
			if err := pingOnce(ctx, s); err != nil {
				return err
			}
		}
	}
	io.WriteString(w, "\xb6rld")
	return w.Close()
}

func pingOnce(ctx context.Context, s *side) error {
	_, err := s.Ping(ctx)
	return err
}

func twoAtOnce(ctx context.Context, s *side) error {
	return s.WriteBatch(ctx, Message{Text, []byte("one")}, Message{Binary, []byte("two")})
}

// faultTap remembers what passes.
type faultTap struct {
	net.Conn
	mu      sync.Mutex
	in, out []byte
}

func (t *faultTap) CloseWrite() error { return t.Conn.(interface{ CloseWrite() error }).CloseWrite() }

func (t *faultTap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.in = append(t.in, p[:n]...)
	return n, err
}

func (t *faultTap) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = append(t.out, p[:n]...)
	return n, err
}

// faultCase is one playing of the session.
type faultCase struct {
	role   frame.Role // ours
	faults wstest.Faults
	read   way
	weEnd  bool // we begin the closing handshake, not the peer
}

// faultOutcome is what came of it.
type faultOutcome struct {
	ours, theirs *side
	tap          *faultTap
	said         []received // by steps of ours that returned no error
	trying       int        // messages of the step that failed, if it was ours
	failure      error      // of the step that failed, if it was ours
	stopped      bool       // the steps were not all taken
	closing      error      // what Close returned, on our side
}

// run plays the session. It has to be called in a bubble.
func (f faultCase) run() *faultOutcome {
	nc, other := wstest.Pipe()
	o := &faultOutcome{tap: &faultTap{Conn: wstest.Faulty(nc, f.faults)}}
	o.ours = newSide(o.tap, f.role, f.read)
	o.theirs = newSide(other, peerOf(f.role), ways[0])
	for _, s := range faultSteps {
		if !o.take(s, o.ours, o.theirs) || !o.take(s, o.theirs, o.ours) {
			o.stopped = true
			break
		}
	}
	return o
}

// take has one side do something, and waits until the other has got it. It
// reports whether that went well.
func (o *faultOutcome) take(s step, from, to *side) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.do(ctx, from); err != nil {
		if from == o.ours {
			o.failure, o.trying = err, len(s.says)
		}
		return false
	}
	if from == o.ours {
		o.said = append(o.said, s.says...)
	}
	for range s.says {
		select {
		case <-to.next:
		case <-to.failed:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// finish ends the session. Whoever closes is back in time, whatever has failed.
func (o *faultOutcome) finish(t *testing.T, weEnd bool) {
	start := time.Now()
	first, second := o.theirs, o.ours
	if weEnd {
		first, second = second, first
	}
	results := map[*side]error{first: first.Close(StatusNormalClosure, "done")}
	results[second] = second.Close(StatusNormalClosure, "")
	o.closing = results[o.ours]
	require.NoError(t, o.ours.CloseNow())
	o.theirs.CloseNow()
	<-o.ours.Done()
	<-o.theirs.Done()
	<-o.ours.failed
	<-o.theirs.failed
	synctest.Wait() // whoever reads on behind the end is gone too
	require.LessOrEqual(t, time.Since(start), 2*faultCloseTimeout)
}

// faultScript is what either side says in all.
func faultScript() (all []received) {
	for _, s := range faultSteps {
		all = append(all, s.says...)
	}
	return all
}

// complete returns the messages that lie whole in wire, and whether there is a
// Close frame. An endpoint of role sent it.
func complete(t *testing.T, role frame.Role, wire []byte) (all []received, closed bool) {
	var m received
	for _, f := range wholeFrames(t, role, wire) {
		switch {
		case f.Opcode == frame.Close:
			closed = true
		case f.Opcode.IsControl():
		default:
			if f.Opcode != frame.Continuation {
				m = received{Type: f.Opcode}
			}
			m.Data += string(f.Payload)
			if f.Fin {
				all = append(all, m)
			}
		}
	}
	return all, closed
}

// wholeFrames returns the frames that lie whole in wire.
func wholeFrames(t *testing.T, role frame.Role, wire []byte) []wstest.Frame {
	end := 0
	for _, f := range frameSpans(t, wire) {
		if f.end <= len(wire) {
			end = f.end
		}
	}
	return frames(t, role, slices.Clone(wire[:end]))
}

// span is where a frame lies on the wire.
type span struct{ start, payload, end int }

func frameSpans(t *testing.T, wire []byte) (all []span) {
	for at := 0; at < len(wire); {
		h, n, err := frame.ParseHeader(wire[at:])
		require.NoError(t, err)
		if n == 0 {
			break
		}
		s := span{at, at + n, at + n + int(h.Length)}
		all = append(all, s)
		at = s.end
	}
	return all
}

// check holds what came of a session against what the wire says. It is to be
// called after finish.
func (o *faultOutcome) check(t *testing.T, f faultCase) {
	script := faultScript()
	arrived, closed := complete(t, peerOf(f.role), o.tap.in)
	require.Equal(t, arrived, append([]received(nil), o.ours.got...), "all that came is delivered once, in order")
	require.Equal(t, script[:len(o.ours.got)], append([]received{}, o.ours.got...))
	require.Equal(t, script[:len(o.theirs.got)], append([]received{}, o.theirs.got...), "nothing is lost, nothing doubled")

	sent, _ := complete(t, f.role, o.tap.out)
	require.Equal(t, script[:len(sent)], append([]received{}, sent...))
	require.GreaterOrEqual(t, len(sent), len(o.said), "what a method says it sent was sent")
	require.LessOrEqual(t, len(sent), len(o.said)+o.trying)
	if o.failure != nil && !isOwnTimeout(o.failure) {
		requireAbnormal(t, o.failure)
	}
	o.checkEnd(t, closed)
}

// isOwnTimeout: our Ping waited in vain, as the failing write was that of their
// Pong.
func isOwnTimeout(err error) bool { return err == context.DeadlineExceeded }

func requireAbnormal(t *testing.T, err error) {
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, &CloseError{Code: StatusAbnormalClosure})
	require.NotErrorIs(t, err, io.EOF)
}

// checkEnd: the connection has ended in one of three ways, and says so for ever.
func (o *faultOutcome) checkEnd(t *testing.T, closed bool) {
	c := o.ours.Conn
	err := c.Err()
	switch {
	case errors.Is(err, net.ErrClosed): // we were the first
		// 1011: a message that was being streamed could not be completed.
		require.Contains(t, []StatusCode{StatusNormalClosure, StatusInternalError}, CloseStatus(err))
		if o.closing != nil {
			requireAbnormal(t, o.closing)
		}
	case closed:
		require.Equal(t, &CloseError{Code: StatusNormalClosure, Reason: "done"}, err)
	default:
		requireAbnormal(t, err)
	}
	ctx := context.Background()
	for range 2 {
		_, _, readErr := c.Read(ctx)
		_, _, readerErr := c.Reader(ctx)
		_, pingErr := c.Ping(ctx)
		_, writerErr := c.Writer(ctx, Text)
		for i, again := range []error{
			readErr, readerErr, pingErr, writerErr, c.Write(ctx, Text, nil), c.TryWrite(Text, nil),
			c.WriteBatch(ctx, Message{Type: Text}), c.Err(),
		} {
			require.Same(t, err, again, "method %d", i)
		}
		require.Equal(t, o.closing, c.Close(StatusNormalClosure, ""))
		require.NoError(t, c.CloseNow())
	}
}

// play runs a case in a bubble: at its end no goroutine may be left.
func (f faultCase) play(t *testing.T, check func(t *testing.T, o *faultOutcome)) {
	synctest.Test(t, func(t *testing.T) {
		o := f.run()
		o.finish(t, f.weEnd)
		o.check(t, f)
		check(t, o)
	})
}

// requireWhole says that the session was not disturbed.
func (o *faultOutcome) requireWhole(t *testing.T) {
	require.NoError(t, o.failure)
	require.False(t, o.stopped)
	require.Equal(t, faultScript(), o.ours.got)
	require.Equal(t, faultScript(), o.theirs.got)
	require.NoError(t, o.closing)
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
