package vectors

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// scanner reads headers, and only these, from bytes that come in pieces.
type scanner struct {
	rules   frame.Validator
	held    []byte // the beginning of a header
	skip    int64  // bytes of payload to come
	fed     int
	headers []frame.Header
	err     error // of ParseHeader or Validator
	failed  int   // bytes that were fed by then
}

func (s *scanner) feed(p []byte) {
	s.fed += len(p)
	s.held = append(s.held, p...)
	for s.err == nil {
		n := int(min(s.skip, int64(len(s.held))))
		s.held = s.held[n:]
		if s.skip -= int64(n); s.skip > 0 || !s.header() {
			return
		}
	}
}

// header takes a header and reports whether there was one.
func (s *scanner) header() bool {
	h, n, err := frame.ParseHeader(s.held)
	if n > 0 {
		err = s.rules.Next(h)
	}
	if err != nil {
		s.err, s.failed = err, s.fed
	}
	if n == 0 || err != nil {
		return false
	}
	s.headers = append(s.headers, h)
	s.held, s.skip = s.held[n:], h.Length
	return true
}

// scan feeds a scanner with pieces of at most as many bytes as size says.
func scan(v Vector, size func() int) *scanner {
	s := &scanner{rules: frame.Validator{Role: v.Role}}
	for wire := v.Wire; len(wire) > 0; {
		n := min(size(), len(wire))
		s.feed(wire[:n])
		wire = wire[n:]
	}
	return s
}

// TestVectorsThroughParseHeader reads the headers of every vector, whole, byte by
// byte and in random chunks: they are the same, and so is what is wrong with
// them, which is known with the byte that the vector says.
func TestVectorsThroughParseHeader(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 52))
	for _, v := range Load(t, "*") {
		t.Run(v.String(), func(t *testing.T) {
			whole := scan(v, func() int { return len(v.Wire) })
			byByte := scan(v, func() int { return 1 })
			atRandom := scan(v, func() int { return 1 + rnd.IntN(20) })
			for _, s := range []*scanner{byByte, atRandom} {
				require.Equal(t, whole.headers, s.headers, v.Source)
				require.Equal(t, whole.err, s.err, v.Source)
			}
			requireFrameError(t, v, byByte)
		})
	}
}

// requireFrameError compares the error of the headers with that of the vector.
// The body of a Close frame may be to blame for 1002 too; what is behind a Close
// frame or bad text is not looked at by an endpoint, but it is here.
func requireFrameError(t *testing.T, v Vector, s *scanner) {
	t.Helper()
	closes := slices.ContainsFunc(s.headers, func(h frame.Header) bool { return h.Opcode == frame.Close })
	if v.Code != frame.StatusProtocolError || closes {
		require.True(t, s.err == nil || v.End == Closed || v.End == Failed, "%s: %v", v.Source, s.err)
		return
	}
	var broken *frame.Error
	require.ErrorAs(t, s.err, &broken, v.Source)
	require.Equal(t, v.Code, broken.Code, v.Source)
	require.NotEmpty(t, broken.Section, v.Source)
	require.LessOrEqual(t, s.failed, v.FailAt, v.Source)
	if v.Rule != 17 {
		require.Equal(t, v.FailAt, s.failed, v.Source)
	}
}

// TestVectorsThroughReader reads the frames of every vector with a frame.Reader,
// of a stream that gives all bytes at once, and one at a time.
func TestVectorsThroughReader(t *testing.T) {
	for _, v := range Load(t, "*") {
		t.Run(v.String(), func(t *testing.T) {
			want := scan(v, func() int { return len(v.Wire) })
			atOnce, text := readFrames(t, v, bytes.NewReader(v.Wire))
			oneByOne, same := readFrames(t, v, iotest.OneByteReader(bytes.NewReader(v.Wire)))
			require.Equal(t, want.headers, atOnce, v.Source)
			require.Equal(t, want.headers, oneByOne, v.Source)
			require.True(t, bytes.Equal(text, same), "%s: the payload depends on the chunks", v.Source)
			var sent []byte
			for _, m := range v.Messages {
				sent = append(sent, m.Data...)
			}
			require.True(t, bytes.HasPrefix(text, sent), "%s: the payload is not that of the messages", v.Source)
		})
	}
}

// readFrames returns the headers up to the first that is refused, and the
// payloads of the data frames.
func readFrames(t *testing.T, v Vector, stream io.Reader) (headers []frame.Header, text []byte) {
	t.Helper()
	rules := frame.Validator{Role: v.Role}
	for r := frame.NewReader(stream); ; {
		h, err := r.Next()
		if err != nil || rules.Next(h) != nil {
			return headers, text
		}
		headers = append(headers, h)
		payload, err := io.ReadAll(r)
		if h.Opcode.IsData() {
			text = append(text, payload...)
		}
		require.True(t, err == nil || err == io.ErrUnexpectedEOF, "%s: %v", v.Source, err)
	}
}
