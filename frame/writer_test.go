package frame

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// calls keeps what each Write was given.
type calls [][]byte

func (c *calls) Write(p []byte) (int, error) {
	*c = append(*c, bytes.Clone(p))
	return len(p), nil
}

func (c *calls) wire() []byte { return bytes.Join(*c, nil) }

func TestWriterWritesWhatReaderReads(t *testing.T) {
	var out calls
	w := NewWriter(&out)
	for _, f := range conversation {
		require.NoError(t, w.WriteFrame(f.header, []byte(f.payload)))
	}
	require.Equal(t, wireOf(conversation), out.wire())
	frames, err := readAll(NewReader(bytes.NewReader(out.wire())))
	require.Equal(t, io.EOF, err)
	require.Equal(t, conversation, frames)
}

func TestWriterTakesTheLengthFromThePayload(t *testing.T) {
	var out calls
	require.NoError(t, NewWriter(&out).WriteFrame(Header{Fin: true, Opcode: Text, Length: 99}, []byte("Hello")))
	require.Equal(t, "\x81\x05Hello", string(out.wire()))
}

// Small frames are one Write; large ones never more than the buffer at once when
// they must be masked, and not copied when they must not.
func TestWriterCalls(t *testing.T) {
	for _, tt := range []struct {
		name   string
		masked bool
		length int
		want   []int
	}{
		{"empty", false, 0, []int{2}},
		{"empty, masked", true, 0, []int{6}},
		{"small", false, 125, []int{127}},
		{"small, masked", true, 125, []int{131}},
		{"fills the buffer", false, 4092, []int{4096}},
		{"fills the buffer, masked", true, 4088, []int{4096}},
		{"one byte more", false, 4093, []int{4096, 1}},
		{"one byte more, masked", true, 4089, []int{4096, 1}},
		{"large", false, 65535, []int{4096, 61443}},
		{"large, masked", true, 12280, []int{4096, 4096, 4096}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out calls
			h := Header{Fin: true, Opcode: Binary, Masked: tt.masked}
			if tt.masked {
				h.Key = Key{1, 2, 3, 4}
			}
			payload := strings.Repeat("x", tt.length)
			require.NoError(t, NewWriter(&out).WriteFrame(h, []byte(payload)))
			var got []int
			for _, p := range out {
				got = append(got, len(p))
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, wireOf([]frameOf{{h, payload}}), out.wire())
		})
	}
}

func TestWriterLeavesThePayloadAlone(t *testing.T) {
	payload := bytes.Repeat([]byte("payload "), 1000)
	kept := bytes.Clone(payload)
	require.NoError(t, NewWriter(io.Discard).WriteFrame(Header{Masked: true, Key: Key{1, 2, 3, 4}}, payload))
	require.Equal(t, kept, payload)
}

// A frame in pieces is the same bytes, wherever the pieces are cut, and each
// piece is on its way when Write returns.
func TestWriterInPieces(t *testing.T) {
	for _, f := range conversation[:4] {
		want := wireOf([]frameOf{f})
		f.header.Length = int64(len(f.payload))
		for cut := range len(f.payload) + 1 {
			var out calls
			w := NewWriter(&out)
			require.NoError(t, w.WriteHeader(f.header))
			for _, piece := range []string{f.payload[:cut], f.payload[cut:]} {
				n, err := w.Write([]byte(piece))
				require.NoError(t, err)
				require.Equal(t, len(piece), n)
			}
			require.Equal(t, want, out.wire(), "cut at %d", cut)
			require.LessOrEqual(t, len(out), 2, "the header goes out with the first piece")
		}
	}
}

func TestWriterSendsAnEmptyFrameAtOnce(t *testing.T) {
	var out calls
	require.NoError(t, NewWriter(&out).WriteHeader(Header{Fin: true, Opcode: Ping}))
	require.Equal(t, "\x89\x00", string(out.wire()))
}

