package flate

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// ops returns what the header makes of a run, as pairs of symbol and extra bits.
func ops(h *header) (list [][2]int) {
	for _, op := range h.ops[:h.n] {
		list = append(list, [2]int{int(op.symbol()), int(op.extra())})
	}
	return list
}

// packOf returns a header with the ops of these sizes, which it has counted.
func packOf(sizes []byte) *header {
	h := new(header)
	copy(h.sizes[:], sizes)
	h.pack(len(sizes))
	sum := uint32(0)
	for _, f := range h.freq {
		sum += f
	}
	if int(sum) != h.n {
		panic("ops were not counted")
	}
	return h
}

// RFC 1951, section 3.2.7: 16 copies 3 to 6 times, 17 is 3 to 10 zeros, 18 is 11
// to 138.
func TestRunsOfZeros(t *testing.T) {
	for _, tt := range []struct {
		n    int
		want [][2]int
	}{
		{0, nil},
		{1, [][2]int{{0, 0}}},
		{2, [][2]int{{0, 0}, {0, 0}}},
		{3, [][2]int{{17, 0}}},
		{10, [][2]int{{17, 7}}},
		{11, [][2]int{{18, 0}}},
		{138, [][2]int{{18, 127}}},
		{139, [][2]int{{18, 127}, {0, 0}}},
		{141, [][2]int{{18, 127}, {17, 0}}},
		{257, [][2]int{{18, 127}, {18, 108}}},
	} {
		h := packOf(make([]byte, tt.n))
		require.Equal(t, tt.want, ops(h), "%d zeros", tt.n)
	}
}

func TestRunsOfASize(t *testing.T) {
	for _, tt := range []struct {
		n    int
		want [][2]int
	}{
		{0, nil},
		{1, [][2]int{{5, 0}}},
		{3, [][2]int{{5, 0}, {5, 0}, {5, 0}}},
		{4, [][2]int{{5, 0}, {16, 0}}},
		{7, [][2]int{{5, 0}, {16, 3}}},
		{8, [][2]int{{5, 0}, {16, 3}, {5, 0}}},
		{10, [][2]int{{5, 0}, {16, 3}, {16, 0}}},
	} {
		h := packOf(bytes.Repeat([]byte{5}, tt.n))
		require.Equal(t, tt.want, ops(h), "%d times", tt.n)
	}
}

// Headers of all kinds of codes read as they were planned, and are as long: with
// one distance code or none, with runs that cross from literals to distances,
// with all symbols and with few.
func TestHeadersRead(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 27))
	b := newBlock(1)
	for i := range 1000 {
		freq := &b.tokens.freq
		clear(freq[:])
		freq[rnd.IntN(256)], freq[endOfBlock] = 1, 1
		for range rnd.IntN(1 + i%400) {
			freq[rnd.IntN(numLitLen)] += 1 << rnd.IntN(8)
		}
		for range rnd.IntN(1 + i%40) {
			freq[distStart+rnd.IntN(numDist)] += 1 << rnd.IntN(8)
		}
		b.lits.scan()
		b.dists.scan()
		size := b.plan() - b.cost(&b.words)

		w := newBitWriter(size)
		b.header.write(w)
		require.Equal(t, size, 8*w.at+int(w.n))
		w.put(0, -w.n&7)
		r := &slowReader{src: w.buf[:w.at]}
		lits, dists := r.dynamic()
		require.NoError(t, r.err)
		requireSameCode(t, &b.lits, lits)
		requireSameCode(t, &b.dists, dists)
	}
}

func requireSameCode(t *testing.T, c *code, read slowCode) {
	t.Helper()
	require.Len(t, read, c.n)
	for at, sym := range read {
		require.Equal(t, makeCodeword(uint16(at[1]), uint8(at[0]), c.extra[sym]), c.words[sym])
	}
}

// Where a dynamic block is not tried, it would hardly ever have been smaller.
func TestDynamicBlocksNotTried(t *testing.T) {
	tried, missed, most := 0, 0, 0
	for _, corpus := range corpora {
		for size := 10; size < 600; size += 7 {
			b := newBlock(maxBlock)
			m := unused(Fastest, 15).matcher
			text := corpus.messages(1, size)[0]
			m.begin()
			m.find(&b.tokens, text, 0, len(text))
			b.finish()
			if b.mayPay() {
				tried++
				continue
			}
			fixed := b.cost(&fixedWords)
			if gain := fixed - b.plan(); gain > 0 {
				missed++
				most = max(most, gain*100/fixed)
			}
		}
	}
	t.Logf("tried %d times, missed %d times, at most %d %%", tried, missed, most)
	require.Positive(t, tried)
	require.LessOrEqual(t, most, 10)
	require.LessOrEqual(t, missed, tried/20)
}
