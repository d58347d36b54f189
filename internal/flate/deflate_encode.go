package flate

import "encoding/binary"

// maxLitBits is the longest codeword of a literal or length that we make. Four
// of them, and 7 bits from before, fit in 64.
const maxLitBits = 14

// encode writes raw with these codewords, and the end of the block.
//
// It is one function, with the state of w in local variables, because it is what
// most of the time is spent in. The bits in acc are stored when the next
// codewords might not fit; as in put, n is below 8 after that.
func (w *bitWriter) encode(raw []byte, q *sequences, litWords, distWords *[numLitLen]codeword) {
	buf, at, acc, n := w.buf, w.at, w.acc, w.n
	for _, s := range q.list[:q.n] {
		run := s.literals()
		lits := raw[:run]
		raw = raw[run+int(s.length()):]
		for len(lits) >= 4 {
			c := litWords[lits[0]]
			acc |= c.bits() << (n & 63)
			n += c.size()
			c = litWords[lits[1]]
			acc |= c.bits() << (n & 63)
			n += c.size()
			c = litWords[lits[2]]
			acc |= c.bits() << (n & 63)
			n += c.size()
			c = litWords[lits[3]]
			acc |= c.bits() << (n & 63)
			n += c.size()
			lits = lits[4:]
			binary.LittleEndian.PutUint64(buf[at:], acc)
			at += int(n >> 3)
			acc >>= n &^ 7 & 63
			n &= 7
		}
		for _, b := range lits {
			c := litWords[b]
			acc |= c.bits() << (n & 63)
			n += c.size()
		}
		binary.LittleEndian.PutUint64(buf[at:], acc)
		at += int(n >> 3)
		acc >>= n &^ 7 & 63
		n &= 7

		// The match takes at most 14+5 and 15+13 bits.
		length := s.lengthSymbol()
		c := litWords[lengthStart+length.symbol()]
		acc |= c.bits() << (n & 63)
		n += c.size()
		acc |= length.extra() << (n & 63)
		n += length.size()
		sym, size := distSymbol(s.distance())
		c = distWords[sym]
		acc |= c.bits() << (n & 63)
		n += c.size()
		acc |= uint64((s.distance()-1)&(1<<(size&31)-1)) << (n & 63)
		n += uint(size)
		binary.LittleEndian.PutUint64(buf[at:], acc)
		at += int(n >> 3)
		acc >>= n &^ 7 & 63
		n &= 7
	}
	w.at, w.acc, w.n = at, acc, n
	for _, b := range raw {
		w.putWord(litWords[b])
	}
	w.putWord(litWords[endOfBlock])
}
