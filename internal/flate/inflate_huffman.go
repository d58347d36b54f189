package flate

import (
	"math/bits"
	"sync"
)

// An entry of a decoding table says what the next bits of the input mean:
//
//	bits 0–4    how many bits it takes in all, extra bits included
//	bits 8–11   how many of these are the code
//	bit  13     with special: the end of the block
//	bit  14     with special: look in the second-level table
//	bit  15     special: neither literal nor length nor distance. Without
//	            one of the two above: no code, or a symbol that may not occur
//	bits 16–30  the literal, or the smallest length or distance of the symbol
//	bit  31     a literal
//
// For a second-level table the value is where it begins, and bits 0–4 say how
// many bits index it.
type entry uint32

const (
	entryEnd     entry = 1 << 13
	entrySub     entry = 1 << 14
	entrySpecial entry = 1 << 15
	entryLiteral entry = 1 << 31
)

// code returns the entry of a symbol for a code of n bits.
func (e entry) code(n uint) entry { return e + entry(n<<8|n) }

func (e entry) total() uint { return uint(e & 31) }
func (e entry) value() uint { return uint(e>>16) & 0x7fff }

// extra returns the value of the extra bits; hold begins with the code.
func (e entry) extra(hold uint64) uint {
	return uint(hold&(1<<(e&31)-1)) >> (e >> 8 & 15)
}

const (
	litBits     = 11 // bits that index the first-level table
	distBits    = 8
	codeLenBits = maxCodeLenBits

	// The sizes of the tables, second level included: the most that a complete
	// code over 288 and 32 symbols takes, see TestTableSizes.
	litSize     = 2342
	distSize    = 402
	codeLenSize = 1 << codeLenBits
)

// codes are the two codes of a block.
type codes struct {
	lit  [litSize]entry
	dist [distSize]entry
}

// tables is what a dynamic block needs.
type tables struct {
	codes
	codeLen [codeLenSize]entry

	// What the header of the block has said up to now: have code lengths out of
	// numCodeLen, then out of numLit+numDist.
	numLit, numDist, numCodeLen int
	have                        int
	lens                        [numLitLen + numDist]uint8
}

var tablesPool = sync.Pool{New: func() any { return new(tables) }}

func borrowTables() *tables { return tablesPool.Get().(*tables) }

func (t *tables) release() {
	if t != nil {
		tablesPool.Put(t)
	}
}

// litEntries, distEntries and codeLenEntries hold, for every symbol, its entry
// without the code.
var (
	litEntries     = makeLitEntries()
	distEntries    = makeDistEntries()
	codeLenEntries = makeCodeLenEntries()
)

// fixedCodes are those of RFC 1951, section 3.2.6. Nobody writes to them.
var fixedCodes = makeFixedCodes()

func makeLitEntries() (entries [numFixedLitLen]entry) {
	for i := range entries {
		switch {
		case i < endOfBlock:
			entries[i] = entryLiteral | entry(i)<<16
		case i == endOfBlock:
			entries[i] = entrySpecial | entryEnd
		case i < numLitLen:
			entries[i] = entry(lengthBase[i-lengthStart])<<16 | entry(lengthExtra[i-lengthStart])
		default:
			entries[i] = entrySpecial
		}
	}
	return entries
}

func makeDistEntries() (entries [numFixedDist]entry) {
	for i := range entries {
		if i < numDist {
			entries[i] = entry(distBase[i])<<16 | entry(distExtra[i])
		} else {
			entries[i] = entrySpecial
		}
	}
	return entries
}

func makeCodeLenEntries() (entries [numCodeLen]entry) {
	extra := map[int]entry{16: 2, 17: 3, 18: 7}
	for i := range entries {
		entries[i] = entry(i)<<16 | extra[i]
	}
	return entries
}

func makeFixedCodes() (c codes) {
	var lens [numFixedLitLen]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	fill(c.lit[:], litBits, lens[:], litEntries[:])
	for i := range numFixedDist {
		lens[i] = 5
	}
	fill(c.dist[:], distBits, lens[:numFixedDist], distEntries[:])
	return c
}

// buildCodeLen makes the table of the code length code from the lengths that
// have been read. If they are no code, it says why.
func (t *tables) buildCodeLen() (reason string) {
	if left, _ := fill(t.codeLen[:], codeLenBits, t.lens[:numCodeLen], codeLenEntries[:]); left != 0 {
		return "code length code that is over-subscribed or incomplete"
	}
	return ""
}

