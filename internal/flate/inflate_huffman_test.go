package flate

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Which codes a dynamic block may have: those that zlib takes. Every block here
// ends after its header, with its end if it has one.
func TestCodesOfDynamicBlocks(t *testing.T) {
	end := map[int]int{endOfBlock: 1}
	for _, tt := range []struct {
		name      string
		lit, dist map[int]int // lengths that are not 0
		reason    string      // if refused
	}{
		{"two literal codes, two distances", map[int]int{'a': 1, endOfBlock: 1}, map[int]int{0: 1, 1: 1}, ""},
		{"one distance of one bit", map[int]int{'a': 1, endOfBlock: 1}, map[int]int{5: 1}, ""},
		{"no distance", map[int]int{'a': 1, endOfBlock: 1}, nil, ""},
		{"the end alone, of one bit", end, nil, ""},
		{"one distance of two bits", map[int]int{'a': 1, endOfBlock: 1}, map[int]int{5: 2}, "distance code"},
		{"distances incomplete", map[int]int{'a': 1, endOfBlock: 1}, map[int]int{0: 1, 1: 2}, "distance code"},
		{"distances over-subscribed", map[int]int{'a': 1, endOfBlock: 1}, map[int]int{0: 1, 1: 1, 2: 1}, "distance code"},
		{"the end alone, of two bits", map[int]int{endOfBlock: 2}, nil, "literal/length code"},
		{"literals incomplete", map[int]int{'a': 2, 'b': 2, endOfBlock: 2}, nil, "literal/length code"},
		{"literals over-subscribed", map[int]int{'a': 1, 'b': 1, endOfBlock: 1}, nil, "literal/length code"},
		{"literals over-subscribed by the longest code", map[int]int{'a': 1, 'b': 1, endOfBlock: 15}, nil, "literal/length code"},
		{"no end", map[int]int{'a': 1, 'b': 1}, nil, "without a code for its end"},
		{"no code at all", nil, nil, "without a code for its end"},
		{"all symbols there are, of 15 bits", allOf(286, 15), allOf(30, 15), "literal/length code"},
		{"distances all of 15 bits", map[int]int{'a': 1, endOfBlock: 1}, allOf(30, 15), "distance code"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := new(script).dynamic(lengths(max(257, len(tt.lit)), tt.lit), lengths(30, tt.dist))
			d := NewDecompressor(15)
			defer d.Release()
			_, err := inflate(t, d, s.bytes)
			if tt.reason == "" {
				require.NoError(t, err)
				return
			}
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Contains(t, corrupt.Reason, tt.reason)
		})
	}
}

// allOf returns the lengths of n codes, all of so many bits.
func allOf(n, length int) map[int]int {
	of := map[int]int{}
	for symbol := range n {
		of[symbol] = length
	}
	return of
}

// A code of one bit leaves one bit unused, which is corrupt where it comes.
func TestUnusedBitOfAnIncompleteCode(t *testing.T) {
	for _, tt := range []struct {
		name   string
		input  *script
		reason string
	}{
		{"literal", new(script).dynamic(lengths(257, map[int]int{endOfBlock: 1}), []int{0}).bits(1, 1), "literal/length symbol"},
		{"distance", new(script).dynamic(lengths(258, map[int]int{'a': 2, endOfBlock: 2, 257: 1}), []int{1}).code(2, 2).code(0, 1).bits(1, 1), "distance symbol"},
		{"no distances", new(script).dynamic(lengths(258, map[int]int{'a': 2, endOfBlock: 2, 257: 1}), []int{0}).code(2, 2).code(0, 1).bits(0, 1), "distance symbol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecompressor(15)
			defer d.Release()
			_, err := inflate(t, d, tt.input.bytes)
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Contains(t, corrupt.Reason, tt.reason)
		})
	}
}

