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
	return codeword(bits.Reverse16(word)>>((16-size)&15)) | codeword(size)<<16 | codeword(size+extra)<<24
}

func (w codeword) bits() uint64 { return uint64(w & 0xffff) }
func (w codeword) size() uint   { return uint(w >> 16 & 63) }
func (w codeword) total() uint  { return uint(w >> 24) }

// A leaf is a symbol that is used and, from bit 9, how often.
type leaf uint32

const symbolBits = 9

func (l leaf) symbol() uint32 { return uint32(l) % (1 << symbolBits) }
func (l leaf) freq() uint32   { return uint32(l) >> symbolBits }

// A code is the Huffman code of one alphabet in one block.
type code struct {
	freq  []uint32                // how often each symbol occurs; scanStep of them, or a multiple
	used  [1 << symbolBits]leaf   // the symbols that do, in their order
	n     int                     // how many these are
	total uint32                  // the sum of their frequencies
	words []codeword              // of the used symbols
	sizes []uint8                 // of these, and 0 for the others
	ideal [1 << symbolBits]uint16 // sizes as multiples of 1/one, by the order in used
	extra []uint8                 // how many extra bits each symbol has
	limit int                     // for the size of a codeword
}

// scanStep is how many symbols scan looks at together: most that are not used have
// neighbours that are not.
const scanStep = 8

// scan finds the used symbols.
func (c *code) scan() {
	n, total := uint(0), uint32(0)
	for at := 0; at <= len(c.freq)-scanStep; at += scanStep {
		freq := (*[scanStep]uint32)(c.freq[at:])
		if freq[0]|freq[1]|freq[2]|freq[3]|freq[4]|freq[5]|freq[6]|freq[7] == 0 {
			continue
		}
		for i, f := range freq {
			c.used[n%uint(len(c.used))] = leaf(f<<symbolBits | uint32(at+i))
			n += uint((f | -f) >> 31) // 1 if f > 0: without a branch, which nobody could foresee
			total += f
		}
	}
	c.n, c.total = int(n), total
}

// leaves returns the used symbols.
func (c *code) leaves() []leaf { return c.used[:c.n] }

// end returns the number of symbols up to the last that is used.
func (c *code) end() int {
	if c.n == 0 {
		return 0
	}
	return int(c.used[c.n-1].symbol()) + 1
}

// cost returns how many bits it takes to write all symbols, and their extra
// bits, with these words.
func (c *code) cost(words []codeword) (size int) {
	for _, l := range c.leaves() {
		size += int(l.freq()) * int(words[l.symbol()].total())
	}
	return size
}

// assign sets the codewords that follow from their sizes, of which counts has
// the numbers; RFC 1951, section 3.2.2. It returns what cost does with these words.
func (c *code) assign(counts *sizeCounts) (size int) {
	var next [maxCodeBits + 1]uint16
	for n := 1; n < maxCodeBits; n++ {
		next[n+1] = (next[n] + uint16(counts[n])) << 1
	}
	words := c.words
	sizes, extra := c.sizes[:len(words)], c.extra[:len(words)]
	for _, l := range c.leaves() {
		sym := l.symbol()
		n := sizes[sym]
		w := makeCodeword(next[n&15], n, extra[sym])
		words[sym] = w
		next[n&15]++
		size += int(l.freq()) * int(w.total())
	}
	return size
}
