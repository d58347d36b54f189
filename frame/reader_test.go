package frame

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

type frameOf struct {
	header  Header
	payload string
}

// conversation has every size class of header and payload, masked and not.
var conversation = []frameOf{
	{Header{Fin: true, Opcode: Text}, "Hello"},
	{Header{Fin: true, Opcode: Text, Masked: true, Key: Key{0x37, 0xFA, 0x21, 0x3D}}, "Hello"},
	{Header{Opcode: Binary, Masked: true, Key: Key{1, 2, 3, 4}}, strings.Repeat("0123456789", 13)},
	{Header{Fin: true, Opcode: Ping}, ""},
	{Header{Fin: true, Opcode: Continuation, Masked: true, Key: Key{9, 8, 7, 6}}, strings.Repeat("large", 1000)},
	{Header{Fin: true, Opcode: Binary}, strings.Repeat("0123456789abcdef", 4097)},
	{Header{Fin: true, Opcode: Close, Masked: true}, "\x03\xE8bye"},
}

// wireOf writes frames the slow way.
func wireOf(frames []frameOf) (wire []byte) {
	for _, f := range frames {
		f.header.Length = int64(len(f.payload))
		wire = f.header.Append(wire)
		for i := range len(f.payload) {
			wire = append(wire, f.payload[i]^f.header.Key[i%4]) // the key is zero where there is none
		}
	}
	return wire
}

// readAll reads frames to the end of the stream, and returns how it ended.
func readAll(r *Reader) (frames []frameOf, err error) {
	for {
		h, err := r.Next()
		if err != nil {
			return frames, err
		}
		payload, err := io.ReadAll(r)
		if err != nil {
			return frames, err
		}
		if h.Length != int64(len(payload)) {
			return frames, errors.New("payload is not as long as declared")
		}
		h.Length = 0
		frames = append(frames, frameOf{h, string(payload)})
	}
}

func TestReader(t *testing.T) {
	wire := wireOf(conversation)
	for name, r := range map[string]io.Reader{
		"whole":             bytes.NewReader(wire),
		"byte by byte":      iotest.OneByteReader(bytes.NewReader(wire)),
		"half reads":        iotest.HalfReader(bytes.NewReader(wire)),
		"EOF with the data": iotest.DataErrReader(bytes.NewReader(wire)),
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := readAll(NewReader(r))
			require.Equal(t, io.EOF, err)
			require.Equal(t, conversation, frames)
		})
	}
}

// A frame that is cut off is io.ErrUnexpectedEOF wherever the cut is; only
// between two frames the end is clean. Skipping payloads makes no difference.
func TestReaderAtEveryPrefix(t *testing.T) {
	frames := conversation[:4]
	clean := map[int]bool{}
	for i := range frames {
		clean[len(wireOf(frames[:i]))] = true
	}
	wire := wireOf(frames)
	for i := range wire {
		want := io.ErrUnexpectedEOF
		if clean[i] {
			want = io.EOF
		}
		_, err := readAll(NewReader(bytes.NewReader(wire[:i])))
		require.Equal(t, want, err, "read, cut at %d", i)

		_, err = readAll(NewReader(iotest.DataErrReader(bytes.NewReader(wire[:i]))))
		require.Equal(t, want, err, "read, EOF with the data, cut at %d", i)

		r := NewReader(bytes.NewReader(wire[:i]))
		for err = nil; err == nil; {
			_, err = r.Next()
		}
		require.Equal(t, want, err, "skipped, cut at %d", i)
	}
}

func TestReaderNextSkipsTheRest(t *testing.T) {
	for _, part := range []int{0, 1, 3, 5, 129} {
		r := NewReader(bytes.NewReader(wireOf(conversation)))
		for _, f := range conversation {
			h, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, f.header.Opcode, h.Opcode)
			want := f.payload[:min(part, len(f.payload))]
			got := make([]byte, len(want))
			_, err = io.ReadFull(r, got)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		}
	}
}

func TestReaderReadEndsWithTheFrame(t *testing.T) {
	r := NewReader(bytes.NewReader(wireOf(conversation)))
	n, err := r.Read(make([]byte, 10))
	require.Zero(t, n)
	require.Equal(t, io.EOF, err, "no frame yet")

	_, err = r.Next()
	require.NoError(t, err)
	p := make([]byte, 100)
	n, err = r.Read(p)
	require.NoError(t, err)
	require.Equal(t, "Hello", string(p[:n]), "no byte of the next frame")
	for range 3 {
		n, err = r.Read(p)
		require.Zero(t, n)
		require.Equal(t, io.EOF, err)
	}
	n, err = r.Read(nil)
	require.Zero(t, n)
	require.Equal(t, io.EOF, err)
}

