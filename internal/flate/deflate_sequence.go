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

// lengthSymbols holds the symbol of each length, from 3, less lengthStart.
var lengthSymbols = makeLengthSymbols()

func makeLengthSymbols() (t [maxMatch - minMatch + 1]uint8) {
	for sym, base := range lengthBase {
		for i := range 1 << lengthExtra[sym] {
			t[min(int(base)-minMatch+i, len(t)-1)] = uint8(sym)
		}
	}
	return t // 258 belongs to the last symbol, not to the last but one with 31 added
}

// distSymbol returns the symbol of a distance: above 4, the number of bits below
// the highest, and the highest of them.
func distSymbol(distance uint32) uint32 {
	d := distance - 1
	if d < 4 {
		return d
	}
	n := uint32(bits.Len32(d)) - 2
	return n<<1 + d>>n
}
