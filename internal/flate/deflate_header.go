package flate

import "math/bits"

// The symbols of the code length alphabet that repeat; RFC 1951, section 3.2.7.
const (
	copyPrevious = 16 // 3 to 6 times, 2 extra bits
	shortZeros   = 17 // 3 to 10 times, 3 extra bits
	longZeros    = 18 // 11 to 138 times, 7 extra bits
)

// opExtra gives the number of extra bits of each.
var opExtra = [numCodeLen]uint8{copyPrevious: 2, shortZeros: 3, longZeros: 7}

// An op is a symbol of the code length alphabet and, from bit 5, its extra bits.
type op uint16

// noOp has no codeword.
const noOp = 31

func (o op) symbol() uint16 { return uint16(o) % 32 }
func (o op) extra() uint64  { return uint64(o >> 5) }

// A header is that of a dynamic block: the sizes of the codewords of the two
// large alphabets, themselves coded. What they become are ops, which are the symbols of
// a third alphabet.
type header struct {
	code      code                   // of the ops
	freq      [numCodeLen + 5]uint32 // a multiple of scanStep
	words     [32]codeword
	codeSizes [numCodeLen]uint8

	ops   [numLitLen + numDist + opStep]op
	n     int // ops in use
	lits  int // literal/length code lengths that are sent
	dists int // distance code lengths that are sent
	codes int // code length code lengths that are sent

	// sizes are those of both alphabets, one after the other, what ends them, and as
	// many as are loaded at once.
	sizes [numLitLen + numDist + 1 + 8]uint8
}

func (h *header) init() {
	h.code = code{freq: h.freq[:], words: h.words[:numCodeLen], sizes: h.codeSizes[:], extra: opExtra[:], limit: maxCodeLenBits}
}

// plan codes the sizes, and returns that of the header in bits, without the 3
// that every block begins with.
func (h *header) plan(lits, dists *code) int {
	h.lits, h.dists = max(lits.end(), lengthStart), max(dists.end(), 1)
	copy(h.sizes[:], lits.sizes[:h.lits])
	copy(h.sizes[h.lits:], dists.sizes[:h.dists])
	h.pack(h.lits + h.dists)
	h.code.scan()
	size := h.code.build()
	h.codes = numCodeLen
	for h.codes > 4 && h.codeSizes[codeLenOrder[h.codes-1]] == 0 {
		h.codes--
	}
	return 5 + 5 + 4 + 3*h.codes + size
}

// pack makes ops of the first n sizes. "The code length repeat codes can cross from
// HLIT + 257 to the HDIST + 1 code lengths", so the two alphabets are one sequence.
func (h *header) pack(n int) {
	const each, different = 0x0101010101010101, 0xff
	h.n = 0
	clear(h.freq[:])
	h.sizes[n] = different
	for i := 0; i < n; {
		size := h.sizes[i]
		run := bits.TrailingZeros64(load64(h.sizes[:], i)^each*uint64(size)) >> 3
		if run > 3 || run == 3 && size == 0 {
			for h.sizes[i+run] == size {
				run++
			}
			h.addRun(size, run)
		} else { // most runs are so short, and which of these nobody can foresee
			ops := h.ops[h.n : h.n+3]
			ops[0], ops[1], ops[2] = op(size), op(size), op(size)
			h.n += run
			h.freq[size&15] += uint32(run)
		}
		i += run
	}
}

// addRun makes ops of the same size n times.
func (h *header) addRun(size uint8, n int) {
	if size == 0 {
		h.zeros(n)
		return
	}
	h.add(size, 0)
	for n--; n >= 3; {
		part := min(n, 6)
		h.add(copyPrevious, part-3)
		n -= part
	}
	for range n {
		h.add(size, 0)
	}
}

// zeros makes ops of n sizes of 0.
func (h *header) zeros(n int) {
	for n >= 11 {
		part := min(n, 138)
		h.add(longZeros, part-11)
		n -= part
	}
	if n >= 3 {
		h.add(shortZeros, n-3)
		n = 0
	}
	for range n {
		h.add(0, 0)
	}
}

func (h *header) add(sym uint8, extra int) {
	h.ops[h.n] = op(sym) | op(extra)<<5
	h.n++
	h.freq[sym]++
}

// opStep is how many ops are written at once: they have at most 7 bits and 7 more.
const opStep = 4

// write writes what plan has made.
func (h *header) write(w *bitWriter) {
	w.put(uint64(h.lits-257)|uint64(h.dists-1)<<5|uint64(h.codes-4)<<10, 14)
	v, n := uint64(0), uint(0)
	for _, sym := range codeLenOrder[:h.codes-1] {
		v |= uint64(h.codeSizes[sym]) << (n & 63)
		n += 3
	}
	w.put(v, n)
	w.put(uint64(h.codeSizes[codeLenOrder[h.codes-1]]), 3)
	for i := range opStep - 1 {
		h.ops[h.n+i] = noOp
	}
	for i := 0; i < h.n; i += opStep {
		v, n := uint64(0), uint(0)
		for _, o := range (*[opStep]op)(h.ops[i:]) {
			c := h.words[o.symbol()]
			v |= (c.bits() | o.extra()<<(c.size()&63)) << (n & 63)
			n += c.total()
		}
		w.put(v, n)
	}
}
