package conn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/vectors"
)

// The machine has no I/O and no clock, so everything here is bytes in, events
// out.

// heard is what the machine made of some bytes, whatever the pieces.
type heard struct {
	messages []string // "TEXT Hello"
	controls []string // "PING ?"
	partial  []byte   // of a message whose end has not come
	code     StatusCode
}

// listener feeds a machine, and keeps the bytes that it has not taken.
type listener struct {
	in   inbound
	rest []byte
	got  heard
	over bool // a Close frame or an error has come
}

func newListener(role frame.Role, limit int64) *listener {
	l := &listener{in: inbound{limit: limit}}
	l.in.rules.Role = role
	return l
}

// hear takes more bytes through next.
func (l *listener) hear(t *testing.T, p []byte) {
	l.rest = append(l.rest, p...)
	for !l.over {
		n, ev, err := l.in.next(l.rest)
		l.rest = l.rest[n:]
		if err != nil {
			l.fail(err)
			return
		}
		if ev.op == needMore && n == 0 {
			if most := frame.MaxHeaderSize + frame.MaxControlPayload; len(l.rest) > most {
				t.Fatalf("%d bytes are left for later, it may be %d", len(l.rest), most)
			}
			return
		}
		l.note(ev)
	}
}

// hearDirect is hear for payload that does not pass through a buffer, as far as
// p is that.
func (l *listener) hearDirect(t *testing.T, p []byte) {
	for len(p) > 0 && !l.over {
		if l.in.left == 0 || len(l.rest) > 0 {
			l.hear(t, p[:1])
			p = p[1:]
			continue
		}
		n := int(min(int64(len(p)), l.in.left))
		data := append([]byte{}, p[:n]...)
		end, err := l.in.take(data)
		if err != nil {
			l.fail(err)
			return
		}
		l.note(event{op: l.in.kind, data: data, end: end})
		p = p[n:]
	}
}

func (l *listener) fail(err error) { l.over, l.got.code = true, protocolError(err).Code }

func (l *listener) note(ev event) {
	switch {
	case ev.op == needMore:
	case ev.op.IsControl():
		l.got.controls = append(l.got.controls, fmt.Sprintf("%v %s", ev.op, ev.data))
		l.over = ev.op == frame.Close
	default:
		l.got.partial = append(l.got.partial, ev.data...)
		if ev.end {
			l.got.messages = append(l.got.messages, fmt.Sprintf("%v %s", ev.op, l.got.partial))
			l.got.partial = nil
		}
	}
}

// expected is what the machine has to make of a vector.
func expected(v vectors.Vector) (h heard) {
	for _, m := range v.Messages {
		h.messages = append(h.messages, fmt.Sprintf("%v %s", m.Type, m.Data))
	}
	if v.End == vectors.Failed {
		h.code = v.Code
	}
	return h
}

func limitOf(v vectors.Vector) int64 {
	if v.Max == 0 {
		return math.MaxInt64
	}
	return v.Max
}

// Every vector gives the same events, whatever the split: whole, byte by byte,
// in random chunks, through the buffer and past it.
func TestRule24InboundVectorsInAnyChunks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 24))
	for _, v := range vectors.Load(t, "*") {
		t.Run(v.String(), func(t *testing.T) {
			want := expected(v)
			for name, cuts := range map[string][]int{
				"whole":         {len(v.Wire)},
				"byte by byte":  ones(len(v.Wire)),
				"random chunks": chunks(rnd, len(v.Wire)),
			} {
				buffered, direct := newListener(v.Role, limitOf(v)), newListener(v.Role, limitOf(v))
				wire := v.Wire
				for _, n := range cuts {
					buffered.hear(t, wire[:n])
					direct.hearDirect(t, wire[:n])
					wire = wire[n:]
				}
				require.Equal(t, want.messages, buffered.got.messages, name)
				require.Equal(t, buffered.got, direct.got, "%s, past the buffer", name)
				requireEnd(t, v, want, buffered)
			}
		})
	}
}

