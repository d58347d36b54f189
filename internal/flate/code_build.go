package flate

import "math/bits"

// sizeCounts is how many codewords there are of each size.
type sizeCounts [maxCodeBits + 1]int

// build makes codewords that take hardly more bits for the frequencies than the
// fewest, mostly a thousandth, and returns how many bits it takes to write all symbols
// with their extra bits. The used symbols must have been scanned.
//
// A symbol that is one in 2^x of all would have x bits, if that were a whole number.
// Those whose x is the least above one are rounded down, the others up, just so many
// that all codewords fit. Huffman's tree is a little better, but to sort the symbols and
// to build it, where each step waits for the one before, took a fifth of the time of a
// small message.
//
// If one symbol occurs, its codeword has one bit: RFC 1951, section 3.2.7 has it
// so for distances, "one bit, not zero bits".
func (c *code) build() (size int) {
	clear(c.sizes)
	var counts sizeCounts
	if c.n > 1 {
		up, left := c.divide()
		left = c.round(up, left, &counts)
		c.fill(left, &counts)
	} else if c.n == 1 {
		c.sizes[c.used[0].symbol()] = 1
		counts[1] = 1
	}
	return c.assign(&counts)
}

// space is all that there is for codewords. One of n bits takes space>>n, since no
// other may begin with it.
const space = 1 << maxCodeBits

// fractions is a set of fractions of ideal sizes: bit i is for i/one.
type fractions uint32

func (f fractions) has(x uint32) uint32 { return uint32(f>>(x%one)) & 1 }

// divide finds the ideal sizes, and those fractions that must be rounded up so that all
// codewords fit. left is the space that is then left.
//
// The ideal sizes are not too small, so that each symbol takes no more of the space
// than its share if it is rounded up, or is a whole number. Only those cut at the
// limit may; if there is no room for them, all others get a bit more.
func (c *code) divide() (up fractions, left int) {
	limit := uint32(c.limit) * one
	for whole := log2(c.total) + 1; ; whole += one {
		var saves [one]int // what rounding up saves, by fraction
		left = space
		for i, l := range c.leaves() {
			x := min(max(whole-log2(l.freq()), one), limit)
			c.ideal[i] = uint16(x)
			takes := space >> (x / one & 31)
			left -= takes
			saves[x%one] += takes / 2
		}
		if up, left = choose(&saves, left); left >= 0 {
			return up, left
		}
	}
}

// choose returns the fractions to be rounded up, and left with what they save. Those
// come first that cost the least: the largest. But one that saves far more than
// needed, as a symbol that is very frequent may, is used only if there is no other way.
// The smallest that are not needed in the end are taken back.
func choose(saves *[one]int, left int) (up fractions, _ int) {
	for _, careful := range []bool{true, false} {
		for i := one - 1; i > 0 && left < 0; i-- {
			if up>>i&1 == 0 && (!careful || saves[i] <= -left*4) {
				left += saves[i]
				up |= 1 << i
			}
		}
	}
	for i := 1; i < one && (up>>i&1 == 0 || saves[i] <= left); i++ {
		if up>>i&1 == 1 {
			left -= saves[i]
			up &^= 1 << i
		}
	}
	return up, left
}

// round sets the sizes and counts them. As long as there is space left, it also rounds
// down some symbols of the smallest fractions in up. It returns what is left then.
func (c *code) round(up fractions, left int, counts *sizeCounts) int {
	sizes := c.sizes
	small := uint32(bits.TrailingZeros32(uint32(up))) + one/5
	for i, l := range c.leaves() {
		x := uint32(c.ideal[i])
		n := x/one + up.has(x)
		if takes := space >> (n & 31); takes <= left && n > x/one && x%one < small {
			left -= takes
			n--
		}
		sizes[l.symbol()] = uint8(n)
		counts[n&15]++
	}
	return left
}

// fill makes codewords shorter until no space is left: decoders accept nothing else.
func (c *code) fill(left int, counts *sizeCounts) {
	sizes := c.sizes
	for left > 0 {
		for _, l := range c.leaves() {
			n := sizes[l.symbol()]
			if takes := space >> (n & 31); takes <= left && n > 1 {
				left -= takes
				sizes[l.symbol()] = n - 1
				counts[n&15]--
				counts[(n-1)&15]++
			}
		}
	}
}

// An ideal size is a multiple of 1/one.
const (
	fractionBits = 4
	one          = 1 << fractionBits
)

// log2 returns the logarithm of n as a multiple of 1/one, rounded down.
func log2(n uint32) uint32 {
	if n < 256 {
		return uint32(logs[n])
	}
	more := uint32(bits.Len32(n >> 8))
	return uint32(logs[uint8(n>>(more&31))]) + more*one
}

// logs are those of the numbers with eight bits.
var logs = makeLogs()

func makeLogs() (t [256]uint8) {
	for n := 1; n < len(t); n++ {
		size := bits.Len(uint(n)) - 1
		t[n] = uint8(size)
		x := uint64(n) << (30 - size) // from 1 to 2, where 1 is 1<<30
		for range fractionBits {
			x = x * x >> 30
			t[n] = t[n]<<1 | uint8(x>>31)
			x >>= x >> 31
		}
	}
	return t
}
