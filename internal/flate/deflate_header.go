package flate

// The symbols of the code length alphabet that repeat; RFC 1951, section 3.2.7.
const (
	copyPrevious = 16 // 3 to 6 times, 2 extra bits
	shortZeros   = 17 // 3 to 10 times, 3 extra bits
	longZeros    = 18 // 11 to 138 times, 7 extra bits
)

// opExtra gives the number of extra bits of each.
var opExtra = [numCodeLen]uint8{copyPrevious: 2, shortZeros: 3, longZeros: 7}

// A header is that of a dynamic block: the code lengths of the two large
// alphabets, themselves coded.
type header struct {
	code  code // of the ops
	ops   [numLitLen + numDist]lengthOp
	n     int   // ops in use
	lits  int   // literal/length code lengths that are sent
	dists int   // distance code lengths that are sent
	codes int   // code length code lengths that are sent
	next  int   // how many code lengths have become ops, or are in the run
	last  uint8 // the code length that the run is of
	run   int
}

// A lengthOp is a symbol of the code length alphabet with its extra bits.
type lengthOp struct{ sym, extra uint8 }

// plan codes the lengths, and returns the size of the header in bits, without
// the 3 that every block begins with.
func (h *header) plan(b *coder, lits, dists *code) int {
	h.n, h.next, h.run = 0, 0, 0
	clear(h.code.freq[:numCodeLen])
	h.lits, h.dists = max(lits.end(), lengthStart), max(dists.end(), 1)
	// "The code length repeat codes can cross from HLIT + 257 to the HDIST + 1
	// code lengths", so the two are one sequence.
	h.pack(lits, 0)
	h.pack(dists, h.lits)
	h.endRun()
	h.zeros(h.lits + h.dists - h.next)
	return h.cost(b)
}

// cost makes the code of the ops, and returns the size of the header.
func (h *header) cost(b *coder) int {
	c := &h.code
	c.scan(numCodeLen)
	clear(c.lens[:numCodeLen])
	b.build(c, maxCodeLenBits)
	h.codes = numCodeLen
	for h.codes > 4 && c.lens[codeLenOrder[h.codes-1]] == 0 {
		h.codes--
	}
	size := 5 + 5 + 4 + 3*h.codes + c.size(&c.lens)
	for sym := copyPrevious; sym <= longZeros; sym++ {
		size += int(c.freq[sym]) * int(opExtra[sym])
	}
	return size
}

// pack makes ops of the code lengths of c, except for those of the last run. The
// first is at this index in the sequence.
func (h *header) pack(c *code, first int) {
	for _, sym := range c.symbols() {
		i, n := first+int(sym), c.lens[sym]
		if i > h.next || n != h.last || h.run == 0 {
			h.endRun()
			h.zeros(i - h.next)
			h.last, h.next = n, i
		}
		h.run++
		h.next++
	}
}

// endRun makes ops of the run.
func (h *header) endRun() {
	if h.run == 0 {
		return
	}
	h.add(h.last, 0)
	h.run--
	for h.run >= 3 {
		n := min(h.run, 6)
		h.add(copyPrevious, n-3)
		h.run -= n
	}
	for ; h.run > 0; h.run-- {
		h.add(h.last, 0)
	}
}

// zeros makes ops of n lengths of 0.
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
	h.ops[h.n] = lengthOp{sym, uint8(extra)}
	h.n++
	h.code.freq[sym]++
}

// write writes what plan has made.
func (h *header) write(w *bitWriter) {
	w.put(uint64(h.lits-257)|uint64(h.dists-1)<<5|uint64(h.codes-4)<<10, 14)
	for _, sym := range codeLenOrder[:h.codes] {
		w.put(uint64(h.code.lens[sym]), 3)
	}
	for _, op := range h.ops[:h.n] {
		word := h.code.words[op.sym]
		w.put(word.bits()|uint64(op.extra)<<word.size(), word.size()+uint(opExtra[op.sym]))
	}
}