// buildCodes does the same for the two codes of the block. Like zlib it allows
// an incomplete code if that is one code of one bit, and RFC 1951, section 3.2.7
// allows that there is no distance code: "if there are no distance codes used
// at all (the data is all literals)".
func (t *tables) buildCodes() (reason string) {
	if t.lens[endOfBlock] == 0 {
		return "block without a code for its end"
	}
	left, longest := fill(t.lit[:], litBits, t.lens[:t.numLit], litEntries[:])
	if left < 0 || left > 0 && longest > 1 {
		return "literal/length code that is over-subscribed or incomplete"
	}
	left, longest = fill(t.dist[:], distBits, t.lens[t.numLit:t.numLit+t.numDist], distEntries[:])
	if left < 0 || left > 0 && longest > 1 {
		return "distance code that is over-subscribed or incomplete"
	}
	return ""
}

// fill makes the table of the canonical code (RFC 1951, section 3.2.2) that has
// these lengths. The first 1<<primary entries are the first level.
//
// left is what the code leaves unused, in units of 1<<-15 of all codes: negative
// if it is over-subscribed, and then there is no table. If it is incomplete
// there is one only if no code is longer than a bit; the bits without a code
// lead to special entries.
func fill(table []entry, primary uint, lens []uint8, symbols []entry) (left int, longest uint) {
	var count, next [maxCodeBits + 2]uint16
	for _, n := range lens {
		count[n]++
	}
	left = 1 << maxCodeBits
	for n := uint(1); n <= maxCodeBits; n++ {
		left -= int(count[n]) << (maxCodeBits - n)
		next[n+1] = next[n] + count[n]
		if count[n] > 0 {
			longest = n
		}
	}
	if left < 0 || left > 0 && longest > 1 {
		return left, longest
	}
	// The symbols in the order of their codes: by length, then by value.
	var sorted [numFixedLitLen]uint16
	for symbol, n := range lens {
		if n > 0 {
			sorted[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	if left > 0 {
		for i := range table[:1<<primary] {
			table[i] = entrySpecial.code(1)
		}
		if longest == 1 {
			for i := 0; i < 1<<primary; i += 2 {
				table[i] = symbols[sorted[0]].code(1)
			}
		}
		return left, longest
	}
	fillComplete(table, primary, count[:], sorted[:], symbols)
	return 0, longest
}

// fillComplete is fill for a complete code.
//
// It counts through the codes in their order. A code comes with its first bit
// lowest, so the counter is kept with its bits reversed. While codes are not
// longer than what indexes the first level, the table is as long as there are
// codes of this length, and each code has one entry; before they grow by a bit,
// the table is doubled: what it has holds whatever the next bit is.
func fillComplete(table []entry, primary uint, count, sorted []uint16, symbols []entry) {
	code := uint(0)
	for n := uint(1); n <= primary; n++ {
		for _, symbol := range sorted[:count[n]] {
			table[code] = symbols[symbol].code(n)
			code = nextCode(code, n)
		}
		sorted = sorted[count[n]:]
		if n < primary {
			copy(table[1<<n:2<<n], table[:1<<n])
		}
	}
	fillSecond(table, primary, code, count, sorted, symbols)
}

// fillSecond goes on with the codes that are longer than what indexes the first
// level: each group that begins alike has a table of its own.
func fillSecond(table []entry, primary, code uint, count, sorted []uint16, symbols []entry) {
	start, end := uint(0), uint(1)<<primary
	prefix := end // none yet
	for n := primary + 1; n <= maxCodeBits; n++ {
		for i, symbol := range sorted[:count[n]] {
			if p := code % (1 << primary); p != prefix {
				prefix, start = p, end
				size := groupBits(count, n, primary, int(count[n])-i)
				end += 1 << size
				table[prefix] = entrySpecial | entrySub | entry(start<<16|size)
			}
			e := symbols[symbol].code(n)
			for at := start + code>>primary; at < end; at += 1 << (n - primary) {
				table[at] = e
			}
			code = nextCode(code, n)
		}
		sorted = sorted[count[n]:]
	}
}

// groupBits returns how many bits index the second-level table of a group whose
// first code has n bits, when left codes of n bits are still to be placed. The
// group ends where its codes fill the table up.
func groupBits(count []uint16, n, primary uint, left int) uint {
	room := 1<<(n-primary) - left
	for room > 0 {
		n++
		room = 2*room - int(count[n])
	}
	return n - primary
}

// nextCode adds one to a code of n bits whose bits are reversed. After the last
// code, all ones, it stays.
func nextCode(code, n uint) uint {
	bit := uint(1) << bits.Len(^code&(1<<n-1)) >> 1 // the highest zero
	return code&(bit-1) | bit
}
