package flate

// The symbols of the code length alphabet that repeat; RFC 1951, section 3.2.7.
const (
	copyPrevious = 16 // 3 to 6 times, 2 extra bits
	shortZeros   = 17 // 3 to 10 times, 3 extra bits
	longZeros    = 18 // 11 to 138 times, 7 extra bits
)

// A header is that of a dynamic block: the code lengths of the two large
// alphabets, themselves coded.
type header struct {
	lens   [numLitLen + numDist]uint8 // those of the distances begin at numLitLen
	ops    [numLitLen + numDist]lengthOp
	n      int // ops in use
	lits   int // literal/length code lengths that are sent
	dists  int // distance code lengths that are sent
	codes  int // code length code lengths that are sent
	freq   [numCodeLen]uint32
	opLens [numCodeLen]uint8
	words  [numCodeLen]codeword
}

// A lengthOp is a symbol of the code length alphabet with its extra bits.
type lengthOp struct{ sym, extra uint8 }

// opExtra gives the number of extra bits of each symbol.
var opExtra = [numCodeLen]uint8{copyPrevious: 2, shortZeros: 3, longZeros: 7}

// plan codes the lengths, and returns the size of the header in bits, without
// the 3 that every block begins with.
func (h *header) plan(c *coder) int {
	h.lits = used(h.lens[:numLitLen], lengthStart)
	h.dists = used(h.lens[numLitLen:], 1)
	// "The code length repeat codes can cross from HLIT + 257 to the HDIST + 1
	// code lengths", so the two become one.
	all := h.lens[:h.lits+h.dists]
	copy(all[h.lits:], h.lens[numLitLen:])
	h.pack(all)
	c.lengths(h.opLens[:], h.freq[:], maxCodeLenBits)
	assign(h.words[:], h.opLens[:])
	h.codes = numCodeLen
	for h.codes > 4 && h.opLens[codeLenOrder[h.codes-1]] == 0 {
		h.codes--
	}
	size := 5 + 5 + 4 + 3*h.codes
	for sym, n := range h.freq {
		size += int(n) * int(h.opLens[sym]+opExtra[sym])
	}
	return size
}

// used returns the number of lengths up to the last that is not 0, and at least
// n.
func used(lens []uint8, n int) int {
	end := len(lens)
	for end > n && lens[end-1] == 0 {
		end--
	}
	return end
}

// pack sets the ops for lens, and their frequencies.
func (h *header) pack(lens []uint8) {
	h.n = 0
	clear(h.freq[:])
	for i := 0; i < len(lens); {
		value, run := lens[i], 1
		for i+run < len(lens) && lens[i+run] == value {
			run++
		}
		i += run
		if value == 0 {
			h.zeros(run)
		} else {
			h.repeat(value, run)
		}
	}
}

func (h *header) zeros(run int) {
	for run >= 11 {
		part := min(run, 138)
		h.add(longZeros, part-11)
		run -= part
	}
	if run >= 3 {
		h.add(shortZeros, run-3)
		run = 0
	}
	for range run {
		h.add(0, 0)
	}
}

func (h *header) repeat(value uint8, run int) {
	h.add(value, 0)
	run--
	for run >= 3 {
		part := min(run, 6)
		h.add(copyPrevious, part-3)
		run -= part
	}
	for range run {
		h.add(value, 0)
	}
}

func (h *header) add(sym uint8, extra int) {
	h.ops[h.n] = lengthOp{sym, uint8(extra)}
	h.n++
	h.freq[sym]++
}

// write writes what plan has made.
func (h *header) write(w *bitWriter) {
	w.put(uint64(h.lits-257)|uint64(h.dists-1)<<5|uint64(h.codes-4)<<10, 14)
	for _, sym := range codeLenOrder[:h.codes] {
		w.put(uint64(h.opLens[sym]), 3)
	}
	for _, op := range h.ops[:h.n] {
		word := h.words[op.sym]
		w.put(word.bits()|uint64(op.extra)<<word.size(), word.size()+uint(opExtra[op.sym]))
	}
}
