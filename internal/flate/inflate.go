package flate

import (
	"strconv"
	"sync"
)

// A Decompressor turns raw DEFLATE data into what was compressed, in steps of
// any size: it may be given its input byte by byte and room for one byte of
// output at a time, and gives the same bytes in the end.
//
// Between messages it holds the history, a power of two of bytes that is at
// least 256, at most the window, and grows with the output seen. While a
// message with dynamic blocks is under way it holds 18 KiB of tables
// besides, which EndMessage gives back.
type Decompressor struct {
	// hold has the next nb bits of the input, the first one lowest, and zeros
	// above them. They count as taken.
	hold uint64
	nb   uint

	taken   int64 // input bytes taken by earlier calls of Inflate
	history history
	tables  *tables // borrowed while a message with dynamic blocks is under way
	codes   *codes  // of the current block: the fixed ones, or those in tables
	err     error   // what ended it all: a *CorruptError

	state  state
	final  bool // the current block is the last before a byte boundary
	stored int  // bytes still to come of a stored block
	length int  // bytes still to copy of a match
	dist   int  // and from how far back
}

// state says what the next bits of the input are.
type state uint8

const (
	// atBlock: the header of a block, or the end of the message. The only state
	// in which a message may end; also the first one.
	atBlock state = iota

	// atStoredLen: the two lengths of a stored block, on a byte boundary.
	// Entered from atBlock.
	atStoredLen

	// inStored: the bytes of a stored block. Left for atBlock after the last.
	inStored

	// atCounts: the sizes of the three codes of a dynamic block. Entered from
	// atBlock, with tables borrowed.
	atCounts

	// inCodeLens: the lengths of the code length code.
	inCodeLens

	// inLens: the lengths of the two other codes, in that code. Left for
	// inSymbols, with codes set.
	inLens

	// inSymbols: a literal, a match, or the end of the block. Entered from inLens
	// and, for a fixed block, from atBlock. Left for atBlock.
	inSymbols

	// inMatch: still the same, but the output of the last match comes first.
	// Back to inSymbols when it is complete.
	inMatch
)

var decompressorPool = sync.Pool{New: func() any { return new(Decompressor) }}

// NewDecompressor returns a Decompressor for a peer that compresses with a
// window of 1<<windowBits bytes, 8 to 15 bits.
func NewDecompressor(windowBits int) *Decompressor {
	if windowBits < minWindowBits || windowBits > maxWindowBits {
		panic("BUG: window of " + strconv.Itoa(windowBits) + " bits")
	}
	d := decompressorPool.Get().(*Decompressor)
	d.history.size = 1 << windowBits
	return d
}

// Inflate takes m bytes of src and writes n bytes to dst. It neither keeps the
// two nor looks beyond them, but may use all of dst as scratch space: bytes
// after dst[:n] are undefined.
//
// The error is nil when src is used up and everything that it gives is
// written; n may then be less than len(dst). It is [ErrShortDst] when at least
// one more byte of output waits for room: call again with what is left of src,
// which may be nothing. Otherwise it is a [*CorruptError], and the same one from
// then on; the n bytes before it are good.
//
// A block may be marked as final: the rest of its last byte is skipped, and more
// blocks may follow, see RFC 7692, section 7.2.3.4.
func (d *Decompressor) Inflate(dst, src []byte) (n, m int, err error) {
	n, m, err = d.inflate(dst, src)
	d.history.add(dst[:n])
	return n, m, err
}

// InflateLast is Inflate for the last bytes of a message, behind which [Tail] is to
// be given. It reports whether it has done without: what it has seen ends like most
// messages do, so that Tail has nothing to say. If nothing that comes later refers to
// the message (last), what it has given is not even remembered then.
func (d *Decompressor) InflateLast(dst, src []byte, last bool) (n, m int, whole bool, err error) {
	n, m, err = d.inflate(dst, src)
	if err == nil && d.state == atStoredLen && d.nb == 0 {
		d.taken += int64(len(Tail))
		d.state, whole = atBlock, true
	}
	if !whole || !last {
		d.history.add(dst[:n])
	}
	return n, m, whole, err
}

// inflate is Inflate without a memory.
func (d *Decompressor) inflate(dst, src []byte) (n, m int, err error) {
	if d.err != nil {
		return 0, 0, d.err
	}
	c := call{Decompressor: d, dst: dst, src: src}
	err = c.run()
	d.taken += int64(c.m)
	if err == errShortSrc {
		err = nil
	}
	return c.n, c.m, err
}

// EndMessage is to be called after [Tail] was given to Inflate and all output
// was taken. It fails with a [*CorruptError] if a block has begun and not ended,
// and gives back the memory that is not needed between messages. The history
// stays, for context takeover.
func (d *Decompressor) EndMessage() error {
	d.tables.release()
	d.tables, d.codes = nil, nil
	if d.err == nil && (d.state != atBlock || d.nb > 0) {
		d.err = &CorruptError{Offset: d.taken, Reason: "the message ends inside a block: it was cut short, or not ended by a sync flush"}
	}
	return d.err
}

// Reset forgets history, state and error: what comes next was compressed
// without what came before. It gives back all memory but the Decompressor's
// own.
func (d *Decompressor) Reset() {
	d.tables.release()
	d.history.reset()
	*d = Decompressor{history: d.history}
}

// Release gives all memory back. The Decompressor must not be used again.
func (d *Decompressor) Release() {
	d.Reset()
	decompressorPool.Put(d)
}
