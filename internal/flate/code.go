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

// A coder makes the codes of one block. Its arrays are scratch, large enough for
// the largest alphabet.
type coder struct {
	sorted [numLitLen]uint32 // used symbols by rising frequency: frequency<<9 | symbol
	other  [numLitLen]uint32 // what the sort writes to
	weight [numLitLen]uint32 // of the inner nodes
	parent [numLitLen]uint16 // of the inner nodes, and then their depth
	leaf   [numLitLen]uint16 // the parent of each leaf, in the order of sorted
	bins   [256]uint16
}

const symbolBits = 9 // of an element of sorted

// lengths sets the length of the codeword of each symbol, no longer than limit,
// for a code that makes a text with these frequencies short. Symbols that do not
// occur get length 0. It returns the number of symbols that do.
//
// If one symbol occurs, its length is 1: RFC 1951, section 3.2.7 has it so for
// distances, "one bit, not zero bits".
func (c *coder) lengths(lens []uint8, freq []uint32, limit int) int {
	clear(lens)
	sorted := c.sort(freq)
	switch len(sorted) {
	case 0:
		return 0
	case 1:
		lens[sorted[0]&(1<<symbolBits-1)] = 1
		return 1
	}
	c.tree(sorted)
	counts := c.depths(len(sorted), limit)
	shorten(&counts, limit)
	// The rarest symbols get the longest codewords.
	i := 0
	for length := limit; length > 0; length-- {
		for range counts[length] {
			lens[sorted[i]&(1<<symbolBits-1)] = uint8(length)
			i++
		}
	}
	return len(sorted)
}

// sort returns the used symbols by rising frequency, and by rising symbol among
// equals, so that the result does not depend on anything else.
func (c *coder) sort(freq []uint32) []uint32 {
	n := 0
	all := uint32(0)
	for sym, f := range freq {
		if f != 0 {
			c.sorted[n] = f<<symbolBits | uint32(sym)
			n++
			all |= f
		}
	}
	from, to := c.sorted[:n], c.other[:n]
	for shift := symbolBits; all != 0; shift += 8 {
		c.radix(to, from, shift)
		from, to = to, from
		all >>= 8
	}
	return from
}

// radix sorts from by 8 bits of its elements into to, and keeps the order of
// equals.
func (c *coder) radix(to, from []uint32, shift int) {
	clear(c.bins[:])
	for _, v := range from {
		c.bins[uint8(v>>shift)]++
	}
	sum := uint16(0)
	for i, n := range c.bins {
		c.bins[i] = sum
		sum += n
	}
	for _, v := range from {
		bin := &c.bins[uint8(v>>shift)]
		to[*bin] = v
		*bin++
	}
}

// tree joins the two lightest nodes until there is one. The inner nodes come to
// be by rising weight, so the lightest is always the next leaf or the next inner
// node, and nothing needs sorting again.
func (c *coder) tree(sorted []uint32) {
	leaf, inner := 0, 0
	for node := range len(sorted) - 1 {
		weight := uint32(0)
		for range 2 {
			if leaf < len(sorted) && (inner == node || sorted[leaf]>>symbolBits <= c.weight[inner]) {
				weight += sorted[leaf] >> symbolBits
				c.leaf[leaf] = uint16(node)
				leaf++
			} else {
				weight += c.weight[inner]
				c.parent[inner] = uint16(node)
				inner++
			}
		}
		c.weight[node] = weight
	}
}

// depths counts the leaves of each depth; those deeper than limit count as at
// limit.
func (c *coder) depths(leaves, limit int) (counts [maxCodeBits + 1]int) {
	root := leaves - 2
	c.parent[root] = 0 // a node's parent comes after it, so this is now its depth
	for node := root - 1; node >= 0; node-- {
		c.parent[node] = c.parent[c.parent[node]] + 1
	}
	for _, node := range c.leaf[:leaves] {
		counts[min(int(c.parent[node])+1, limit)]++
	}
	return counts
}

// shorten makes the counts those of a code again after leaves were lifted to
// limit: too many short codewords are as impossible as too few are wasteful.
func shorten(counts *[maxCodeBits + 1]int, limit int) {
	excess := -1 << limit
	for length := 1; length <= limit; length++ {
		excess += counts[length] << (limit - length)
	}
	for ; excess > 0; excess-- {
		// A leaf one above becomes an inner node with two leaves: itself and one
		// from the bottom, whose place is free then.
		length := limit - 1
		for counts[length] == 0 {
			length--
		}
		counts[length]--
		counts[length+1] += 2
		counts[limit]--
	}
}

// assign sets the codewords that follow from the lengths; RFC 1951, section
// 3.2.2.
func assign(words []codeword, lens []uint8) {
	var next [maxCodeBits + 2]uint16
	for _, n := range lens {
		next[n+1]++
	}
	next[1] = 0 // symbols that do not occur take no code
	code := uint16(0)
	for n := 1; n <= maxCodeBits; n++ {
		code = (code + next[n]) << 1
		next[n] = code
	}
	for sym, n := range lens {
		words[sym] = 0
		if n != 0 {
			words[sym] = makeCodeword(next[n], n)
			next[n]++
		}
	}
}
