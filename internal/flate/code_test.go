package flate

import (
	"container/heap"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// newCode returns a scanned code with these frequencies.
func newCode(limit int, freq ...uint32) *code {
	c := &code{freq: freq, words: make([]codeword, len(freq)), extra: make([]uint8, len(freq)), limit: limit}
	c.scan()
	return c
}

func buildCode(limit int, freq ...uint32) *code {
	c := newCode(limit, freq...)
	new(coder).build(c)
	return c
}

func sizes(c *code) []int {
	list := make([]int, len(c.freq))
	for _, sym := range c.symbols() {
		list[sym] = int(c.words[sym].size())
	}
	return list
}

func TestSizesOfCodewords(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit int
		freq  []uint32
		want  []int
	}{
		{"no symbol", 15, []uint32{0, 0, 0}, []int{0, 0, 0}},
		{"one symbol has one bit", 15, []uint32{0, 5, 0}, []int{0, 1, 0}},
		{"two", 15, []uint32{1, 0, 1000}, []int{1, 0, 1}},
		{"equals", 15, []uint32{3, 3, 3, 3}, []int{2, 2, 2, 2}},
		{"one rare", 15, []uint32{8, 4, 2, 1, 1}, []int{1, 2, 3, 4, 4}},
		{"limited", 3, []uint32{8, 4, 2, 1, 1}, []int{1, 3, 3, 3, 3}},
		{"limited to what just fits", 2, []uint32{100, 10, 1, 1}, []int{2, 2, 2, 2}},
	} {
		require.Equal(t, tt.want, sizes(buildCode(tt.limit, tt.freq...)), tt.name)
	}
}

// RFC 1951, section 3.2.2 has this example: ABCDEFGH with sizes 3 3 3 3 3 2 4 4.
func TestCodewordsOfTheRFC(t *testing.T) {
	c := newCode(15, 1, 1, 1, 1, 1, 1, 1, 1)
	var counts sizeCounts
	for sym, n := range []int{3, 3, 3, 3, 3, 2, 4, 4} {
		c.words[sym] = codeword(n)
		counts[n]++
	}
	c.assign(&counts)
	for sym, want := range []struct {
		word uint16
		size uint8
	}{{0b010, 3}, {0b011, 3}, {0b100, 3}, {0b101, 3}, {0b110, 3}, {0b00, 2}, {0b1110, 4}, {0b1111, 4}} {
		require.Equal(t, makeCodeword(want.word, want.size, 0), c.words[sym], "%c", 'A'+sym)
	}
}

func TestCodewordsAreReversed(t *testing.T) {
	w := makeCodeword(0b1100, 4, 5)
	require.EqualValues(t, 0b0011, w.bits())
	require.EqualValues(t, 4, w.size())
	require.EqualValues(t, 9, w.total())
}

// weights is a heap.
type weights []int

func (w weights) Len() int           { return len(w) }
func (w weights) Less(i, j int) bool { return w[i] < w[j] }
func (w weights) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *weights) Push(v any)        { *w = append(*w, v.(int)) }
func (w *weights) Pop() any {
	v := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return v
}

// slowCost is how many bits the best code without a limit takes.
func slowCost(freq []uint32) (cost int) {
	w := &weights{}
	for _, f := range freq {
		if f > 0 {
			heap.Push(w, int(f))
		}
	}
	for w.Len() > 1 {
		both := heap.Pop(w).(int) + heap.Pop(w).(int)
		cost += both
		heap.Push(w, both)
	}
	return cost
}

// Codes are complete, keep the limit, and are the best where the limit does not
// matter.
func TestCodesAreBest(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1951, 2))
	for range 2000 {
		freq := make([]uint32, 2+rnd.IntN(numLitLen-1))
		top := 1 << (1 + rnd.IntN(16))
		for i := range freq {
			if rnd.IntN(3) > 0 {
				freq[i] = uint32(rnd.IntN(top))
			}
		}
		freq[0], freq[1] = 1, uint32(rnd.IntN(top))+1
		c := buildCode(maxCodeBits, freq...)
		kraft, longest := 0, 0
		for _, n := range sizes(c) {
			if n > 0 {
				kraft += 1 << (maxCodeBits - n)
				longest = max(longest, n)
			}
		}
		require.Equal(t, 1<<maxCodeBits, kraft, "every sequence of bits begins with a codeword")
		best := slowCost(freq)
		if longest < maxCodeBits {
			require.Equal(t, best, c.cost(c.words))
		} else {
			require.LessOrEqual(t, c.cost(c.words), best+best/50)
		}
		limited := buildCode(9, freq...)
		for _, sym := range limited.symbols() {
			require.LessOrEqual(t, limited.words[sym].size(), uint(9))
			require.NotZero(t, limited.words[sym].size())
		}
	}
}

// Frequencies like those of Fibonacci make the deepest trees.
func TestDeepTrees(t *testing.T) {
	freq := []uint32{1, 1}
	for len(freq) < 30 {
		freq = append(freq, freq[len(freq)-1]+freq[len(freq)-2])
	}
	freq = freq[:22] // so that frequency<<9 fits in a leaf
	for limit := 5; limit <= maxCodeBits; limit++ {
		c := buildCode(limit, freq...)
		kraft := 0
		for _, n := range sizes(c) {
			require.LessOrEqual(t, n, limit)
			kraft += 1 << (limit - n)
		}
		require.Equal(t, 1<<limit, kraft)
	}
}

func TestSort(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{1, 2, 19, 20, 100, numLitLen} {
		for _, top := range []uint32{2, 100, 200, maxBlock} {
			freq := make([]uint32, n)
			for i := range freq {
				freq[i] = 1 + rnd.Uint32N(top)
			}
			leaves := new(coder).sort(newCode(15, freq...))
			require.Len(t, leaves, n)
			for i, leaf := range leaves {
				require.Equal(t, freq[leaf&(1<<symbolBits-1)], leaf>>symbolBits)
				require.True(t, i == 0 || leaves[i-1] < leaf, "by frequency, then by symbol")
			}
		}
	}
}

// The fixed codes are those that follow from the sizes in RFC 1951, section
// 3.2.6.
func TestFixedWords(t *testing.T) {
	lits, dists := slowFixed()
	for _, tt := range []struct {
		code  slowCode
		first int
		n     int
	}{{lits, 0, numLitLen}, {dists, distStart, numDist}} {
		for at, sym := range tt.code {
			if sym < tt.n {
				require.Equal(t, makeCodeword(uint16(at[1]), uint8(at[0]), 0)&0xffffff, fixedWords[tt.first+sym]&0xffffff, "symbol %d", sym)
			}
		}
	}
	require.EqualValues(t, 8+5, fixedWords[284].total(), "with extra bits")
}