// requireEnd compares how the bytes left the machine. What a Close frame says is
// judged behind it.
func requireEnd(t *testing.T, v vectors.Vector, want heard, l *listener) {
	t.Helper()
	heardClose := l.over && l.got.code == 0
	require.Equal(t, v.End == vectors.Closed || v.End == vectors.Failed, l.over)
	if !heardClose {
		require.Equal(t, want.code, l.got.code)
	}
	if !l.over {
		require.Equal(t, v.End == vectors.Open, l.in.between() && len(l.rest) == 0)
	}
}

// A rule is found broken as soon as the bytes show it, not at the end of the
// frame or of the message.
func TestRule30InboundFailsEarly(t *testing.T) {
	for _, v := range vectors.Load(t, "*") {
		if v.End != vectors.Failed {
			continue
		}
		t.Run(v.String(), func(t *testing.T) {
			l := newListener(v.Role, limitOf(v))
			for i := range v.FailAt {
				l.hear(t, v.Wire[i:i+1])
			}
			require.True(t, l.over, "there is no excuse after byte %d", v.FailAt)
		})
	}
}

func ones(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = 1
	}
	return all
}

// head returns the header of a frame that the machine's peer sends, with a key
// of zeros, so that payloads may be written as they are.
func head(role frame.Role, op frame.Opcode, fin bool, length int64) []byte {
	return frame.Header{Opcode: op, Fin: fin, Length: length, Masked: role == frame.Server}.Append(nil)
}

func TestRule22LimitIsKnownFromTheHeader(t *testing.T) {
	type step struct {
		op      frame.Opcode
		fin     bool
		length  int64 // as the header says
		payload string
	}
	ten := strings.Repeat("x", 10)
	tests := []struct {
		name  string
		limit int64
		steps []step
		code  StatusCode
	}{
		{"exactly the limit", 10, []step{{frame.Text, true, 10, ten}}, 0},
		{"one over, before its payload", 10, []step{{frame.Text, true, 11, ""}}, StatusMessageTooBig},
		{"fragments of exactly the limit", 10, []step{{frame.Text, false, 4, "abcd"}, {frame.Continuation, true, 6, "efghij"}}, 0},
		{"fragments one over", 10, []step{{frame.Text, false, 4, "abcd"}, {frame.Continuation, true, 7, ""}}, StatusMessageTooBig},
		{"a pong in between does not count", 10, []step{{frame.Text, false, 4, "abcd"}, {frame.Pong, true, 5, "12345"}, {frame.Continuation, true, 6, "efghij"}}, 0},
		{"an empty fragment at the limit", 10, []step{{frame.Text, false, 10, ten}, {frame.Continuation, false, 0, ""}, {frame.Continuation, true, 0, ""}}, 0},
		{"one byte behind the limit", 10, []step{{frame.Text, false, 10, ten}, {frame.Continuation, false, 1, ""}}, StatusMessageTooBig},
		{"the next message has the limit for itself", 10, []step{{frame.Text, true, 10, ten}, {frame.Binary, true, 10, ten}}, 0},
		{"the longest length of all", 10, []step{{frame.Binary, true, math.MaxInt64, ""}}, StatusMessageTooBig},
		{"the longest length is within no limit", math.MaxInt64, []step{{frame.Binary, true, math.MaxInt64, ""}}, 0},
		{"the sum overflows", math.MaxInt64, []step{{frame.Binary, false, 1, "x"}, {frame.Continuation, true, math.MaxInt64, ""}}, StatusMessageTooBig},
		{"the sum is the most there can be", math.MaxInt64, []step{{frame.Binary, false, 1, "x"}, {frame.Continuation, true, math.MaxInt64 - 1, ""}}, 0},
		{"a limit of one", 1, []step{{frame.Text, true, 0, ""}, {frame.Text, true, 1, "x"}, {frame.Text, true, 2, ""}}, StatusMessageTooBig},
	}
	for _, tt := range tests {
		for _, role := range roles {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				l := newListener(role, tt.limit)
				for i, s := range tt.steps {
					require.Zero(t, l.got.code, "before step %d", i)
					l.hear(t, head(role, s.op, s.fin, s.length))
					l.hear(t, []byte(s.payload))
				}
				require.Equal(t, tt.code, l.got.code)
			})
		}
	}
}

