package flate

import (
	"encoding/binary"
	"slices"
)

// A bitWriter packs bits into bytes, the first lowest: RFC 1951, section 3.1.1.
// What does not fill a byte yet stays in acc.
//
// It stores eight bytes at a time; the next store overwrites those that were not
// full. So there must be room beyond what is written: reserve sees to it.
type bitWriter struct {
	buf []byte // written up to at
	at  int
	acc uint64
	n   uint // bits in acc; fewer than 8 between calls
}

// spare is the room that a bitWriter needs beyond what it writes.
const spare = 8

// reserve makes room for so many bits. Nothing else checks for room.
func (w *bitWriter) reserve(size int) {
	need := w.at + size>>3 + 2 + spare
	if need > len(w.buf) {
		w.buf = slices.Grow(w.buf[:w.at], need-w.at)
		w.buf = w.buf[:cap(w.buf)]
	}
}

// put writes the low n bits of v, whose others are zero. n is at most 56.
func (w *bitWriter) put(v uint64, n uint) {
	at, acc := w.at, w.acc|v<<(w.n&63)
	n += w.n
	binary.LittleEndian.PutUint64(w.buf[at:at+8], acc)
	w.at, w.acc, w.n = at+int(n>>3), acc>>(n&^7&63), n&7
}

// putStored writes a stored block after its header bits: RFC 1951, section
// 3.2.4.
func (w *bitWriter) putStored(raw []byte) {
	w.put(0, -w.n&7)
	w.put(uint64(len(raw))|uint64(^uint16(len(raw)))<<16, 32)
	w.at += copy(w.buf[w.at:], raw)
}

// flush writes what ends with Tail: an empty stored block.
func (w *bitWriter) flush() {
	w.reserve(3 + 7 + 32)
	w.put(blockStored, 3)
	w.putStored(nil)
}
