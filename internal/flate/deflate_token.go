package flate

import "math/bits"

// A token is a symbol and, from bit 9, its extra bits. There is one numbering for
// literals, lengths and distances, the last from distStart, so that counting and
// writing tokens needs no branch.
type token uint32

const (
	tokenSymbols = 1 << 9 // more than there are, so that an index needs no check
	distStart    = 288
)

func makeToken(symbol, extra uint32) token { return token(symbol | extra<<9) }

func (t token) symbol() uint32 { return uint32(t) % tokenSymbols }
func (t token) extra() uint64  { return uint64(t >> 9) }

const (
	// maxBlock is how much of a message becomes one block: what a stored block
	// can hold.
	maxBlock = 1<<16 - 1

	// literalStep is how many literals are turned into tokens at once.
	literalStep = 8
)

// tokens are a block's. There are never more of them than bytes, and the end; list
// has room for these, and for what literals writes beyond.
type tokens struct {
	list []token
	n    int
}

// literals appends buf[from:to]. As many bytes as slack says can be read behind
// to: eight are turned into tokens where fewer are needed, because a branch that
// finds out how many costs more than that.
func (t *tokens) literals(buf []byte, from, to int) {
	for n := to - from; n > 0; n -= literalStep {
		v := load64(buf, from)
		list := (*[literalStep]token)(t.list[t.n : t.n+literalStep])
		list[0] = token(v & 0xff)
		list[1] = token(v >> 8 & 0xff)
		list[2] = token(v >> 16 & 0xff)
		list[3] = token(v >> 24 & 0xff)
		list[4] = token(v >> 32 & 0xff)
		list[5] = token(v >> 40 & 0xff)
		list[6] = token(v >> 48 & 0xff)
		list[7] = token(v >> 56)
		t.n += min(n, literalStep)
		from += literalStep
	}
}

// match appends a match of any length from 3. It is cut where it is too long for
// one token, into parts not shorter than 3.
func (t *tokens) match(length, distance int) {
	symbol, size := distSymbol(uint32(distance))
	dist := makeToken(distStart+symbol, (uint32(distance)-1)&(1<<(size&31)-1))
	for length > maxMatch {
		n := min(maxMatch, length-minMatch)
		t.list[t.n] = lengthTokens[uint8(n-minMatch)]
		t.list[t.n+1] = dist
		t.n += 2
		length -= n
	}
	t.list[t.n] = lengthTokens[uint8(length-minMatch)]
	t.list[t.n+1] = dist
	t.n += 2
}

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
