package flate

import "math/bits"

// A codeword is what is written for a symbol: its bits, the first lowest; from
// bit 16 how many there are; from bit 24 how many there are with the extra bits.
//
// RFC 1951, section 3.1.1: "Huffman codes are packed starting with the
// most-significant bit of the code", so the bits are reversed here once, not at
// each use.
type codeword uint32

func makeCodeword(word uint16, size, extra uint8) codeword {
	return codeword(bits.Reverse16(word)>>(16-size)) | codeword(size)<<16 | codeword(size+extra)<<24
}

func (w codeword) bits() uint64 { return uint64(w & 0xffff) }
func (w codeword) size() uint   { return uint(w >> 16 & 0xff) }
func (w codeword) total() uint  { return uint(w >> 24) }

// A code is the Huffman code of one alphabet in one block.
type code struct {
	freq  []uint32          // how often each symbol occurs
	used  [numLitLen]uint16 // the symbols that do, in their order
	n     int               // how many these are
	words []codeword        // of the used symbols
	extra []uint8           // how many extra bits each symbol has
	limit int               // for the size of a codeword
}

// scan finds the used symbols.
func (c *code) scan() {
	n := 0
	for sym, f := range c.freq {
		c.used[n] = uint16(sym)
		n += int((f | -f) >> 31) // 1 if f > 0: without a branch, which nobody could foresee
	}
	c.n = n
}

// symbols returns the used symbols.
func (c *code) symbols() []uint16 { return c.used[:c.n] }

// end returns the number of symbols up to the last that is used.
func (c *code) end() int {
	if c.n == 0 {
		return 0
	}
	return int(c.used[c.n-1]) + 1
}

// cost returns how many bits it takes to write all symbols, and their extra
// bits, with these words.
func (c *code) cost(words []codeword) (size int) {
	for _, sym := range c.symbols() {
		size += int(c.freq[sym]) * int(words[sym].total())
	}
	return size
}

// assign sets the codewords that follow from their sizes, of which counts has
// the numbers; RFC 1951, section 3.2.2. It finds the sizes in words.
func (c *code) assign(counts *sizeCounts) {
	var next [maxCodeBits + 1]uint16
	for n := 1; n < maxCodeBits; n++ {
		next[n+1] = (next[n] + uint16(counts[n])) << 1
	}
	for _, sym := range c.symbols() {
		n := uint8(c.words[sym])
		c.words[sym] = makeCodeword(next[n&15], n, c.extra[sym])
		next[n&15]++
	}
}
