package flate

import "sync"

// An entry of a decoding table says what the next bits of the input mean:
//
//	bits 0–4    how many bits it takes in all, extra bits included
//	bits 8–11   how many of these are the code
//	bit  13     with special: the end of the block
//	bit  14     with special: look in a second-level table
//	bit  15     special: neither literal nor length nor distance. Without
//	            one of the two above: no code, or a symbol that may not occur
//	bits 16–30  the literal, or the smallest length or distance of the symbol
//	bit  31     a literal
//
// For a second-level table the value is where it begins, and bits 0–4 say how
// many bits index it. Bits 5–7 and 12 are zero.
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

// extra returns the value of the extra bits, of which a special entry has none;
// hold begins with the code. To shift by six bits of e, of which some are zero,
// takes no masking.
func (e entry) extra(hold uint64) int {
	return int(hold & (1<<(e&63) - 1) >> (e >> 8 & 63))
}

// sub returns where in the tables the entry is that e refers to.
func (e entry) sub(hold uint64, primary uint) uint {
	return e.value() + uint(hold>>primary)&(1<<(e&31)-1)
}

const (
	litBits     = 10 // bits that index the first-level table
	distBits    = 8
	codeLenBits = maxCodeLenBits

	// The sizes of the tables, second level included: the most that a complete
	// code over 288 and 32 symbols takes, see TestTableSizes.
	litSize     = 1334
	distSize    = 402
	codeLenSize = 1 << codeLenBits
)

// codes are the two codes of a block.
type codes struct {
	lit      [litSize]entry
	dist     [distSize]entry
	distMask uint64 // of the bits that index the first-level table of dist
}

// tables is what a dynamic block needs.
type tables struct {
	codes
	codeLen [codeLenSize]entry

	// What the header of the block has said up to now: have code lengths out of
	// numCodeLen, then out of numLit+numDist. The distance symbols come after the
	// others, and count on from numLit.
	numLit, numDist, numCodeLen int
	have                        int
	lens                        [numLitLen + numDist]uint8
	sorted                      sorted
	mark                        positions // how far sorted has literal/length symbols
}

var tablesPool = sync.Pool{New: func() any { return new(tables) }}

func borrowTables() *tables { return tablesPool.Get().(*tables) }

func (t *tables) release() {
	if t != nil {
		tablesPool.Put(t)
	}
}

// buildCodeLen makes the table of the code length code from the lengths that
// have been read, and gets ready for those that it codes. If they are no code,
// it says why.
func (t *tables) buildCodeLen() (reason string) {
	t.sorted.reset()
	for symbol, n := range t.lens[:numCodeLen] {
		t.sorted.add(symbol, n%(maxCodeLenBits+1))
	}
	all := t.sorted.all()
	if left, _ := all.left(); left != 0 {
		return "code length code that is over-subscribed or incomplete"
	}
	all.fill(t.codeLen[:], codeLenBits, codeLenEntries[:])
	t.sorted.reset()
	clear(t.lens[:])
	return ""
}

// repeat takes what symbol 16, 17 or 18 stands for, and returns how many lengths
// there are then: more than there is room for if there would be, or if there is
// nothing to repeat.
func (t *tables) repeat(have int, symbol uint8, extra int) int {
	n := 3 + extra
	if symbol == longZeros {
		n += 8
	}
	if n > len(t.lens)-have || symbol == copyPrevious && have == 0 {
		return len(t.lens) + 1
	}
	if symbol != copyPrevious {
		return have + n
	}
	for last := t.lens[have-1] % (maxCodeBits + 1); n > 0; n-- {
		t.lens[have] = last
		t.sorted.add(have, last)
		have++
	}
	return have
}

// endLiterals remembers what there is of the literal/length code, now that all of
// its lengths have been read. A run may have crossed to the distances.
func (t *tables) endLiterals() {
	t.mark = t.sorted.next
	t.mark[t.lens[t.have-1]%(maxCodeBits+1)] -= uint16(t.have - t.numLit)
}

// buildCodes makes the tables of the two codes of the block. RFC 1951, section
// 3.2.7 allows one distance code of one bit, the other bit being unused, and
// none "if there are no distance codes used at all (the data is all literals)".
// Like zlib, we allow the same of the literals.
func (t *tables) buildCodes() (reason string) {
	if t.lens[endOfBlock] == 0 {
		return "block without a code for its end"
	}
	lit, dist := t.sorted.split(t.mark)
	if _, ok := lit.build(t.lit[:], litBits, litBits, entries[:]); !ok {
		return "literal/length code that is over-subscribed or incomplete"
	}
	primary, ok := dist.build(t.dist[:], 1, distBits, entries[numFixedLitLen-t.numLit:])
	if !ok {
		return "distance code that is over-subscribed or incomplete"
	}
	t.distMask = 1<<primary - 1
	return ""
}

// entries and codeLenEntries hold, for every symbol, its entry without the code:
// for the literal/length symbols, then the distance symbols; and for those of the
// code length code. Nobody writes to them.
var (
	entries        = makeEntries()
	codeLenEntries = makeCodeLenEntries()
)

func makeEntries() (entries [numFixedLitLen + numFixedDist]entry) {
	lit, dist := entries[:numFixedLitLen], entries[numFixedLitLen:]
	for i := range lit {
		switch {
		case i < endOfBlock:
			lit[i] = entryLiteral | entry(i)<<16
		case i == endOfBlock:
			lit[i] = entrySpecial | entryEnd
		case i < numLitLen:
			lit[i] = entry(lengthBase[i-lengthStart])<<16 | entry(lengthExtra[i-lengthStart])
		default:
			lit[i] = entrySpecial
		}
	}
	for i := range dist {
		dist[i] = entrySpecial
		if i < numDist {
			dist[i] = entry(distBase[i])<<16 | entry(distExtra[i])
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

// fixedCodes are those of RFC 1951, section 3.2.6. Nobody writes to them.
var fixedCodes = makeFixedCodes()

func makeFixedCodes() (c codes) {
	var lit, dist sorted
	lit.reset()
	dist.reset()
	for i := range numFixedLitLen {
		switch {
		case i < 144:
			lit.add(i, 8)
		case i < 256:
			lit.add(i, 9)
		case i < 280:
			lit.add(i, 7)
		default:
			lit.add(i, 8)
		}
	}
	for i := range numFixedDist {
		dist.add(i, 5)
	}
	all := lit.all()
	all.fill(c.lit[:], litBits, entries[:])
	all = dist.all()
	all.fill(c.dist[:], distBits, entries[numFixedLitLen:])
	c.distMask = 1<<distBits - 1
	return c
}
