package flate

import "encoding/binary"

// maxLitBits is the longest codeword of a literal or length that we make.
const maxLitBits = 15

// encode writes the tokens with these codewords. Room must have been reserved.
//
// Two tokens take at most 15+5 and 15+13 bits, so that they fit in acc together
// with 7 bits from before.
func (w *bitWriter) encode(list []token, words *[tokenSymbols]codeword) {
	buf, at, acc, n := w.buf, w.at, w.acc, w.n
	for len(list) >= 2 {
		t := list[0]
		c := words[t.symbol()]
		acc |= (c.bits() | t.extra()<<(c.size()&63)) << (n & 63)
		n += c.total()
		t = list[1]
		c = words[t.symbol()]
		acc |= (c.bits() | t.extra()<<(c.size()&63)) << (n & 63)
		n += c.total()
		list = list[2:]
		binary.LittleEndian.PutUint64(buf[at:at+8], acc)
		at += int(n >> 3)
		acc >>= n &^ 7 & 63
		n &= 7
	}
	w.at, w.acc, w.n = at, acc, n
	for _, t := range list {
		c := words[t.symbol()]
		w.put(c.bits()|t.extra()<<c.size(), c.total())
	}
}
