package flate

import "math/bits"

// A sequence is a number of literals and the match after them: the count of
// literals from bit 32, the length from bit 16, the distance below.
type sequence uint64

func makeSequence(literals, length, distance int) sequence {
	return sequence(literals)<<32 | sequence(length)<<16 | sequence(distance)
}

func (s sequence) literals() int    { return int(s >> 32) }
func (s sequence) length() uint     { return uint(s>>16) & 0xffff }
func (s sequence) distance() uint32 { return uint32(s & 0xffff) }

const (
	// maxBlock is how much of a message becomes one block: what a stored block
	// can hold.
	maxBlock = 1<<16 - 1

	// hashed is the length of the strings that are looked up, and so that of the
	// shortest match looked for.
	hashed = 4

	// maxSequences is how many matches a block may have. A long match is cut in
	// several, none shorter than 3.
	maxSequences = maxBlock/hashed + 1
)

// sequences is what the search for matches makes of the bytes of a block.
type sequences struct {
	list [maxSequences]sequence
	n    int
	run  int // literals since the last match
}

// add appends a match of any length from 3 after so many literals.
func (q *sequences) add(literals, length, distance int) {
	for length > maxMatch {
		part := min(maxMatch, length-minMatch)
		q.list[q.n] = makeSequence(literals, part, distance)
		q.n++
		literals, length = 0, length-part
	}
	q.list[q.n] = makeSequence(literals, length, distance)
	q.n++
}

// A lengthSymbol is how a length is written: the symbol, less lengthStart, and
// from bit 8 the extra bits, and from bit 16 their number.
type lengthSymbol uint32

func (s lengthSymbol) symbol() int   { return int(s & 0x1f) }
func (s lengthSymbol) extra() uint64 { return uint64(s >> 8 & 0x1f) }
func (s lengthSymbol) size() uint    { return uint(s >> 16) }

// lengthSymbols has those of all lengths, from 3.
var lengthSymbols = makeLengthSymbols()

func makeLengthSymbols() (t [maxMatch - minMatch + 1]lengthSymbol) {
	for sym, base := range lengthBase {
		for i := range 1 << lengthExtra[sym] {
			if int(base)+i <= maxMatch { // the last is that of the last symbol alone
				t[int(base)-minMatch+i] = lengthSymbol(sym | i<<8 | int(lengthExtra[sym])<<16)
			}
		}
	}
	return t
}

func (s sequence) lengthSymbol() lengthSymbol { return lengthSymbols[uint8(s.length()-minMatch)] }

// distSymbol returns the symbol of a distance and the number of its extra bits,
// which are the low bits of the distance less 1. The symbols are as those of a
// floating point number with one bit of mantissa.
func distSymbol(distance uint32) (sym, size uint32) {
	size = uint32(max(bits.Len32(distance-1), 2)) - 2
	return size<<1 + (distance-1)>>(size&31), size
}
