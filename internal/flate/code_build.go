package flate

import "math/bits"

// A coder makes codes. Its arrays are scratch, large enough for the largest
// alphabet.
type coder struct {
	leaves [numLitLen]uint32 // by rising frequency: frequency<<9 | symbol
	other  [numLitLen]uint32 // what the sort writes to
	weight [numLitLen]uint32 // of the inner nodes
	above  [numLitLen]uint16 // the parents of the leaves
	parent [numLitLen]uint16 // of the inner nodes, and then their depth
	bins   [1 << binBits]uint16
}

const symbolBits = 9 // of a leaf

// sizeCounts is how many codewords there are of each size.
type sizeCounts [maxCodeBits + 1]int

// build makes the codewords that take the fewest bits for the frequencies, or
// few more than that. The used symbols must have been scanned.
//
// If one symbol occurs, its codeword has one bit: RFC 1951, section 3.2.7 has it
// so for distances, "one bit, not zero bits".
func (b *coder) build(c *code) {
	var counts sizeCounts
	leaves := b.sort(c)
	if len(leaves) > 1 {
		b.join(leaves)
		b.measure(len(leaves), c.limit, &counts)
		counts.shorten(c.limit)
	} else {
		counts[1] = len(leaves)
	}
	i := 0 // the rarest symbols get the longest codewords
	for n := c.limit; n > 0; n-- {
		for range counts[n] {
			c.words[leaves[i]&(1<<symbolBits-1)] = codeword(n)
			i++
		}
	}
	c.assign(&counts)
}

// sort returns the used symbols by rising frequency, and by rising symbol among
// equals.
func (b *coder) sort(c *code) []uint32 {
	all := uint32(0)
	for i, sym := range c.symbols() {
		f := c.freq[sym]
		b.leaves[i] = f<<symbolBits | uint32(sym)
		all |= f
	}
	from, to := b.leaves[:c.n], b.other[:c.n]
	if c.n < 20 {
		insertionSort(from)
		return from
	}
	for shift := symbolBits; all != 0; shift += binBits {
		b.radix(to, from, shift, min(bits.Len32(all), binBits))
		from, to = to, from
		all >>= binBits
	}
	return from
}

func insertionSort(list []uint32) {
	for i, v := range list {
		for ; i > 0 && list[i-1] > v; i-- {
			list[i] = list[i-1]
		}
		list[i] = v
	}
}

const binBits = 7

// radix sorts from by so many bits of its elements into to, and keeps the order
// of equals.
func (b *coder) radix(to, from []uint32, shift, width int) {
	bins := b.bins[:1<<width]
	clear(bins)
	for _, v := range from {
		bins[int(v>>shift)&(len(bins)-1)]++
	}
	sum := uint16(0)
	for i, n := range bins {
		bins[i] = sum
		sum += n
	}
	for _, v := range from {
		bin := &bins[int(v>>shift)&(len(bins)-1)]
		to[*bin] = v
		*bin++
	}
}

// join joins the two lightest nodes until there is one. The inner nodes come to
// be by rising weight, so the lightest is always the next leaf or the next inner
// node, and nothing needs sorting again.
func (b *coder) join(leaves []uint32) {
	leaf, inner := 0, 0
	for node := range len(leaves) - 1 {
		weight := uint32(0)
		for range 2 {
			if leaf < len(leaves) && (inner == node || leaves[leaf]>>symbolBits <= b.weight[inner]) {
				weight += leaves[leaf] >> symbolBits
				b.above[leaf] = uint16(node)
				leaf++
			} else {
				weight += b.weight[inner]
				b.parent[inner] = uint16(node)
				inner++
			}
		}
		b.weight[node] = weight
	}
}

// measure counts the leaves by their depth; those deeper than limit count as at
// limit.
func (b *coder) measure(leaves, limit int, counts *sizeCounts) {
	root := leaves - 2
	b.parent[root] = 0 // a parent comes after its children, so this is now its depth
	for node := root - 1; node >= 0; node-- {
		b.parent[node] = b.parent[b.parent[node]] + 1
	}
	for _, node := range b.above[:leaves] {
		counts[min(int(b.parent[node])+1, limit)]++
	}
}

// shorten makes the counts those of a code again after leaves were lifted to
// limit.
func (counts *sizeCounts) shorten(limit int) {
	excess := -1 << limit
	for n := 1; n <= limit; n++ {
		excess += counts[n] << (limit - n)
	}
	for ; excess > 0; excess-- {
		// A leaf higher up becomes an inner node with two leaves: itself and one
		// from the bottom.
		n := limit - 1
		for counts[n] == 0 {
			n--
		}
		counts[n]--
		counts[n+1] += 2
		counts[limit]--
	}
}
