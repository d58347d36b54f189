package flate

import (
	"strconv"
	"sync"
)

// A Compressor makes messages smaller, one after the other, each with what came
// before it as history, until Reset.
//
// Between a flush and the next Append it holds its history, of at most the size
// of the window and half of that again, and a table to find strings in it, as
// large as the window; at other levels than [Fastest] another, twice as large.
// With 12 bits that is 10 KiB, and 18. It is for one goroutine at a time.
type Compressor struct {
	level   Level // never Default
	bits    uint8 // of the window
	matcher matcher

	// staged is the part of a message that Append has not compressed yet. It is
	// borrowed.
	staged *stage

	// partial holds the bits of the last byte, when it is not full.
	partial     uint8
	partialBits uint8
}

const stageSize = 1 << 15

// A stage collects the small pieces of a message, since each block costs its
// header.
type stage struct {
	n   int
	buf [stageSize]byte
}

var (
	stages = sync.Pool{New: func() any { return new(stage) }}

	// compressors holds what was released, by level and window bits.
	compressors [numLevels][maxWindowBits + 1]sync.Pool
)

// NewCompressor returns a Compressor whose matches reach back at most
// 1<<windowBits bytes: RFC 7692, section 7.1.2. windowBits is between 8 and 15.
func NewCompressor(level Level, windowBits int) *Compressor {
	if windowBits < minWindowBits || windowBits > maxWindowBits {
		panic("BUG: flate: window of " + strconv.Itoa(windowBits) + " bits; want 8 to 15")
	}
	if level < 0 || level >= numLevels {
		panic("BUG: flate: no such level: " + level.String())
	}
	if level == Default {
		level = Fastest
	}
	if c, ok := compressors[level][windowBits].Get().(*Compressor); ok {
		return c
	}
	c := &Compressor{level: level, bits: uint8(windowBits)}
	c.matcher.init(level, windowBits)
	return c
}

// Append compresses src, appends to dst what is complete, and returns the
// extended buffer. src is not kept, and must not overlap dst. The bytes between
// the length and the capacity of dst may be overwritten.
//
// With flush, everything given so far is in dst, and ends with [Tail]. If there
// was nothing, that is one empty stored block. Without it, some of src may be
// held back, in borrowed memory, until there is enough for a block.
//
// dst is grown as needed. An estimate that makes this rare is len(src), and 32
// bytes more.
func (c *Compressor) Append(dst, src []byte, flush bool) []byte {
	if !flush && c.hold(&src) {
		return dst
	}
	w := bitWriter{buf: dst[:cap(dst)], at: len(dst), acc: uint64(c.partial), n: uint(c.partialBits)}
	if c.staged != nil {
		c.hold(&src)
		c.compress(&w, c.staged.buf[:c.staged.n])
		c.staged.n = 0
	}
	if flush || len(src) >= stageSize {
		c.compress(&w, src)
	} else {
		c.hold(&src)
	}
	if flush {
		w.flush()
		c.unstage()
	}
	c.partial, c.partialBits = uint8(w.acc), uint8(w.n)
	return w.buf[:w.at]
}

// hold moves bytes from src to the stage, as many as there is room for, and
// reports whether that was all.
func (c *Compressor) hold(src *[]byte) bool {
	if len(*src) == 0 {
		return true
	}
	if c.staged == nil {
		c.staged = stages.Get().(*stage)
	}
	n := copy(c.staged.buf[c.staged.n:], *src)
	c.staged.n += n
	*src = (*src)[n:]
	return len(*src) == 0
}

func (c *Compressor) unstage() {
	if c.staged != nil {
		c.staged.n = 0
		stages.Put(c.staged)
		c.staged = nil
	}
}

// compress writes src as blocks.
func (c *Compressor) compress(w *bitWriter, src []byte) {
	if len(src) == 0 {
		return
	}
	pool := blocksFor(len(src))
	b := pool.Get().(*block)
	c.matcher.begin()
	for at := 0; at < len(src); at += maxBlock {
		end := min(at+maxBlock, len(src))
		b.tokens.reset()
		c.matcher.find(&b.tokens, src, at, end)
		b.write(w, src[at:end])
	}
	pool.Put(b)
}

// Reset forgets all that came before: what follows decodes without it. A message
// that was not flushed is dropped.
func (c *Compressor) Reset() {
	c.unstage()
	c.partial, c.partialBits = 0, 0
	c.matcher.reset()
}

// Release gives the memory of c to whoever calls NewCompressor next. c must not
// be used again.
func (c *Compressor) Release() {
	c.Reset()
	compressors[c.level][c.bits].Put(c)
}
