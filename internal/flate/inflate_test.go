package flate

import (
	"bytes"
	stdflate "compress/flate"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inflate gives d all of src, in one piece.
func inflate(t testing.TB, d *Decompressor, src []byte) ([]byte, error) {
	t.Helper()
	return inflateCut(t, d, src, func() int { return len(src) }, func() int { return 4 * len(src) })
}

// inflateCut gives d src in pieces of in() bytes, with room for out() bytes.
func inflateCut(t testing.TB, d *Decompressor, src []byte, in, out func() int) (text []byte, err error) {
	t.Helper()
	var buf []byte
	for {
		piece := src[:min(len(src), in())]
		size := out()
		buf = slices.Grow(buf[:0], size+1)
		room, guard := buf[:size], buf[size:size+1]
		guard[0] = 0xA5
		n, m, err := d.Inflate(room, piece)
		switch {
		case guard[0] != 0xA5:
			t.Fatal("written beyond dst")
		case n < 0 || n > size || m < 0 || m > len(piece):
			t.Fatalf("Inflate = %d, %d for room of %d and input of %d", n, m, size, len(piece))
		case err == ErrShortDst && n < size:
			t.Fatalf("ErrShortDst, and %d of %d written", n, size)
		case err == nil && m < len(piece):
			t.Fatalf("no error, and %d of %d taken", m, len(piece))
		}
		text = append(text, room[:n]...)
		src = src[m:]
		if err != nil && err != ErrShortDst {
			return text, err
		}
		if err == nil && len(src) == 0 {
			return text, nil
		}
	}
}

// inflateMessage is what a receiver does; RFC 7692, section 7.2.2.
func inflateMessage(t testing.TB, d *Decompressor, payload []byte) (string, error) {
	t.Helper()
	text, err := inflate(t, d, append(payload[:len(payload):len(payload)], Tail...))
	if err == nil {
		err = d.EndMessage()
	}
	return string(text), err
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// RFC 7692, section 7.2.3: messages, in hex, that one Decompressor is given in
// turn, and their text.
func TestExamplesOfTheRFC(t *testing.T) {
	type message struct{ payload, text string }
	for _, tt := range []struct {
		section  string
		messages []message
	}{
		{"7.2.3.1, one block", []message{{"f2 48 cd c9 c9 07 00", "Hello"}}},
		{"7.2.3.2, sharing the window", []message{
			{"f2 48 cd c9 c9 07 00", "Hello"},
			{"f2 00 11 00 00", "Hello"},
		}},
		{"7.2.3.2, not sharing it", []message{
			{"f2 48 cd c9 c9 07 00", "Hello"},
			{"f2 48 cd c9 c9 07 00", "Hello"},
		}},
		{"7.2.3.3, no compression", []message{{"00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello"}}},
		{"7.2.3.4, BFINAL", []message{{"f3 48 cd c9 c9 07 00 00", "Hello"}}},
		{"7.2.3.4, BFINAL, then sharing the window", []message{
			{"f3 48 cd c9 c9 07 00 00", "Hello"},
			{"f2 00 11 00 00", "Hello"},
		}},
		{"7.2.3.5, two blocks", []message{{"f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello"}}},
		{"7.2.3.6, empty", []message{{"00", ""}, {"02 00", ""}, {"f2 48 cd c9 c9 07 00", "Hello"}}},
	} {
		t.Run(tt.section, func(t *testing.T) {
			d := NewDecompressor(15)
			defer d.Release()
			for _, m := range tt.messages {
				text, err := inflateMessage(t, d, unhex(t, m.payload))
				require.NoError(t, err)
				require.Equal(t, m.text, text)
			}
		})
	}
}

// RFC 7692, section 7.2.3.1: "the compressed message may be fragmented"
// anywhere.
func TestExampleCutAnywhere(t *testing.T) {
	payload := unhex(t, "f2 48 cd c9 c9 07 00 00 00 ff ff")
	for cut := range len(payload) + 1 {
		d := NewDecompressor(15)
		first, err := inflate(t, d, payload[:cut])
		require.NoError(t, err)
		second, err := inflate(t, d, payload[cut:])
		require.NoError(t, err)
		require.NoError(t, d.EndMessage())
		require.Equal(t, "Hello", string(first)+string(second))
		d.Release()
	}
}

// What is refused, and why. The input is all that there is: none of these is
// merely cut short.
func TestCorrupt(t *testing.T) {
	for _, tt := range []struct{ name, input, reason string }{
		{"block type 3", bitString("0 11"), "block type 3"},
		{"stored block, NLEN wrong", "00 05 00 fb ff 48", "complement"},
		{"stored block, NLEN equal to LEN", "00 00 00 00 00", "complement"},
		{"fixed, length symbol 286", bitString("0 10 11000110"), "symbol 286 or 287"},
		{"fixed, length symbol 287", bitString("0 10 11000111"), "symbol 286 or 287"},
		{"fixed, distance symbol 30", bitString("0 10 00110000 0000001 11110"), "symbol 30 or 31"},
		{"fixed, distance symbol 31", bitString("0 10 00110000 0000001 11111"), "symbol 30 or 31"},
		{"match before the first byte", bitString("0 10 0000001 00000"), "beyond the first byte"},
		{"match one too far", bitString("0 10 00110000 0000001 00001"), "beyond the first byte"},
		{"287 lengths", bitString("0 01 01111 00000 0000"), "more length"},
		{"31 distances", bitString("0 01 00000 01111 0000"), "more length"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecompressor(15)
			defer d.Release()
			_, err := inflate(t, d, unhex(t, tt.input))
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Contains(t, corrupt.Reason, tt.reason)
			require.Contains(t, err.Error(), tt.reason)
			require.Positive(t, corrupt.Offset)
			require.LessOrEqual(t, corrupt.Offset, int64(len(tt.input)))

			_, _, again := d.Inflate(make([]byte, 10), unhex(t, "f2 48 cd c9 c9 07 00"))
			require.Equal(t, err, again, "an error is for ever")
			require.Equal(t, err, d.EndMessage(), "an error is for ever")

			d.Reset()
			text, err := inflateMessage(t, d, unhex(t, "f2 48 cd c9 c9 07 00"))
			require.NoError(t, err, "after Reset")
			require.Equal(t, "Hello", text)
		})
	}
}

// bitString returns, in hex, the bytes of a sequence of bits that is written in
// the order in which they are sent.
func bitString(bits string) string {
	bits = strings.ReplaceAll(bits, " ", "")
	b := make([]byte, (len(bits)+7)/8)
	for i := range bits {
		b[i/8] |= (bits[i] - '0') << (i % 8)
	}
	return hex.EncodeToString(b)
}

// A message may end only between two blocks.
func TestMessageCutShort(t *testing.T) {
	for _, tt := range []struct{ name, payload string }{
		{"nothing at all", ""},
		{"the flush is missing", "f3 48 cd c9 c9 07 00"},
		{"inside a fixed block", "f2 48 cd"},
		{"inside a stored block", "00 07 00 f8 ff 48"},
		{"inside a dynamic header", "04 c0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecompressor(15)
			defer d.Release()
			_, err := inflateMessage(t, d, unhex(t, tt.payload))
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
		})
	}
}

