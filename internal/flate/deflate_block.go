package flate

import "sync"

// A block is the working set of a Compressor: what it needs only while it
// compresses.
type block struct {
	seqs   sequences
	lits   code
	dists  code
	header header
	coder  coder
}

var blocks = sync.Pool{New: func() any { return new(block) }}

// write appends raw, which the sequences describe, as the cheapest kind of
// block.
func (b *block) write(w *bitWriter, raw []byte) {
	extra := b.count(raw)
	kind, size := uint64(blockFixed), 3+extra+b.lits.size(&fixed.lits.lens)+b.dists.size(&fixed.dists.lens)
	if stored := storedSize(w, raw); stored <= size {
		kind, size = blockStored, stored
	}
	if b.mayPay() {
		if dynamic := 3 + extra + b.plan(); dynamic < size {
			kind, size = blockDynamic, dynamic
		}
	}
	w.reserve(size)
	w.put(kind<<1, 3) // BFINAL stays 0: the message ends with a sync flush
	switch kind {
	case blockStored:
		w.putStored(raw)
	case blockFixed:
		w.encode(raw, &b.seqs, &fixed.lits.words, &fixed.dists.words)
	case blockDynamic:
		b.header.write(w)
		w.encode(raw, &b.seqs, &b.lits.words, &b.dists.words)
	}
}

// count finds out how often each symbol occurs, and returns the number of extra
// bits.
func (b *block) count(raw []byte) (extra int) {
	lits, dists := &b.lits.freq, &b.dists.freq
	clear(lits[:])
	clear(dists[:numDist])
	for _, s := range b.seqs.list[:b.seqs.n] {
		n := s.literals()
		for _, c := range raw[:n] {
			lits[c]++
		}
		raw = raw[n+int(s.length()):]
		length := s.lengthSymbol()
		sym, size := distSymbol(s.distance())
		lits[lengthStart+length.symbol()]++
		dists[sym&31]++
		extra += int(length.size()) + int(size)
	}
	for _, c := range raw {
		lits[c]++
	}
	lits[endOfBlock] = 1
	b.lits.scan(numLitLen)
	b.dists.scan(numDist)
	return extra
}

// storedSize returns the size in bits of a stored block, from where w is.
func storedSize(w *bitWriter, raw []byte) int {
	return 3 + int(-(w.n+3)&7) + 32 + 8*len(raw)
}

// mayPay reports whether a dynamic block may be the smallest. Its header takes a
// few bits for each used symbol, and each use of one gains a few.
func (b *block) mayPay() bool { return true }

// plan makes the codes and the header of a dynamic block, and returns its size
// in bits, without extra bits and the 3 that every block begins with.
func (b *block) plan() int {
	b.coder.build(&b.lits, maxLitBits)
	b.coder.build(&b.dists, maxCodeBits)
	return b.header.plan(&b.coder, &b.lits, &b.dists) + b.lits.size(&b.lits.lens) + b.dists.size(&b.dists.lens)
}
