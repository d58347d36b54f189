package flate

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func newBitWriter(size int) *bitWriter {
	w := new(bitWriter)
	w.reserve(size)
	return w
}

func TestPut(t *testing.T) {
	w := newBitWriter(100)
	w.put(0b101, 3)
	w.put(0, 0)
	w.put(0b11, 2)
	require.Zero(t, w.at, "no full byte yet")
	w.put(0b0110, 4)
	require.Equal(t, []byte{0b110_11_101}, w.buf[:w.at])
	require.EqualValues(t, 0, w.acc)
	require.EqualValues(t, 1, w.n)
}

// Bits written in any sizes are those that a bit reader finds.
func TestPutOfAnySizes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	type item struct {
		v uint64
		n uint
	}
	var items []item
	w := newBitWriter(1000 * 56)
	for range 1000 {
		n := rnd.UintN(57)
		it := item{rnd.Uint64() & (1<<n - 1), n}
		items = append(items, it)
		w.put(it.v, it.n)
	}
	w.put(0, -w.n&7)
	r := &slowReader{src: w.buf[:w.at]}
	for _, it := range items {
		low := min(int(it.n), 28) // an int may have 32 bits
		require.Equal(t, it.v, uint64(r.bits(low))|uint64(r.bits(int(it.n)-low))<<28)
	}
}

func TestStoredBlock(t *testing.T) {
	for before := range uint(8) {
		for _, text := range []string{"", "a", "stored"} {
			w := newBitWriter(200)
			w.put(0, before)
			start := 8*w.at + int(w.n)
			size := storedSize(w, []byte(text))
			w.put(blockStored<<1, 3)
			w.putStored([]byte(text))
			require.Zero(t, w.n)
			require.Equal(t, size, 8*w.at-start, "storedSize is exact, after %d bits", before)
			r := &slowReader{src: w.buf[:w.at], at: before}
			r.block()
			require.NoError(t, r.err)
			require.Equal(t, text, string(r.out))
		}
	}
}

// encode writes runs of literals of any length, and matches, of the largest size too.
func TestEncode(t *testing.T) {
	var words [tokenSymbols]codeword
	words['a'] = makeCodeword(0b0, 1, 0)
	words['z'] = makeCodeword(1<<14-1, 14, 0)
	words[endOfBlock] = makeCodeword(0b101, 3, 0)
	words[284] = makeCodeword(1<<14-2, 14, 5)
	words[distStart+29] = makeCodeword(1<<15-1, 15, 13)
	text := []byte("zzzzzzzzaaaaaaaaazazazaz")
	for run := range len(text) {
		for matches := range 3 {
			q := &newBlock(1000).tokens
			var want []token
			for i := range matches + 1 {
				q.addLiterals(append(bytes.Clone(text), make([]byte, slack)...), 0, run)
				for _, c := range text[:run] {
					want = append(want, token(c))
				}
				if i < matches {
					q.addMatch(227+21, 32768)
					want = append(want, makeToken(284, 21), makeToken(distStart+29, 1<<13-1))
				}
			}
			q.finish()
			require.Equal(t, len(want)+1, q.count())

			w := newBitWriter(56 * (len(want) + 2))
			w.put(1<<7-1, 7) // as many bits as there can be from before
			w.encode(q, &words)
			w.put(0, -w.n&7)
			r := &slowReader{src: w.buf[:w.at], at: 7}
			for _, tok := range append(want, endOfBlock) {
				word := words[tok.symbol()]
				require.EqualValues(t, word.bits(), r.bits(int(word.size())))
				require.EqualValues(t, tok.extra(), r.bits(int(word.total()-word.size())))
			}
		}
	}
}

func TestReserve(t *testing.T) {
	dst := make([]byte, 3, 64)
	w := &bitWriter{buf: dst[:cap(dst)], at: len(dst)}
	w.reserve(8 * (64 - 3 - 2 - spare))
	require.Same(t, &dst[0], &w.buf[0], "there is room")
	w.reserve(8 * (64 - 3 - 1 - spare))
	require.NotSame(t, &dst[0], &w.buf[0])
	require.GreaterOrEqual(t, len(w.buf), 65)
}
