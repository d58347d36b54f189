package flate

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stdInflate is what compress/flate makes of src. After a final block it goes on
// with the next, as RFC 7692, section 7.2.3.4 wants. It stops at limit bytes.
func stdInflate(src []byte, limit int) (text []byte, err error) {
	r := bytes.NewReader(src)
	for r.Len() > 0 && err == nil {
		var more []byte
		more, err = io.ReadAll(io.LimitReader(stdflate.NewReaderDict(r, text), int64(limit-len(text))))
		if text = append(text, more...); len(text) == limit {
			return text, nil
		}
	}
	return text, err
}

// requireLikeStd gives src to a Decompressor and compares with compress/flate.
// They differ in that compress/flate waits for more input than it needs, so that
// it may have a few bytes less in the end; and in what it sees later than we do:
// a block without a code for its end, and a code length code of one symbol, which
// cannot give such a code.
func requireLikeStd(t *testing.T, src []byte, limit int) {
	t.Helper()
	want, wantErr := stdInflate(src, limit)
	d := NewDecompressor(15)
	defer d.Release()
	dst := make([]byte, limit)
	n, _, err := d.Inflate(dst, src)
	got := dst[:n]
	var corrupt *CorruptError
	var stdCorrupt stdflate.CorruptInputError
	switch {
	case errors.As(err, &corrupt) && seenLater(corrupt):
		require.True(t, wantErr != nil || len(want) == limit)
		require.True(t, bytes.HasPrefix(want, got))
	case n == limit || len(want) == limit:
		require.True(t, bytes.HasPrefix(got, want) || bytes.HasPrefix(want, got))
	case errors.As(wantErr, &stdCorrupt):
		if err == nil {
			requireCorruptLater(t, src, limit)
		}
		require.True(t, bytes.Equal(want, got))
	case wantErr == nil:
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	default:
		require.ErrorIs(t, wantErr, io.ErrUnexpectedEOF)
		if err != nil {
			requireHopeless(t, src, limit)
			return
		}
		require.True(t, bytes.HasPrefix(got, want))
	}
}

// requireCorruptLater requires that a Decompressor, which has not seen yet that src
// is corrupt, sees it whatever follows: a symbol is looked at when its extra bits
// are there.
func requireCorruptLater(t *testing.T, src []byte, limit int) {
	t.Helper()
	dst := make([]byte, limit)
	for more := range 256 {
		d := NewDecompressor(15)
		_, _, err := d.Inflate(dst, append(src[:len(src):len(src)], byte(more), byte(more), byte(more)))
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, "followed by %02x", more)
	}
}

// requireHopeless requires that compress/flate, which wants more than src, finds
// every stream corrupt that begins with it.
func requireHopeless(t *testing.T, src []byte, limit int) {
	t.Helper()
	for more := range 256 {
		var stdCorrupt stdflate.CorruptInputError
		_, err := stdInflate(append(src[:len(src):len(src)], byte(more), byte(more), byte(more)), limit)
		require.ErrorAs(t, err, &stdCorrupt, "compress/flate wants more, and takes %02x", more)
	}
}

func seenLater(corrupt *CorruptError) bool {
	return strings.Contains(corrupt.Reason, "without a code for its end") ||
		strings.Contains(corrupt.Reason, "code length code")
}

// hostileStreams have all types of blocks, and are short enough to be damaged at
// every bit.
func hostileStreams(t testing.TB) map[string][]byte {
	chat := sampleOf("chat", 300)
	return map[string][]byte{
		"stored":       stdCompress(t, stdflate.NoCompression, chat[:60], chat[60:100]),
		"fixed":        stdCompress(t, 6, chat[:40], chat[:40]),
		"dynamic":      stdCompress(t, 9, chat, chat[100:]),
		"huffman only": stdCompress(t, stdflate.HuffmanOnly, chat),
		"zeros":        stdCompress(t, 9, sampleOf("zeros", 5000)),
	}
}

// What is cut short is not an error before EndMessage, and gives the beginning
// of the text.
func TestEveryPrefix(t *testing.T) {
	for name, src := range hostileStreams(t) {
		d := NewDecompressor(15)
		want, err := inflate(t, d, src)
		require.NoError(t, err)
		require.NoError(t, d.EndMessage())
		for i := range src {
			d.Reset()
			text, err := inflate(t, d, src[:i])
			require.NoError(t, err, "%s, %d of %d bytes", name, i, len(src))
			require.True(t, bytes.HasPrefix(want, text))
			between := d.state == atBlock && d.nb == 0
			require.Equal(t, between, d.EndMessage() == nil, "%s, %d of %d bytes", name, i, len(src))
			requireLikeStd(t, src[:i], 1<<13)
		}
		d.Release()
	}
}

// A flipped bit gives other text or an error, as it does in compress/flate.
func TestEveryFlippedBit(t *testing.T) {
	for _, src := range hostileStreams(t) {
		for bit := range 8 * len(src) {
			damaged := bytes.Clone(src)
			damaged[bit/8] ^= 1 << (bit % 8)
			requireLikeStd(t, damaged, 1<<13)
		}
	}
}

// A bomb stops at the room that it is given: 258 bytes for less than two bits.
func TestBombStopsAtTheRoom(t *testing.T) {
	s := new(script).dynamic(
		lengths(286, map[int]int{'a': 2, endOfBlock: 2, 285: 1}), lengths(1, map[int]int{0: 1}))
	s.code(2, 2) // a
	for range 500_000 {
		s.code(0, 1).code(0, 1) // 258 times the last byte
	}
	d := NewDecompressor(15)
	defer d.Release()
	for _, room := range []int{1, 1000, 65536} {
		d.Reset()
		dst := bytes.Repeat([]byte{'b'}, room+1000)
		n, m, err := d.Inflate(dst[:room], s.bytes)
		require.ErrorIs(t, err, ErrShortDst)
		require.Equal(t, room, n)
		require.Less(t, m, 200+room/500)
		require.Equal(t, bytes.Repeat([]byte{'a'}, room), dst[:room])
		require.Equal(t, bytes.Repeat([]byte{'b'}, 1000), dst[room:])
	}
}

// Blocks without output take time in proportion to their bytes, and no memory.
func TestEmptyBlocks(t *testing.T) {
	d := NewDecompressor(15)
	defer d.Release()
	for _, block := range []string{"00 00 00 ff ff", "02 08 20 80 00", "03 00"} {
		src := bytes.Repeat(unhex(t, block), 10_000)
		n, m, err := d.Inflate(nil, src)
		require.NoError(t, err, block)
		require.Zero(t, n, block)
		require.Equal(t, len(src), m, block)
		require.Nil(t, d.history.ring, block)
	}
}
