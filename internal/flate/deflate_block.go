package flate

import "sync"

// A block is the working set of a Compressor: what it needs only while it
// compresses.
type block struct {
	tokens tokens
	words  [tokenSymbols]codeword
	sizes  [tokenSymbols]uint8
	lits   code // these two hold parts of words and sizes, and of the frequencies in tokens
	dists  code
	header header
}

// Most messages are small, and then so is what they borrow.
var (
	smallBlocks = sync.Pool{New: func() any { return newBlock(smallBlock) }}
	largeBlocks = sync.Pool{New: func() any { return newBlock(maxBlock) }}
)

// smallBlock is how many bytes a small block is for.
const smallBlock = 1 << 12

// blocksFor returns the pool to borrow from for a source of n bytes.
func blocksFor(n int) *sync.Pool {
	if n <= smallBlock {
		return &smallBlocks
	}
	return &largeBlocks
}

func newBlock(size int) *block {
	b := new(block)
	b.tokens.init(size)
	b.lits = b.code(0, distStart, litLenExtra[:], maxLitBits)
	b.dists = b.code(distStart, distStart+numFixedDist, distExtra[:], maxCodeBits)
	b.header.init()
	return b
}

// code returns that of the symbols from one to before another.
func (b *block) code(from, to int, extra []uint8, limit int) code {
	n := len(extra)
	return code{freq: b.tokens.freq[from:to], words: b.words[from:][:n], sizes: b.sizes[from:][:n], extra: extra, limit: limit}
}

// litLenExtra is lengthExtra, with what literals have: none.
var litLenExtra = makeLitLenExtra()

func makeLitLenExtra() (t [numLitLen]uint8) {
	copy(t[lengthStart:], lengthExtra[:])
	return t
}

// write appends raw, which the tokens describe, as the cheapest kind of block.
func (b *block) write(w *bitWriter, raw []byte) {
	b.finish()
	kind, size := uint64(blockStored), storedSize(w, raw)
	if b.mayPay() {
		if dynamic := 3 + b.plan(); dynamic < size {
			kind, size = blockDynamic, dynamic
		}
	}
	if b.tokens.leastFixed() < size {
		if fixed := 3 + b.cost(&fixedWords); fixed < size {
			kind, size = blockFixed, fixed
		}
	}
	w.reserve(size)
	w.put(kind<<1, 3) // BFINAL stays 0: the message ends with a sync flush
	switch kind {
	case blockStored:
		w.putStored(raw)
	case blockFixed:
		w.encode(&b.tokens, &fixedWords)
	case blockDynamic:
		b.header.write(w)
		w.encode(&b.tokens, &b.words)
	}
}

// finish counts the symbols.
func (b *block) finish() {
	b.tokens.finish()
	b.lits.scan()
	b.dists.scan()
}

// cost returns the size in bits of all tokens written with these words.
func (b *block) cost(words *[tokenSymbols]codeword) int {
	return b.lits.cost(words[:numLitLen]) + b.dists.cost(words[distStart:][:numDist])
}

// storedSize returns the size in bits of a stored block, from where w is.
func storedSize(w *bitWriter, raw []byte) int {
	return 3 + int(-(w.n+3)&7) + 32 + 8*len(raw)
}

// mayPay reports whether a dynamic block may be the smallest. Each used symbol
// takes a few bits of the header, and each use of it saves about two. The bound
// is measured: below it, a header has hardly ever paid.
func (b *block) mayPay() bool { return b.tokens.count() > 2*(b.lits.n+b.dists.n) }

// plan makes the codes and the header of a dynamic block, and returns its size
// in bits, without the 3 that every block begins with.
func (b *block) plan() int {
	size := b.lits.build() + b.dists.build()
	return size + b.header.plan(&b.lits, &b.dists)
}
