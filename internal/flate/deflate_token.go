package flate

import "math/bits"

// A token is a symbol and, from bit 9, its extra bits. There is one numbering for
// literals, lengths and distances, the last from distStart.
type token uint32

const (
	tokenSymbols = 1 << 9 // more than there are, so that an index needs no check
	distStart    = 288
)

func makeToken(symbol, extra uint32) token { return token(symbol | extra<<9) }

func (t token) symbol() uint32 { return uint32(t) % tokenSymbols }
func (t token) extra() uint64  { return uint64(t >> 9) }

// noDistance is behind the end of the block, where a match has its distance. It has no
// codeword.
const noDistance token = tokenSymbols - 1

// A sequence is a run of literals and the match behind it, or the end of the block.
type sequence struct {
	literals uint16
	length   uint16 // a token, which has no more bits
	distance token
}

const (
	// maxBlock is how much of a message becomes one block: what a stored block
	// can hold.
	maxBlock = 1<<16 - 1

	// literalStep is how many literals are copied at once.
	literalStep = 16
)

// tokens are a block's. There is room for as many as bytes can become, for the end
// of the block, and for what addLiterals writes beyond.
type tokens struct {
	literals []byte // those of all sequences, one after the other
	n        int    // how many bytes these are
	run      int    // how many of them came since the last match

	list      []sequence
	sequences int // how many these are

	freq [tokenSymbols]uint32 // how often each symbol occurs
}

// init makes room for a block of size bytes.
func (t *tokens) init(size int) {
	t.literals = make([]byte, size+literalStep)
	t.list = make([]sequence, size/minMatch+2)
}

// reset makes ready for a block.
func (t *tokens) reset() {
	t.n, t.run, t.sequences = 0, 0, 0
	clear(t.freq[:])
}

// addLiterals appends buf[from:to]. As many bytes as slack says can be read behind
// to: more are copied than needed, because a branch that finds out how many costs
// more than that.
func (t *tokens) addLiterals(buf []byte, from, to int) {
	n := to - from
	if n == 0 {
		return
	}
	t.run += n
	for {
		store64(t.literals, t.n, load64(buf, from))
		store64(t.literals, t.n+8, load64(buf, from+8))
		if n <= literalStep {
			t.n += n
			return
		}
		t.n += literalStep
		from += literalStep
		n -= literalStep
	}
}

// addMatch appends a match of any length from 3. It is cut where it is too long for
// one token, into parts not shorter than 3.
func (t *tokens) addMatch(length, distance int) {
	symbol, size := distSymbol(uint32(distance))
	dist := makeToken(distStart+symbol, (uint32(distance)-1)&(1<<(size&31)-1))
	for length > maxMatch {
		n := min(maxMatch, length-minMatch)
		t.add(n, dist)
		length -= n
	}
	t.add(length, dist)
}

// add ends a sequence with a match of at most maxMatch bytes.
func (t *tokens) add(length int, dist token) {
	l := lengthTokens[uint8(length-minMatch)]
	t.freq[l.symbol()]++
	t.freq[dist.symbol()]++
	t.list[t.sequences] = sequence{uint16(t.run), uint16(l), dist}
	t.sequences++
	t.run = 0
}

// finish ends the block, and counts its literals.
func (t *tokens) finish() {
	t.freq[endOfBlock]++
	t.list[t.sequences] = sequence{uint16(t.run), endOfBlock, noDistance}
	t.sequences++
	for _, c := range t.literals[:t.n] {
		t.freq[c]++
	}
}

// count returns how many tokens there are, with the end of the block.
func (t *tokens) count() int { return t.n + 2*t.sequences - 1 }

// leastFixed returns a size in bits that a fixed block does not fall below: it has at
// least 8 bits for a literal, and 12 for a match.
func (t *tokens) leastFixed() int { return 3 + 8*t.n + 12*(t.sequences-1) + 7 }

// lengthTokens has those of all lengths, from 3.
var lengthTokens = makeLengthTokens()

func makeLengthTokens() (t [maxMatch - minMatch + 1]token) {
	for i, base := range lengthBase {
		for extra := range uint32(1) << lengthExtra[i] {
			if n := uint32(base) + extra; n <= maxMatch { // the last is that of the last symbol alone
				t[n-minMatch] = makeToken(lengthStart+uint32(i), extra)
			}
		}
	}
	return t
}

// distSymbol returns the symbol of a distance and the number of its extra bits,
// which are the low bits of the distance less 1. The symbols are as those of a
// floating point number with one bit of mantissa.
func distSymbol(distance uint32) (symbol, size uint32) {
	size = uint32(max(bits.Len32(distance-1), 2)) - 2
	return size<<1 + (distance-1)>>(size&31), size
}
