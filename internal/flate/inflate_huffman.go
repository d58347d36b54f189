package flate

import "math/bits"

// sorted takes the symbols of an alphabet, lowest first, and sorts them by the
// length of their code, in bits. Those of length 0 have no code. It may take a
// second alphabet after the first.
type sorted struct {
	next    positions // where the next symbol goes whose code is so long
	symbols [(maxCodeBits + 1) * maxSorted]uint16
}

// maxSorted is how many symbols may have codes of the same length.
const maxSorted = numFixedLitLen + numFixedDist

// positions are indexes into the symbols of sorted, for every length.
type positions [maxCodeBits + 1]uint16

// starts is where the symbols of every length begin. Nobody writes to it.
var starts = makeStarts()

func makeStarts() (p positions) {
	for n := range p {
		p[n] = uint16(n * maxSorted)
	}
	return p
}

// reset makes it empty, which the zero value is not.
func (s *sorted) reset() { s.next = starts }

// add takes a symbol with a code of n bits, at most maxCodeBits.
func (s *sorted) add(symbol int, n uint8) {
	k := s.next[n]
	s.symbols[k] = uint16(symbol)
	s.next[n] = k + 1
}

// all returns the code of all that was added.
func (s *sorted) all() canonical { return canonical{s, starts, s.next} }

// split returns the codes of two alphabets: of what was added until next was
// mark, and of the rest.
func (s *sorted) split(mark positions) (first, second canonical) {
	return canonical{s, starts, mark}, canonical{s, mark, s.next}
}

// A canonical code, as RFC 1951, section 3.2.2 defines it: of every length n in
// bits it has the symbols sorted.symbols[from[n]:to[n]], lowest first. The codes
// count up in this order.
type canonical struct {
	sorted   *sorted
	from, to positions
}

// of returns the symbols whose codes have n bits.
func (c *canonical) of(n uint) []uint16 { return c.sorted.symbols[c.from[n]:c.to[n]] }

// left returns how many codes of maxCodeBits are unused: 0 if the code is
// complete, less if it is over-subscribed. longest is the length of its longest
// code, if it has any.
func (c *canonical) left() (left int, longest uint) {
	left = 1
	for n := 1; n <= maxCodeBits; n++ {
		k := int(c.to[n] - c.from[n])
		left = 2*left - k
		if k > 0 {
			longest = uint(n)
		}
	}
	return left, longest
}

// build makes the decoding table of the code, unless it is over-subscribed, or
// incomplete although it has a code of more than one bit. entries[symbol] is the
// entry of a symbol without its code. The first 1<<primary of the table are the
// first level: primary is as long as the longest code, but from least to most.
func (c *canonical) build(table []entry, least, most uint, entries []entry) (primary uint, ok bool) {
	left, longest := c.left()
	primary = min(max(least, longest), most)
	switch {
	case left == 0:
		code := c.fill(table[:1<<primary], primary, entries)
		if longest > primary {
			c.fillSecond(table, primary, code, entries)
		}
	case left > 0 && longest <= 1:
		c.fillIncomplete(table[:1<<primary], entries)
	default:
		return primary, false
	}
	return primary, true
}

// fillIncomplete is for a code of one symbol, which is 0, or of none.
func (c *canonical) fillIncomplete(table, entries []entry) {
	for i := range table {
		table[i] = entrySpecial.code(1)
		if only := c.of(1); i%2 == 0 && len(only) > 0 {
			table[i] = entries[only[0]].code(1)
		}
	}
}

// fill makes the first level of the table of a complete code, and returns the
// first code that is longer than what indexes it. Codes are left-justified, here
// in litBits: then one table reverses them all.
//
// The table is as long as there are codes of this length, and each code has one
// entry; before the codes grow by a bit, the table is doubled: what it has holds
// whatever the next bit is.
func (c *canonical) fill(table []entry, primary uint, entries []entry) (code uint) {
	size, step, coded := 1, uint(1)<<(litBits-1), entry(0).code(1)
	for n := uint(1); n <= primary; n++ {
		if code > 0 {
			copy(table[size:], table[:size])
		}
		for _, symbol := range c.of(n) {
			table[reversed[code%(1<<litBits)]] = entries[symbol] + coded
			code += step
		}
		size *= 2
		step /= 2
		coded += entry(0).code(1)
	}
	return code << (16 - litBits)
}

// reversed has all codes of litBits as they come: their first bit lowest. Nobody
// writes to it.
var reversed = makeReversed()

func makeReversed() (r [1 << litBits]uint16) {
	for code := range r {
		r[code] = bits.Reverse16(uint16(code)) >> (16 - litBits)
	}
	return r
}

// fillSecond goes on with the codes that are longer than what indexes the first
// level, now left-justified in 16 bits: each group that begins alike has a table
// of its own.
func (c *canonical) fillSecond(table []entry, primary, code uint, entries []entry) {
	start, end := uint(0), uint(1)<<primary
	prefix := end // none yet
	for n := primary + 1; n <= maxCodeBits; n++ {
		symbols := c.of(n)
		for i, symbol := range symbols {
			index := uint(bits.Reverse16(uint16(code)))
			if p := index % (1 << primary); p != prefix {
				prefix, start = p, end
				size := c.groupBits(n, primary, len(symbols)-i)
				end += 1 << size
				table[prefix] = entrySpecial | entrySub | entry(start<<16|size)
			}
			e := entries[symbol].code(n)
			for at := start + index>>primary; at < end; at += 1 << (n - primary) {
				table[at] = e
			}
			code += 1 << (16 - n)
		}
	}
}

// groupBits returns how many bits index the second-level table of a group whose
// first code has n bits, when left codes of n bits are still to be placed. The
// group ends where its codes fill the table up.
func (c *canonical) groupBits(n, primary uint, left int) uint {
	room := 1<<(n-primary) - left
	for room > 0 {
		n++
		room = 2*room - len(c.of(n))
	}
	return n - primary
}
