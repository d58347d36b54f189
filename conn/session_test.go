package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// This file has the session that is played where transports fail, and what must
// hold of it whatever has failed, and where.

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
	return sideOf(New(upgraded(nc, role), calm(&Config{CloseTimeout: faultCloseTimeout})), read)
}

func sideOf(c *Conn, read way) *side {
	s := &side{Conn: c, read: read, next: make(chan received, 100), failed: make(chan struct{})}
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
	t.pass(&t.in, p[:n])
	return n, err
}

func (t *faultTap) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.pass(&t.out, p[:n])
	return n, err
}

func (t *faultTap) pass(direction *[]byte, p []byte) {
	t.mu.Lock()
	*direction = append(*direction, p...)
	t.mu.Unlock()
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

// takeSteps takes all steps, as far as that goes.
func (o *faultOutcome) takeSteps() {
	for _, s := range faultSteps {
		if !o.take(s, o.ours, o.theirs) || !o.take(s, o.theirs, o.ours) {
			o.stopped = true
			return
		}
	}
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
	if errors.Is(o.ours.Err(), net.ErrClosed) {
		// We have closed, and "what the peer has sent and nobody has read is dropped".
		arrived = arrived[:min(len(arrived), len(o.ours.got))]
	}
	if !slices.Equal(arrived, o.ours.got) {
		t.Fatalf("what came, %.30q, was not delivered once and in order: %.30q, then %v", arrived, o.ours.got, o.ours.err)
	}
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
		require.Equal(t, StatusNormalClosure, CloseStatus(err))
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

// requireWhole says that the session was not disturbed.
func (o *faultOutcome) requireWhole(t *testing.T) {
	require.NoError(t, o.failure)
	require.False(t, o.stopped)
	require.Equal(t, faultScript(), o.ours.got)
	require.Equal(t, faultScript(), o.theirs.got)
	require.NoError(t, o.closing)
}
