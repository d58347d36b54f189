package flate

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// newCode returns a scanned code with these frequencies.
func newCode(limit int, freq ...uint32) *code {
	n := (len(freq) + scanStep - 1) / scanStep * scanStep
	c := &code{words: make([]codeword, n), sizes: make([]uint8, n), extra: make([]uint8, n), limit: limit}
	c.freq = append(freq, make([]uint32, n-len(freq))...)
	c.scan()
	return c
}

func buildCode(limit int, freq ...uint32) *code {
	c := newCode(limit, freq...)
	c.build()
	return c
}

// sizes returns those of the codewords of the first n symbols.
func sizes(c *code, n int) []int {
	list := make([]int, n)
	for _, l := range c.leaves() {
		list[l.symbol()] = int(c.words[l.symbol()].size())
	}
	return list
}

// The used symbols are found wherever they are, with their frequencies.
func TestScan(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	for range 100 {
		freq := make([]uint32, numFixedLitLen)
		var want []leaf
		for i := range freq {
			if rnd.IntN(10) == 0 {
				freq[i] = 1 + rnd.Uint32N(maxBlock)
				want = append(want, leaf(freq[i]<<symbolBits|uint32(i)))
			}
		}
		require.Equal(t, want, newCode(15, freq...).leaves())
	}
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
		require.Equal(t, tt.want, sizes(buildCode(tt.limit, tt.freq...), len(tt.freq)), tt.name)
	}
}

// RFC 1951, section 3.2.2 has this example: ABCDEFGH with sizes 3 3 3 3 3 2 4 4.
func TestCodewordsOfTheRFC(t *testing.T) {
	c := newCode(15, 1, 1, 1, 1, 1, 1, 1, 1)
	var counts sizeCounts
	for sym, n := range []int{3, 3, 3, 3, 3, 2, 4, 4} {
		c.sizes[sym] = uint8(n)
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

// Codes are complete, keep the limit, and are nearly the best.
func TestCodesAreNearlyBest(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1951, 2))
	sum, sumOfBest := int64(0), int64(0)
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
		kraft := 0
		for _, n := range sizes(c, len(c.freq)) {
			if n > 0 {
				kraft += 1 << (maxCodeBits - n)
			}
		}
		require.Equal(t, 1<<maxCodeBits, kraft, "every sequence of bits begins with a codeword")
		best := slowCost(freq)
		require.LessOrEqual(t, c.cost(c.words), best+best/8, "of few symbols each counts")
		sum += int64(c.cost(c.words))
		sumOfBest += int64(best)
		limited := buildCode(9, freq...)
		for _, l := range limited.leaves() {
			require.LessOrEqual(t, limited.words[l.symbol()].size(), uint(9))
			require.NotZero(t, limited.words[l.symbol()].size())
		}
	}
	t.Logf("%.3f %% more than the best", 100*(float64(sum)/float64(sumOfBest)-1))
	require.LessOrEqual(t, sum, sumOfBest+sumOfBest/500)
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
		for _, n := range sizes(c, len(freq)) {
			require.LessOrEqual(t, n, limit)
			kraft += 1 << (limit - n)
		}
		require.Equal(t, 1<<limit, kraft)
	}
}

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		name  string
		saves map[int]int // by fraction
		left  int
		want  []int // the fractions to be rounded up
	}{
		{"all fit", map[int]int{15: 10}, 0, nil},
		{"the largest fraction first", map[int]int{15: 10, 14: 10, 3: 10}, -15, []int{15, 14}},
		{"a whole number never", map[int]int{0: 100, 1: 10}, -10, []int{1}},
		{"not one that saves far too much", map[int]int{15: 100, 3: 10}, -10, []int{3}},
		{"unless there is no other way", map[int]int{15: 100, 3: 10}, -15, []int{15}},
		{"what is not needed in the end is taken back, the smallest first", map[int]int{15: 100, 4: 20, 3: 10}, -31, []int{15}},
		{"but none behind one that is needed", map[int]int{15: 10, 14: 30}, -20, []int{15, 14}},
	} {
		var saves [one]int
		for i, n := range tt.saves {
			saves[i] = n
		}
		up, left := choose(&saves, tt.left)
		var got []int
		for i := one - 1; i >= 0; i-- {
			if up.has(uint32(i)) == 1 && saves[i] > 0 {
				got = append(got, i)
				tt.left += saves[i]
			}
		}
		require.Equal(t, tt.want, got, tt.name)
		require.Equal(t, tt.left, left, tt.name)
		require.GreaterOrEqual(t, left, 0, tt.name)
	}
}

// log2 is rounded down, by less than two steps: one for the fraction, and less than one
// for the bits of n that are not looked at.
func TestLog2(t *testing.T) {
	for n := uint32(1); n < 1<<18; n++ {
		exact := math.Log2(float64(n)) * one
		require.LessOrEqual(t, float64(log2(n)), exact+1e-9, "%d", n)
		require.Greater(t, float64(log2(n)), exact-2, "%d", n)
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
