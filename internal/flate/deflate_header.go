package flate

// The symbols of the code length alphabet that repeat; RFC 1951, section 3.2.7.
const (
	copyPrevious = 16 // 3 to 6 times, 2 extra bits
	shortZeros   = 17 // 3 to 10 times, 3 extra bits
	longZeros    = 18 // 11 to 138 times, 7 extra bits
)

// opExtra gives the number of extra bits of each.
var opExtra = [numCodeLen]uint8{copyPrevious: 2, shortZeros: 3, longZeros: 7}

// A header is that of a dynamic block: the sizes of the codewords of the two
// large alphabets, themselves coded. What they become are tokens of a third
// alphabet, here called ops.
type header struct {
	code  code // of the ops
	freq  [numCodeLen]uint32
	words [tokenSymbols]codeword
	ops   [numLitLen + numDist]token
	n     int // ops in use
	lits  int // literal/length code lengths that are sent
	dists int // distance code lengths that are sent
	codes int // code length code lengths that are sent

	next int   // sizes that have become ops, or are in the run
	last uint8 // the size that the run is of
	run  int
}

func (h *header) init() {
	h.code = code{freq: h.freq[:], words: h.words[:numCodeLen], extra: opExtra[:], limit: maxCodeLenBits}
}

// plan codes the sizes, and returns that of the header in bits, without the 3
// that every block begins with.
func (h *header) plan(b *coder, lits, dists *code) int {
	h.n, h.next, h.run = 0, 0, 0
	clear(h.freq[:])
	clear(h.words[:numCodeLen])
	h.lits, h.dists = max(lits.end(), lengthStart), max(dists.end(), 1)
	// "The code length repeat codes can cross from HLIT + 257 to the HDIST + 1
	// code lengths", so the two are one sequence.
	h.pack(lits, 0)
	h.pack(dists, h.lits)
	h.endRun()
	h.zeros(h.lits + h.dists - h.next)
	h.code.scan()
	b.build(&h.code)
	h.codes = numCodeLen
	for h.codes > 4 && h.words[codeLenOrder[h.codes-1]] == 0 {
		h.codes--
	}
	return 5 + 5 + 4 + 3*h.codes + h.code.cost(h.code.words)
}

// pack makes ops of the sizes of c, except for those of the last run. The first
// is at this index in the sequence.
func (h *header) pack(c *code, first int) {
	for _, sym := range c.symbols() {
		i, n := first+int(sym), uint8(c.words[sym].size())
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
	h.ops[h.n] = makeToken(uint32(sym), uint32(extra))
	h.n++
	h.freq[sym]++
}

// write writes what plan has made.
func (h *header) write(w *bitWriter) {
	w.put(uint64(h.lits-257)|uint64(h.dists-1)<<5|uint64(h.codes-4)<<10, 14)
	for _, sym := range codeLenOrder[:h.codes] {
		w.put(uint64(h.words[sym].size()), 3)
	}
	w.encode(h.ops[:h.n], &h.words)
}
