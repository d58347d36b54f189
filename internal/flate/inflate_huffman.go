package flate

import "math/bits"

// sorted takes the symbols of an alphabet, lowest first, and sorts them by the
// length of their code, in bits. Those of length 0 have no code. It may take a
// second alphabet after the first.
type sorted struct {
	count   [maxCodeBits + 1]uint16
	symbols [maxCodeBits + 1][numFixedLitLen + numFixedDist]uint16
}

func (s *sorted) reset() { clear(s.count[:]) }

func (s *sorted) add(symbol int, n uint8) {
	n %= maxCodeBits + 1
	s.symbols[n][s.count[n]] = uint16(symbol)
	s.count[n]++
}

// all returns all that was added.
func (s *sorted) all() (symbols lists) {
	for n := 1; n <= maxCodeBits; n++ {
		symbols[n] = s.symbols[n][:s.count[n]]
	}
	return symbols
}

// split separates two alphabets; lens are the lengths in the second.
func (s *sorted) split(lens []uint8) (first, second lists) {
	var count [maxCodeBits + 1]uint16
	for _, n := range lens {
		count[n%(maxCodeBits+1)]++
	}
	for n := 1; n <= maxCodeBits; n++ {
		both := s.symbols[n][:s.count[n]]
		k := len(both) - int(count[n])
		first[n], second[n] = both[:k], both[k:]
	}
	return first, second
}

// lists is a canonical code, as RFC 1951, section 3.2.2 defines it: for every
// length in bits the symbols whose codes are as long, lowest first. The codes
// count up in this order.
type lists [maxCodeBits + 1][]uint16

// left returns how many codes of maxCodeBits are unused: 0 if the code is
// complete, less if it is over-subscribed. longest is the length of its longest
// code, if it has any.
func (l *lists) left() (left int, longest uint) {
	left = 1 << maxCodeBits
	for n := uint(1); n <= maxCodeBits; n++ {
		if len(l[n]) > 0 {
			left -= len(l[n]) << (maxCodeBits - n)
			longest = n
		}
	}
	return left, longest
}

// build makes the decoding table of the code, unless it is over-subscribed, or
// incomplete although it has a code of more than one bit. entries has the entry
// of every symbol without its code; the first 1<<primary of the table are the
// first level.
func (l *lists) build(table []entry, primary uint, entries []entry) bool {
	switch left, longest := l.left(); {
	case left == 0:
		l.fill(table, primary, entries)
	case left > 0 && longest <= 1:
		l.fillIncomplete(table[:1<<primary], entries)
	default:
		return false
	}
	return true
}

// fillIncomplete is for a code of one symbol, which is 0, or of none.
func (l *lists) fillIncomplete(table, entries []entry) {
	for i := range table {
		table[i] = entrySpecial.code(1)
		if i%2 == 0 && len(l[1]) > 0 {
			table[i] = entries[l[1][0]].code(1)
		}
	}
}

// fill makes the table of a complete code.
//
// While codes are not longer than what indexes the first level, the table is as
// long as there are codes of this length, and each code has one entry; before
// the codes grow by a bit, the table is doubled: what it has holds whatever the
// next bit is.
func (l *lists) fill(table []entry, primary uint, entries []entry) {
	code := uint16(0)
	for n := uint(1); n <= primary; n++ {
		for _, symbol := range l[n] {
			table[reverse(code, n)] = entries[symbol].code(n)
			code++
		}
		if n < primary && code > 0 {
			copy(table[1<<n:2<<n], table[:1<<n])
		}
		code *= 2
	}
	l.fillSecond(table, primary, code, entries)
}

// fillSecond goes on with the codes that are longer than what indexes the first
// level: each group that begins alike has a table of its own.
func (l *lists) fillSecond(table []entry, primary uint, code uint16, entries []entry) {
	start, end := uint(0), uint(1)<<primary
	prefix := end // none yet
	for n := primary + 1; n <= maxCodeBits; n++ {
		for i, symbol := range l[n] {
			bits := reverse(code, n)
			if p := bits % (1 << primary); p != prefix {
				prefix, start = p, end
				size := l.groupBits(n, primary, len(l[n])-i)
				end += 1 << size
				table[prefix] = entrySpecial | entrySub | entry(start<<16|size)
			}
			e := entries[symbol].code(n)
			for at := start + bits>>primary; at < end; at += 1 << (n - primary) {
				table[at] = e
			}
			code++
		}
		code *= 2
	}
}

// groupBits returns how many bits index the second-level table of a group whose
// first code has n bits, when left codes of n bits are still to be placed. The
// group ends where its codes fill the table up.
func (l *lists) groupBits(n, primary uint, left int) uint {
	room := 1<<(n-primary) - left
	for room > 0 {
		n++
		room = 2*room - len(l[n])
	}
	return n - primary
}

// reverse returns a code of n bits as it comes: its first bit lowest.
func reverse(code uint16, n uint) uint { return uint(bits.Reverse16(code) >> (16 - n)) }