// The code length code has to be complete, and may not run over the end.
func TestCodeLengthCode(t *testing.T) {
	header := func(lens ...int) *script {
		s := new(script).block(blockDynamic).bits(0, 5).bits(0, 5).bits(len(lens)-4, 4)
		for _, n := range lens {
			s.bits(n, 3)
		}
		return s
	}
	for _, tt := range []struct {
		name   string
		input  *script
		reason string
	}{
		// In the order of codeLenOrder: 16, 17, 18, 0, …
		{"none", header(0, 0, 0, 0), "code length code"},
		{"incomplete", header(1, 2, 0, 0), "code length code"},
		{"one code of one bit", header(0, 0, 0, 1), "code length code"},
		{"over-subscribed", header(1, 1, 1, 0), "code length code"},
		{"repeat of nothing", header(1, 0, 0, 1).code(1, 1).bits(0, 2), "repeat of a code length"},
		{"zeros beyond the last", header(0, 0, 1, 1).code(1, 1).bits(127, 7).code(1, 1).bits(127, 7), "repeat of a code length"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecompressor(15)
			defer d.Release()
			_, err := inflate(t, d, tt.input.align().bytes)
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Contains(t, corrupt.Reason, tt.reason)
		})
	}
}

// "The code length repeat codes can cross from HLIT + 257 to the HDIST + 1 code
// lengths". It makes no difference where the input is cut.
func TestRunCrossesFromLiteralsToDistances(t *testing.T) {
	// begin sends the lengths up to that of the end: one bit for a, two for the end.
	begin := func(lits, dists int) *script {
		s := new(script).block(blockDynamic).bits(lits-lengthStart, 5).bits(dists-1, 5).bits(18-4, 4)
		for _, symbol := range codeLenOrder[:18] {
			s.bits(map[uint8]int{1: 2, 16: 2, 18: 2, 2: 3, 17: 3}[symbol], 3)
		}
		// The codes are 1: 00, 16: 01, 18: 10, 2: 110, 17: 111.
		s.code(2, 2).bits('a'-11, 7).code(0, 2)                             // zeros up to a, which has one bit
		s.code(2, 2).bits(127, 7).code(2, 2).bits(endOfBlock-'b'-138-11, 7) // zeros up to the end
		return s.code(6, 3)                                                 // which has two
	}
	for _, tt := range []struct {
		name  string
		input *script
		text  string
	}{
		// Five times two bits: length 3, and distances 1 to 4. Then a, three a, end.
		{"of a length", begin(258, 4).code(1, 2).bits(2, 2).code(0, 1).code(3, 2).code(0, 2).code(2, 2), "aaaa"},
		// Length 3 has two bits; three zeros are length 4 and distances 1 and 2;
		// distance 3 has one bit. Then three a, and three more, end.
		{"of zeros", begin(259, 3).code(6, 3).code(7, 3).bits(0, 3).code(0, 2).code(0, 3).code(3, 2).code(0, 1).code(2, 2), "aaaaaa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := append(tt.input.block(blockStored).align().bytes, Tail...)
			for cut := range src {
				d := NewDecompressor(15)
				first, err := inflate(t, d, src[:cut])
				require.NoError(t, err, "cut at %d", cut)
				second, err := inflate(t, d, src[cut:])
				require.NoError(t, err, "cut at %d", cut)
				require.NoError(t, d.EndMessage())
				require.Equal(t, tt.text, string(first)+string(second), "cut at %d", cut)
				d.Release()
			}
		})
	}
}

// Every symbol of a random complete code, long codes included, is found by its
// bits, and by none that are fewer: in a table of which the first level has a
// fixed size, as that of the literals has, and in one of which it has the size of
// the longest code, as that of the distances has.
func TestFillFindsEveryCode(t *testing.T) {
	rng := rand.New(rand.NewPCG(1951, 3))
	for range 200 {
		requireFindsEveryCode(t, rng, randomCode(rng, 2+rng.IntN(numLitLen-1), maxCodeBits), litBits, litBits, make([]entry, litSize))
		requireFindsEveryCode(t, rng, randomCode(rng, 2+rng.IntN(numDist-1), 5+rng.IntN(maxCodeBits-4)), 1, distBits, make([]entry, distSize))
	}
}