// Whoever asks for a header gets it when its last byte is there: a peer may wait
// for an answer before it sends more.
func TestReaderWaitsForNoByteTooMany(t *testing.T) {
	for _, tt := range headers {
		wire := unhex(tt.hex)
		r := NewReader(io.MultiReader(iotest.OneByteReader(bytes.NewReader(wire)), waitsForever{t}))
		h, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, tt.header, h)
	}
}

type waitsForever struct{ t *testing.T }

func (w waitsForever) Read([]byte) (int, error) {
	w.t.Error("read past the header")
	return 0, io.ErrNoProgress
}

func TestReaderKeepsItsError(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		r    io.Reader
		want error
	}{
		{"clean end", strings.NewReader(""), io.EOF},
		{"cut off", strings.NewReader("\x81"), io.ErrUnexpectedEOF},
		{"the stream's own", io.MultiReader(strings.NewReader("\x81"), iotest.ErrReader(broken), strings.NewReader("\x00")), broken},
		{"a stream that comes back", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("\x81\x00"))), iotest.ErrTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(tt.r)
			for range 3 {
				_, err := r.Next()
				require.Equal(t, tt.want, err)
				_, err = r.Read(make([]byte, 1))
				require.Equal(t, tt.want, err)
			}
		})
	}
}

func TestReaderKeepsTheErrorOfAPayload(t *testing.T) {
	r := NewReader(iotest.TimeoutReader(io.MultiReader(strings.NewReader("\x81\x05Hel"), strings.NewReader("lo"))))
	_, err := r.Next()
	require.NoError(t, err)
	p, err := io.ReadAll(r)
	require.Equal(t, "Hel", string(p))
	require.Equal(t, iotest.ErrTimeout, err)
	_, err = r.Read(p)
	require.Equal(t, iotest.ErrTimeout, err)
	_, err = r.Next()
	require.Equal(t, iotest.ErrTimeout, err)
}

func TestReaderRefusesABadHeader(t *testing.T) {
	r := NewReader(bytes.NewReader(unhex("81 00 82 7F 80")))
	_, err := r.Next()
	require.NoError(t, err)
	_, first := r.Next()
	require.ErrorIs(t, first, &Error{Code: StatusProtocolError, Section: "5.2"})
	_, again := r.Next()
	require.Same(t, first, again)
}

// The error of the stream comes after the bytes that came with it, and it is the
// first that counts.
func TestReaderGivesTheBytesBeforeTheError(t *testing.T) {
	broken := errors.New("broken")
	large := strings.Repeat("x", 10000) // read past the buffer
	for _, payload := range []string{"Hello", large} {
		wire := wireOf([]frameOf{{Header{Fin: true, Opcode: Binary}, payload}})
		r := NewReader(&lastBytes{wire, broken})
		_, err := r.Next()
		require.NoError(t, err)
		p := make([]byte, len(payload))
		_, err = io.ReadFull(r, p)
		require.NoError(t, err)
		require.Equal(t, payload, string(p))
		_, err = r.Read(p)
		require.Equal(t, io.EOF, err, "the frame itself is whole")
		_, err = r.Next()
		require.Equal(t, broken, err)
	}
}

// Read never returns neither a byte nor an error.
func TestReaderReadGivesAByteOrAnError(t *testing.T) {
	for _, large := range []int{10, 10000} { // into the buffer, or past it
		r := NewReader(strings.NewReader("\x82\x7E\x27\x10He"))
		_, err := r.Next()
		require.NoError(t, err)
		p := make([]byte, large)
		n, err := r.Read(p)
		require.NoError(t, err)
		require.Equal(t, "He", string(p[:n]))
		n, err = r.Read(p)
		require.Zero(t, n)
		require.Equal(t, io.ErrUnexpectedEOF, err)
	}
}

// lastBytes gives its error with the last of its bytes, and another afterwards.
type lastBytes struct {
	wire []byte
	err  error
}

func (l *lastBytes) Read(p []byte) (n int, err error) {
	n = copy(p, l.wire)
	if l.wire = l.wire[n:]; len(l.wire) == 0 {
		err, l.err = l.err, errors.New("read again after an error")
	}
	return n, err
}

// A declared length costs nothing until the bytes arrive.
func TestReaderAllocatesNothingForADeclaredLength(t *testing.T) {
	wire := unhex("82 7F 7FFFFFFFFFFFFFFF 00")
	r := NewReader(bytes.NewReader(wire))
	_, err := r.Next()
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(10, func() { r.Next() }))
	_, err = r.Next()
	require.Equal(t, io.ErrUnexpectedEOF, err)
}
