// Package bufpool lends byte buffers by size class, so that an idle connection
// can give its memory back and a busy one does not trouble the collector.
//
// The pools hold nothing but memory: no channel, no timer. A program may
// therefore use them from inside and outside testing/synctest bubbles alike.
package bufpool

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	minShift = 9  // 512 B
	maxShift = 20 // 1 MiB
	classes  = maxShift - minShift + 1

	// MaxSize is the largest buffer that is kept for reuse. Larger ones are
	// allocated, and left to the collector by the last Release.
	MaxSize = 1 << maxShift
)

// Buffer is a lent piece of memory. Its holder may use all of B, and may
// reslice B as long as the first element stays the same.
//
// A buffer starts with one reference. Retain adds one for each further holder;
// the last Release gives the memory back, after which nobody may touch it.
type Buffer struct {
	B    []byte
	refs atomic.Int32
}

var pools [classes]sync.Pool

// Get lends a buffer with len(B) == cap(B) >= n and one reference. The bytes
// are not cleared.
func Get(n int) *Buffer {
	class := classOf(n)
	if class >= classes {
		b := &Buffer{B: allocate(n)}
		b.refs.Store(1)
		return b
	}
	b, _ := pools[class].Get().(*Buffer)
	if b == nil {
		b = &Buffer{B: allocate(1 << (class + minShift))}
	}
	b.refs.Store(1)
	return b
}

// allocate returns n bytes. Those for large messages do not begin on the edge of a
// cache line but as far behind it as the header of such a message is long. When one is
// echoed, the kernel copies header and message to where lines begin, and needs
// half as much time again, or twice, if one is farther from an edge than the other.
func allocate(n int) []byte {
	const header, large = 10, 1 << 16
	if n <= large {
		return make([]byte, n)
	}
	return make([]byte, header+n)[header:]
}

// Retain adds a reference.
func (b *Buffer) Retain() { b.refs.Add(1) }

// Shared reports whether anyone but the caller holds b.
func (b *Buffer) Shared() bool { return b.refs.Load() > 1 }

// Release drops one reference. A nil b is nothing to release.
func (b *Buffer) Release() {
	if b == nil {
		return
	}
	switch n := b.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("BUG: buffer released more often than retained")
	}
	b.B = b.B[:cap(b.B)]
	if class := classOf(cap(b.B)); class < classes && cap(b.B) == 1<<(class+minShift) {
		pools[class].Put(b)
	}
}

// Grow returns a buffer whose B starts with the bytes of b.B and has room for
// at least n bytes in all; b may be given back, and is not to be used again.
func (b *Buffer) Grow(n int) *Buffer {
	if cap(b.B) >= n {
		return b
	}
	g := Get(n)
	g.B = g.B[:copy(g.B, b.B)]
	b.Release()
	return g
}

// classOf returns the smallest class whose buffers hold n bytes.
func classOf(n int) int {
	if n <= 1<<minShift {
		return 0
	}
	return bits.Len(uint(n-1)) - minShift
}