func requireFindsEveryCode(t *testing.T, rng *rand.Rand, lens []uint8, least, most uint, table []entry) {
	t.Helper()
	var s sorted
	s.reset()
	for symbol, n := range lens {
		s.add(symbol, n)
	}
	all := s.all()
	primary, ok := all.build(table, least, most, entries[:])
	require.True(t, ok)
	require.Equal(t, min(max(least, uint(slices.Max(lens))), most), primary)
	code := 0
	for n := uint(1); n <= maxCodeBits; n++ {
		for _, symbol := range all.of(n) {
			hold := uint64(bits.Reverse16(uint16(code))>>(16-n)) | rng.Uint64()<<n
			e := table[hold%(1<<primary)]
			if e&entrySub != 0 {
				e = table[e.sub(hold, primary)]
			}
			require.Equal(t, entries[symbol].code(n), e)
			code++
		}
		code *= 2
	}
}

// randomCode returns the lengths of a complete code of so many symbols, none
// longer than limit: it starts with one code and splits one after the other.
func randomCode(rng *rand.Rand, symbols, limit int) []uint8 {
	lens := []uint8{0}
	for len(lens) < symbols {
		// Prefer the last, which is deep.
		i := len(lens) - 1 - min(int(rng.ExpFloat64()*2), len(lens)-1)
		if int(lens[i]) == limit {
			i = rng.IntN(len(lens))
		}
		if int(lens[i]) < limit {
			lens[i]++
			lens = append(lens, lens[i])
		}
	}
	rng.Shuffle(len(lens), func(i, j int) { lens[i], lens[j] = lens[j], lens[i] })
	return lens
}

// The tables are as large as the worst complete code needs.
func TestTableSizes(t *testing.T) {
	require.Equal(t, litSize, worstTable(numFixedLitLen, litBits))
	require.Equal(t, distSize, worstTable(numFixedDist, distBits))
}

// worstTable returns how many entries a table for so many symbols may need, by
// trying all codes.
func worstTable(symbols, primary int) (worst int) {
	w := &layout{primary: primary, memo: map[layoutState]int{}}
	for unused := 1; unused < 1<<primary; unused++ {
		// The codes of the first level leave so many of its entries unused; at
		// least one symbol for each power of two that makes up the others.
		most := symbols - bits.OnesCount(uint(1<<primary-unused))
		for left := 2 * unused; left <= most; left++ {
			worst = max(worst, w.worst(layoutState{primary + 1, left, 2 * unused, 0}))
		}
	}
	return 1<<primary + worst
}

type layout struct {
	primary int
	memo    map[layoutState]int
}

// A layoutState is what counts of a code that is laid out up to codes of fewer
// than n bits.
type layoutState struct {
	n       int // bits
	symbols int // still without a code, at least as many as there are slots
	slots   int // unused codes of n bits
	rest    int // of these in the second-level table that has been begun
}

// worst returns how many more entries may be needed.
func (w *layout) worst(s layoutState) int {
	size := 1 << (s.n - w.primary)
	if s.symbols == s.slots {
		return s.slots - s.rest // every symbol gets a slot
	}
	if s.n == maxCodeBits {
		return -1 << 20 // more symbols than codes
	}
	if known, ok := w.memo[s]; ok {
		return known
	}
	worst, added, rest := -1<<20, 0, s.rest
	for used := 0; ; used++ { // so many codes of n bits
		next := layoutState{s.n + 1, s.symbols - used, 2 * (s.slots - used), 2 * rest}
		if next.slots == 0 || next.symbols == 0 {
			break
		}
		if next.symbols >= next.slots {
			more := added
			if rest > 0 {
				more += size // the table that has been begun doubles
			}
			worst = max(worst, more+w.worst(next))
		}
		if rest == 0 {
			rest = size
			added += size
		}
		rest--
	}
	w.memo[s] = worst
	return worst
}
