package flate

import (
	"errors"
	"fmt"
)

// A slowReader decodes DEFLATE the way RFC 1951 explains it, bit by bit, and
// notes what the blocks are made of. It is an oracle: independent of the tables
// and shortcuts of both directions, and easy to compare with the text.
type slowReader struct {
	src    []byte
	at     uint // in bits
	out    []byte
	kinds  []int // of the blocks
	far    int   // the longest distance
	longs  int   // the longest match
	shorts int   // the shortest match; 0 without one
	err    error
}

var errTruncated = errors.New("slow: truncated")

// slowInflate decodes all blocks of src.
func slowInflate(src []byte) *slowReader {
	r := &slowReader{src: src}
	for r.err == nil && r.at < uint(len(src))*8 {
		r.block()
	}
	return r
}

func (r *slowReader) bit() int {
	if r.at>>3 >= uint(len(r.src)) {
		r.err = errTruncated
		return 0
	}
	b := r.src[r.at>>3] >> (r.at & 7) & 1
	r.at++
	return int(b)
}

func (r *slowReader) bits(n int) (v int) {
	for i := range n {
		v |= r.bit() << i
	}
	return v
}

func (r *slowReader) block() {
	if r.bit() == 1 {
		r.err = errors.New("slow: a final block")
		return
	}
	kind := r.bits(2)
	r.kinds = append(r.kinds, kind)
	switch kind {
	case blockStored:
		r.stored()
	case blockFixed:
		r.symbols(slowFixed())
	case blockDynamic:
		r.symbols(r.dynamic())
	default:
		r.err = errors.New("slow: reserved block type")
	}
}

func (r *slowReader) stored() {
	r.at = (r.at + 7) &^ 7
	n, complement := r.bits(16), r.bits(16)
	if n^complement != 0xffff {
		r.err = errors.New("slow: the lengths of a stored block differ")
	}
	for range n {
		r.out = append(r.out, byte(r.bits(8)))
	}
}

// A slowCode maps "length code" to a symbol.
type slowCode map[[2]int]int

// newSlowCode is the algorithm of RFC 1951, section 3.2.2.
func newSlowCode(lens []int) slowCode {
	c, code := slowCode{}, 0
	for n := 1; n <= 15; n++ {
		for sym, l := range lens {
			if l == n {
				c[[2]int{n, code}] = sym
				code++
			}
		}
		code <<= 1
	}
	return c
}

func (r *slowReader) symbol(c slowCode) int {
	code := 0
	for n := 1; n <= 15 && r.err == nil; n++ {
		code = code<<1 | r.bit()
		if sym, ok := c[[2]int{n, code}]; ok {
			return sym
		}
	}
	if r.err == nil {
		r.err = errors.New("slow: no such code")
	}
	return endOfBlock
}

func slowFixed() (lits, dists slowCode) {
	lens := make([]int, 288)
	for sym := range lens {
		lens[sym] = 8
		if sym >= 144 && sym < 256 {
			lens[sym] = 9
		} else if sym >= 256 && sym < 280 {
			lens[sym] = 7
		}
	}
	five := make([]int, 32)
	for sym := range five {
		five[sym] = 5
	}
	return newSlowCode(lens), newSlowCode(five)
}

func (r *slowReader) dynamic() (lits, dists slowCode) {
	nlits, ndists, ncodes := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
	lens := make([]int, 19)
	for _, sym := range codeLenOrder[:ncodes] {
		lens[sym] = r.bits(3)
	}
	r.complete("code length", lens)
	code, all := newSlowCode(lens), []int{}
	for len(all) < nlits+ndists && r.err == nil {
		sym, n, value := r.symbol(code), 1, 0
		switch {
		case sym < 16:
			value = sym
		case sym == 16 && len(all) > 0:
			n, value = 3+r.bits(2), all[len(all)-1]
		case sym == 17:
			n = 3 + r.bits(3)
		case sym == 18:
			n = 11 + r.bits(7)
		default:
			r.err = fmt.Errorf("slow: code length symbol %d", sym)
		}
		for range n {
			all = append(all, value)
		}
	}
	if r.err != nil || len(all) != nlits+ndists {
		r.err = errors.Join(r.err, errors.New("slow: code lengths"))
		return nil, nil
	}
	r.complete("literal/length", all[:nlits])
	if used(all[nlits:]) > 1 {
		r.complete("distance", all[nlits:])
	}
	return newSlowCode(all[:nlits]), newSlowCode(all[nlits:])
}

func used(lens []int) (n int) {
	for _, l := range lens {
		if l > 0 {
			n++
		}
	}
	return n
}

// complete checks that every sequence of bits begins with a codeword: decoders
// refuse others, except for a distance code of at most one codeword.
func (r *slowReader) complete(name string, lens []int) {
	sum := 0
	for _, l := range lens {
		if l > 0 {
			sum += 1 << (15 - l)
		}
	}
	if sum != 1<<15 && r.err == nil {
		r.err = fmt.Errorf("slow: the %s code fills %d of 32768", name, sum)
	}
}

func (r *slowReader) symbols(lits, dists slowCode) {
	for r.err == nil {
		switch sym := r.symbol(lits); {
		case sym == endOfBlock:
			return
		case sym < endOfBlock:
			r.out = append(r.out, byte(sym))
		case sym < 286:
			length := int(lengthBase[sym-257]) + r.bits(int(lengthExtra[sym-257]))
			sym = r.symbol(dists)
			if sym >= 30 {
				r.err = errors.New("slow: no such distance symbol")
				return
			}
			r.match(length, int(distBase[sym])+r.bits(int(distExtra[sym])))
		default:
			r.err = errors.New("slow: no such length symbol")
		}
	}
}

func (r *slowReader) match(length, distance int) {
	if distance > len(r.out) {
		r.err = fmt.Errorf("slow: distance %d after %d bytes", distance, len(r.out))
		return
	}
	r.far, r.longs = max(r.far, distance), max(r.longs, length)
	if r.shorts == 0 || length < r.shorts {
		r.shorts = length
	}
	for range length {
		r.out = append(r.out, r.out[len(r.out)-distance])
	}
}
