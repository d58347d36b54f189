//go:build !purego && (amd64 || arm64)

package utf8

// minVector is how many bytes are worth a call of validBlocks: few.
const minVector = vectorStep

// vectorBlocks returns the length of a valid text at the front of p that ends
// between two code points. It is not far from the longest: the automaton has less
// than two vectors to look at, or finds the bad byte in them.
//
// A connection that waits has done this on a stack of 2 KiB. One more call would
// have it grow to 4, so this one takes what is kept for those that must not grow it.
//
//go:nosplit
func vectorBlocks(p []byte) int {
	if len(p) < minVector || !hasVector() {
		return 0
	}
	n := validBlocks(&p[0], len(p)&^(vectorStep-1))
	// A vector is found to be wrong, or incomplete, no earlier than in the next
	// one, and a code point has up to four bytes.
	for back := 0; back < 4 && n > 0 && p[n-1] >= 0x80; back++ {
		n--
		if p[n] >= 0xC0 {
			break // the first byte of a code point
		}
	}
	return n
}
