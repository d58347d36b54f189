package flate

import "sync"

// A block is the working set of a Compressor: what it needs only while it
// compresses.
type block struct {
	tokens tokens
	freq   [tokenSymbols]uint32
	words  [tokenSymbols]codeword
	lits   code // these two hold parts of freq and words
	dists  code
	header header
	coder  coder
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
	b.tokens.list = make([]token, size+1+literalStep)
	b.lits = code{freq: b.freq[:numLitLen], words: b.words[:numLitLen], extra: litLenExtra[:], limit: maxLitBits}
	b.dists = code{freq: b.freq[distStart:][:numDist], words: b.words[distStart:][:numDist], extra: distExtra[:], limit: maxCodeBits}
	b.header.init()
	return b
}

// litLenExtra is lengthExtra, with what literals have: none.
var litLenExtra = makeLitLenExtra()

func makeLitLenExtra() (t [numLitLen]uint8) {
	copy(t[lengthStart:], lengthExtra[:])
	return t
}

// write appends raw, which the tokens describe, as the cheapest kind of block.
func (b *block) write(w *bitWriter, raw []byte) {
	list := b.finish()
	kind, size := uint64(blockFixed), 3+b.cost(&fixedWords)
	if stored := storedSize(w, raw); stored <= size {
		kind, size = blockStored, stored
	}
	if b.mayPay(len(list)) {
		if dynamic := 3 + b.plan(); dynamic < size {
			kind, size = blockDynamic, dynamic
		}
	}
	w.reserve(size)
	w.put(kind<<1, 3) // BFINAL stays 0: the message ends with a sync flush
	switch kind {
	case blockStored:
		w.putStored(raw)
	case blockFixed:
		w.encode(list, &fixedWords)
	case blockDynamic:
		b.header.write(w)
		w.encode(list, &b.words)
	}
}

// finish appends the end of the block, counts the symbols, and returns all
// tokens.
func (b *block) finish() []token {
	b.tokens.list[b.tokens.n] = endOfBlock
	list := b.tokens.list[:b.tokens.n+1]
	b.tokens.n = 0
	clear(b.freq[:])
	for _, t := range list {
		b.freq[t.symbol()]++
	}
	b.lits.scan()
	b.dists.scan()
	return list
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
func (b *block) mayPay(tokens int) bool { return tokens > 2*(b.lits.n+b.dists.n) }

// plan makes the codes and the header of a dynamic block, and returns its size
// in bits, without the 3 that every block begins with.
func (b *block) plan() int {
	b.coder.build(&b.lits)
	b.coder.build(&b.dists)
	return b.header.plan(&b.coder, &b.lits, &b.dists) + b.cost(&b.words)
}
