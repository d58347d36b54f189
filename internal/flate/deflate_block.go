package flate

import "sync"

// A block is the working set of a Compressor: what it needs only while it
// compresses.
type block struct {
	seqs   sequences
	coder  coder
	header header

	litFreq  [numLitLen]uint32
	distFreq [numDist]uint32
	words    wordTable // of a dynamic block
}

// A wordTable holds the codewords of the two large alphabets.
type wordTable struct {
	lits  [numLitLen]codeword
	dists [numDist]codeword
}

var blocks = sync.Pool{New: func() any { return new(block) }}

// write appends raw, which the sequences describe, as the cheapest kind of
// block.
func (b *block) write(w *bitWriter, raw []byte) {
	extra := b.count(raw)
	kind, size := uint64(blockFixed), 3+extra+b.fixedSize()
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
		w.encode(raw, &b.seqs, fixedWords)
	case blockDynamic:
		b.header.write(w)
		w.encode(raw, &b.seqs, &b.words)
	}
}

// count sets the frequencies, and returns the number of extra bits.
func (b *block) count(raw []byte) (extra int) {
	clear(b.litFreq[:])
	clear(b.distFreq[:])
	for _, s := range b.seqs.list[:b.seqs.n] {
		n := s.literals()
		for _, c := range raw[:n] {
			b.litFreq[c]++
		}
		raw = raw[n+int(s.length()):]
		b.litFreq[lengthStart+int(lengthSymbols[uint8(s.length()-minMatch)])]++
		b.distFreq[distSymbol(s.distance())]++
	}
	for _, c := range raw {
		b.litFreq[c]++
	}
	b.litFreq[endOfBlock] = 1
	for sym, n := range b.litFreq[lengthStart:] {
		extra += int(n) * int(lengthExtra[sym])
	}
	for sym, n := range b.distFreq {
		extra += int(n) * int(distExtra[sym])
	}
	return extra
}

// storedSize returns the size in bits of a stored block, from where w is.
func storedSize(w *bitWriter, raw []byte) int {
	return 3 + int(-(w.n+3)&7) + 32 + 8*len(raw)
}

// fixedSize returns the size in bits of the codewords of a fixed block.
func (b *block) fixedSize() (size int) {
	for sym, n := range b.litFreq {
		size += int(n) * int(fixedWords.lits[sym].size())
	}
	for _, n := range b.distFreq {
		size += int(n) * int(fixedWords.dists[0].size())
	}
	return size
}

// mayPay reports whether a dynamic block may be the smallest. Its header takes a
// few bits for each used symbol, and each use of one gains a few.
func (b *block) mayPay() bool { return true }

// plan makes the codes and the header of a dynamic block, and returns its size
// in bits without extra bits.
func (b *block) plan() (size int) {
	lits, dists := b.header.lens[:numLitLen], b.header.lens[numLitLen:]
	b.coder.lengths(lits, b.litFreq[:], maxCodeBits)
	b.coder.lengths(dists, b.distFreq[:], maxCodeBits)
	assign(b.words.lits[:], lits)
	assign(b.words.dists[:], dists)
	for sym, n := range b.litFreq {
		size += int(n) * int(lits[sym])
	}
	for sym, n := range b.distFreq {
		size += int(n) * int(dists[sym])
	}
	return size + b.header.plan(&b.coder)
}

// encode writes raw with these codewords, and the end of the block.
func (w *bitWriter) encode(raw []byte, q *sequences, t *wordTable) {
	for _, s := range q.list[:q.n] {
		n := s.literals()
		for _, c := range raw[:n] {
			w.putWord(t.lits[c])
		}
		length := s.length()
		raw = raw[n+int(length):]
		sym := lengthSymbols[uint8(length-minMatch)]
		w.putWord(t.lits[lengthStart+int(sym)])
		w.put(uint64(length)-uint64(lengthBase[sym]), uint(lengthExtra[sym]))
		dsym := distSymbol(s.distance())
		w.putWord(t.dists[dsym])
		w.put(uint64(s.distance())-uint64(distBase[dsym]), uint(distExtra[dsym]))
	}
	for _, c := range raw {
		w.putWord(t.lits[c])
	}
	w.putWord(t.lits[endOfBlock])
}

// fixedWords are the codewords of a fixed block; RFC 1951, section 3.2.6.
var fixedWords = makeFixedWords()

func makeFixedWords() *wordTable {
	var lens [numFixedLitLen]uint8
	for sym := range lens {
		switch {
		case sym < 144:
			lens[sym] = 8
		case sym < 256:
			lens[sym] = 9
		case sym < 280:
			lens[sym] = 7
		default:
			lens[sym] = 8
		}
	}
	var all [numFixedLitLen]codeword
	assign(all[:], lens[:])
	t := new(wordTable)
	copy(t.lits[:], all[:])
	for sym := range t.dists {
		t.dists[sym] = makeCodeword(uint16(sym), 5)
	}
	return t
}