// The machine knows the bad byte when it is there, in the middle of a frame.
func TestRule30PositionOfTheBadByte(t *testing.T) {
	tests := []struct {
		text string
		bad  int // index of the earliest byte that cannot be there; len(text): its end
	}{
		{"\xFF...", 0},
		{"Hello\xC0\xAF...", 5},
		{"κόσμε\xED\xA0\x80edited", 11},
		{"\xF4\x90\x80\x80", 1},
		{"\xE2\x82", 2},
		{"\xF0\x9F\x98", 3},
	}
	for _, tt := range tests {
		for _, role := range roles {
			for cut := range len(tt.text) + 1 {
				l := newListener(role, math.MaxInt64)
				l.hear(t, head(role, frame.Text, false, int64(cut)))
				at := 0
				for ; at < len(tt.text) && !l.over; at++ {
					if at == cut {
						l.hear(t, head(role, frame.Ping, true, 0))
						l.hear(t, head(role, frame.Continuation, true, int64(len(tt.text)-cut)))
					}
					l.hear(t, []byte(tt.text[at:at+1]))
				}
				if tt.bad == len(tt.text) && cut == len(tt.text) {
					l.hear(t, head(role, frame.Continuation, true, 0))
				}
				require.Equal(t, StatusInvalidPayload, l.got.code, "%q, cut at %d", tt.text, cut)
				require.Equal(t, min(tt.bad+1, len(tt.text)), at, "%q, cut at %d: failed at another byte", tt.text, cut)
			}
		}
	}
}

// Once this side has closed, payloads are of no interest, frames still are.
// RFC 6455, section 5.5.1.
func TestRule27InboundDiscards(t *testing.T) {
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			l := newListener(role, 10)
			l.hear(t, append(head(role, frame.Text, false, 5), "ab\xF0"...))
			l.in.discard = true
			l.hear(t, []byte("\xFF\xFF"))
			l.hear(t, head(role, frame.Continuation, true, 1<<40))
			require.Zero(t, l.got.code, "no limit, no UTF-8")
			l.in.left = 0 // as if 1 TiB had come
			l.in.inFrame = false
			l.hear(t, head(role, frame.Ping, false, 0))
			require.Equal(t, StatusProtocolError, l.got.code, "a fragmented Ping is none the less wrong")
		})
	}
}

// What is handed out has no room behind it in which the next frame lies.
func TestPiecesHaveNoRoomBehind(t *testing.T) {
	for _, role := range roles {
		l := newListener(role, 100)
		wire := append(head(role, frame.Text, true, 3), "abc"...)
		wire = append(wire, append(head(role, frame.Ping, true, 3), "def"...)...)
		for range 2 {
			n, ev, err := l.in.next(wire)
			require.NoError(t, err)
			require.Len(t, ev.data, 3)
			require.Equal(t, 3, cap(ev.data), "%v: what is appended would overwrite the next frame", ev.op)
			wire = wire[n:]
		}
		require.Empty(t, wire)
	}
}

func TestEventsOfEmptyFragments(t *testing.T) {
	for _, role := range roles {
		l := newListener(role, 0)
		for range 1000 {
			l.hear(t, head(role, frame.Binary, false, 0))
			l.hear(t, head(role, frame.Continuation, false, 0))
			l.hear(t, head(role, frame.Continuation, true, 0))
		}
		require.Len(t, l.got.messages, 1000)
		require.Empty(t, l.rest)
		require.True(t, l.in.between())
	}
}
