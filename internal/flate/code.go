package flate

import "math/bits"

// A codeword is what is written for a symbol: its bits, the first lowest, and
// above them, from bit 16, how many there are. RFC 1951, section 3.1.1: "Huffman
// codes are packed starting with the most-significant bit of the code", so the
// bits of the code are reversed here once, not at each use.
type codeword uint32

func makeCodeword(code uint16, length uint8) codeword {
	return codeword(bits.Reverse16(code)>>(16-length)) | codeword(length)<<16
}

func (w codeword) bits() uint64 { return uint64(w & 0xffff) }
func (w codeword) size() uint   { return uint(w >> 16) }

// A code is the Huffman code of one alphabet in one block.
type code struct {
	freq  [numLitLen]uint32   // how often each symbol occurs
	used  [numLitLen]uint16   // the symbols that do, in their order
	n     int                 // how many these are
	lens  [numLitLen]uint8    // of the codewords of the used symbols
	words [numLitLen]codeword // of the used symbols
}

// scan finds the used symbols of an alphabet of this size.
func (c *code) scan(size int) {
	n := 0
	for sym, f := range c.freq[:size] {
		c.used[n] = uint16(sym)
		n += int((f | -f) >> 31) // 1 if f > 0: without a branch, which nobody could foresee
	}
	c.n = n
}

// symbols returns the used symbols, and those from which on none is used.
func (c *code) symbols() []uint16 { return c.used[:c.n] }

// end returns the number of symbols up to the last that is used.
func (c *code) end() int {
	if c.n == 0 {
		return 0
	}
	return int(c.used[c.n-1]) + 1
}

// size returns the bits that all codewords take that scan has counted.
func (c *code) size(lens *[numLitLen]uint8) (size int) {
	for _, sym := range c.symbols() {
		size += int(c.freq[sym]) * int(lens[sym])
	}
	return size
}

// assign sets the codewords that follow from the lengths, of which counts has
// the numbers; RFC 1951, section 3.2.2.
func (c *code) assign(counts *lengthCounts) {
	var next [maxCodeBits + 1]uint16
	for n := 1; n < maxCodeBits; n++ {
		next[n+1] = (next[n] + uint16(counts[n])) << 1
	}
	for _, sym := range c.symbols() {
		n := c.lens[sym]
		c.words[sym] = makeCodeword(next[n&15], n)
		next[n&15]++
	}
}
