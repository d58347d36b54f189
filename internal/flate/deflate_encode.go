package flate

import "encoding/binary"

// maxLitBits is the longest codeword of a literal or length that we make.
const maxLitBits = 14

// encode writes the tokens with these codewords. Room must have been reserved.
//
// Four literals take at most 56 bits, and a match 14+5 and 15+13, so that they fit in
// acc together with 7 bits from before. How long a run of literals is nobody can foresee:
// the last three places of it are written without a branch, with no bits where there is no
// literal.
func (w *bitWriter) encode(t *tokens, words *[tokenSymbols]codeword) {
	buf, at, acc, n := w.buf, w.at, w.acc, w.n
	literals := t.literals
	from := 0
	for _, s := range t.list[:t.sequences] {
		run := int(s.literals)
		if run >= 4 {
			at, acc, n = w.encodeFours(literals[from:from+run], words, at, acc, n)
			from += run &^ 3
			run &= 3
		}
		p := literals[from : from+4]
		from += run
		c := words[p[0]] & codeword(-run>>31)
		acc |= c.bits() << (n & 63)
		n += c.total()
		c = words[p[1]] & codeword((1-run)>>31)
		acc |= c.bits() << (n & 63)
		n += c.total()
		c = words[p[2]] & codeword((2-run)>>31)
		acc |= c.bits() << (n & 63)
		n += c.total()

		length, distance := token(s.length), s.distance
		c, d := words[length.symbol()], words[distance.symbol()]
		if n+c.total()+d.total() > 63 {
			binary.LittleEndian.PutUint64(buf[at:at+8], acc)
			at += int(n >> 3)
			acc >>= n &^ 7 & 63
			n &= 7
		}
		acc |= (c.bits() | length.extra()<<(c.size()&63)) << (n & 63)
		n += c.total()
		acc |= (d.bits() | distance.extra()<<(d.size()&63)) << (n & 63)
		n += d.total()
		binary.LittleEndian.PutUint64(buf[at:at+8], acc)
		at += int(n >> 3)
		acc >>= n &^ 7 & 63
		n &= 7
	}
	w.at, w.acc, w.n = at, acc, n
}

// encodeFours writes as many literals of p as make fours. at, acc and n are those of w,
// which go from register to register. It is a function of its own so that what its loop
// needs fits in registers.
func (w *bitWriter) encodeFours(p []byte, words *[tokenSymbols]codeword, at int, acc uint64, n uint) (int, uint64, uint) {
	buf := w.buf
	for i := 0; i <= len(p)-4; i += 4 {
		c := words[p[i]]
		acc |= c.bits() << (n & 63)
		n += c.total()
		c = words[p[i+1]]
		acc |= c.bits() << (n & 63)
		n += c.total()
		c = words[p[i+2]]
		acc |= c.bits() << (n & 63)
		n += c.total()
		c = words[p[i+3]]
		acc |= c.bits() << (n & 63)
		n += c.total()
		binary.LittleEndian.PutUint64(buf[at:at+8], acc)
		at += int(n >> 3)
		acc >>= n &^ 7 & 63
		n &= 7
	}
	return at, acc, n
}