// What compress/flate writes, message after message with context takeover: each
// of these levels goes about it in another way.
func TestAgainstCompressFlate(t *testing.T) {
	for _, level := range []int{stdflate.HuffmanOnly, 0, 1, 6, 9} {
		t.Run(fmt.Sprint("level ", level), func(t *testing.T) {
			for _, s := range samples(0, 100, 50_000) {
				t.Run(s.name, func(t *testing.T) {
					half := len(s.text) / 2
					d := NewDecompressor(15)
					defer d.Release()
					src := stdCompress(t, level, s.text, s.text[half:], s.text[:half])
					text, err := inflate(t, d, src)
					require.NoError(t, err)
					require.NoError(t, d.EndMessage())
					want := slices.Concat(s.text, s.text[half:], s.text[:half])
					require.True(t, bytes.Equal(want, text))
				})
			}
		})
	}
}

// The result does not depend on where input and output are cut.
func TestCutting(t *testing.T) {
	one := func() int { return 1 }
	all := func() int { return 1 << 20 }
	rng := rand.New(rand.NewPCG(1, 2))
	few := func() int { return rng.IntN(5) }
	some := func() int { return rng.IntN(400) }
	for _, s := range samples(3000, 50_000) {
		src := stdCompress(t, 6, s.text, s.text[len(s.text)/3:])
		want := slices.Concat(s.text, s.text[len(s.text)/3:])
		for _, tt := range []struct {
			name    string
			in, out func() int
		}{
			{"input byte by byte", one, all},
			{"output byte by byte", all, one},
			{"both byte by byte", one, one},
			{"few", few, few},
			{"some", some, some},
			{"some, much", some, all},
		} {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				d := NewDecompressor(15)
				defer d.Release()
				text, err := inflateCut(t, d, src, tt.in, tt.out)
				require.NoError(t, err)
				require.NoError(t, d.EndMessage())
				require.True(t, bytes.Equal(want, text))
			})
		}
	}
}

// The first bytes of a stored block may have been read ahead with the block
// before it.
func TestStoredBlockAfterAnother(t *testing.T) {
	s := new(script).block(blockFixed).fixedSymbol('a').fixedSymbol('b').fixedSymbol(endOfBlock)
	s.stored([]byte("cdefgh")).stored(nil).stored([]byte("ijklmnopqrstuvwxyz"))
	for room := 1; room < 30; room++ {
		for piece := 1; piece <= len(s.bytes); piece++ {
			d := NewDecompressor(15)
			text, err := inflateCut(t, d, s.bytes, func() int { return piece }, func() int { return room })
			require.NoError(t, err)
			require.NoError(t, d.EndMessage())
			require.Equal(t, "abcdefghijklmnopqrstuvwxyz", string(text), "pieces of %d, room of %d", piece, room)
			d.Release()
		}
	}
}