func TestWriterHoldsTheHeaderBack(t *testing.T) {
	var out calls
	w := NewWriter(&out)
	require.NoError(t, w.WriteHeader(Header{Fin: true, Opcode: Text, Length: 1}))
	require.Empty(t, out, "it goes out with the payload")
	_, err := w.Write([]byte("x"))
	require.NoError(t, err)
	require.Equal(t, calls{[]byte("\x81\x01x")}, out)
}

// What the header said is what must follow; a mistake writes nothing, and can be
// made good.
func TestWriterKeepsToTheLength(t *testing.T) {
	var out calls
	w := NewWriter(&out)
	_, err := w.Write([]byte("x"))
	require.EqualError(t, err, "frame: the payload is longer than its header said, begin another frame with WriteHeader")

	require.NoError(t, w.WriteHeader(Header{Fin: true, Opcode: Text, Length: 5}))
	_, err = w.Write([]byte("Hell"))
	require.NoError(t, err)
	_, err = w.Write([]byte("o!"))
	require.EqualError(t, err, "frame: the payload is longer than its header said, begin another frame with WriteHeader")
	for _, err := range []error{w.WriteHeader(Header{}), w.WriteFrame(Header{}, nil)} {
		require.EqualError(t, err, "frame: the frame before is incomplete, write the rest of its payload first")
	}
	_, err = w.Write([]byte("o"))
	require.NoError(t, err)
	require.NoError(t, w.WriteFrame(Header{Fin: true, Opcode: Ping}, nil))
	require.Equal(t, "\x81\x05Hello\x89\x00", string(out.wire()))
}

// fails after a number of bytes, and would work again afterwards.
type fails struct {
	after int
	err   error
}

func (f *fails) Write(p []byte) (int, error) {
	n := min(len(p), f.after)
	f.after -= n
	if n < len(p) {
		f.after = 1 << 20
		return n, f.err
	}
	return n, nil
}

func TestWriterKeepsItsError(t *testing.T) {
	broken := errors.New("broken")
	payload := make([]byte, 10000)
	for _, masked := range []bool{false, true} {
		for _, tt := range []struct {
			w    fails
			want error
		}{
			{fails{0, broken}, broken},
			{fails{1, broken}, broken},
			{fails{5000, broken}, broken},
			{fails{1, nil}, io.ErrShortWrite},
		} {
			w := NewWriter(&tt.w)
			require.Equal(t, tt.want, w.WriteFrame(Header{Masked: masked}, payload))
			require.Equal(t, tt.want, w.WriteFrame(Header{}, nil))
			require.Equal(t, tt.want, w.WriteHeader(Header{Length: 1}))
			_, err := w.Write(nil)
			require.Equal(t, tt.want, err)
		}
	}
}

func TestWriterKeepsTheErrorOfAPiece(t *testing.T) {
	broken := errors.New("broken")
	w := NewWriter(&fails{1, broken})
	require.NoError(t, w.WriteHeader(Header{Length: 5}))
	_, err := w.Write([]byte("Hel"))
	require.Equal(t, broken, err)
	require.Equal(t, broken, w.WriteFrame(Header{}, nil), "not that the frame is incomplete")
	require.Equal(t, broken, w.WriteHeader(Header{}))
	_, err = w.Write([]byte("too long"))
	require.Equal(t, broken, err, "not that the payload is too long")
}

// A proxy in one line a frame: the payload goes through a buffer of its own
// size, with another key.
func TestWriterTakesFromReader(t *testing.T) {
	var out calls
	r, w := NewReader(bytes.NewReader(wireOf(conversation))), NewWriter(&out)
	for range conversation {
		h, err := r.Next()
		require.NoError(t, err)
		h.Masked, h.Key = true, NewKey()
		require.NoError(t, w.WriteHeader(h))
		n, err := io.Copy(w, r)
		require.NoError(t, err)
		require.Equal(t, h.Length, n)
	}
	frames, err := readAll(NewReader(bytes.NewReader(out.wire())))
	require.Equal(t, io.EOF, err)
	for i, f := range frames {
		require.Equal(t, conversation[i].payload, f.payload)
		require.True(t, f.header.Masked)
	}
}
