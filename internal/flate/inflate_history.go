package flate

import (
	"math/bits"
	"sync"
)

// history is the end of the output: what a match of the next call may refer to.
//
// It is a ring whose length is a power of two and grows, up to the size of the
// window, before anything is overwritten: either n <= len(ring) and the bytes
// are ring[:n], or len(ring) == size.
type history struct {
	ring *ring // nil before the first byte
	size int   // of the window
	n    int   // bytes in the ring, at most size
	next int   // where the next byte goes
}

// A ring is a borrowed piece of memory.
type ring struct{ b []byte }

// ringPools lend rings by the logarithm of their length.
var ringPools [maxWindowBits + 1]sync.Pool

func borrowRing(log int) *ring {
	if r, ok := ringPools[log].Get().(*ring); ok {
		return r
	}
	return &ring{b: make([]byte, 1<<log)}
}

func (r *ring) release() {
	ringPools[bits.Len(uint(len(r.b)))-1].Put(r)
}

// reset forgets everything.
func (h *history) reset() {
	if h.ring != nil {
		h.ring.release()
	}
	*h = history{size: h.size}
}

// add appends p, and forgets what is further back than the window.
func (h *history) add(p []byte) {
	if len(p) == 0 {
		return
	}
	n := min(h.n+len(p), h.size)
	if h.ring == nil || len(h.ring.b) < n {
		h.grow(n)
	}
	h.n = n
	r := h.ring.b
	if len(p) > len(r) {
		p = p[len(p)-len(r):]
	}
	k := copy(r[h.next:], p)
	copy(r, p[k:])
	h.next = (h.next + len(p)) & (len(r) - 1)
}

// grow makes room for n bytes, at most size, of which h.n are there.
func (h *history) grow(n int) {
	bigger := borrowRing(max(minWindowBits, bits.Len(uint(n-1))))
	if h.ring != nil {
		copy(bigger.b, h.ring.b[:h.n])
		h.ring.release()
	}
	h.ring, h.next = bigger, h.n
}

// copyTo writes to dst what begins dist bytes back, and returns how much that
// was: at most dist.
func (h *history) copyTo(dst []byte, dist int) int {
	r := h.ring.b
	dst = dst[:min(len(dst), dist)]
	k := copy(dst, r[(h.next-dist)&(len(r)-1):])
	copy(dst[k:], r)
	return len(dst)
}

// match writes to dst[n:n+length] what begins dist bytes back, dist > n. There is
// room for copyStep bytes more.
func (h *history) match(dst []byte, n, dist, length int) {
	r := h.ring.b
	k := min(length, dist-n)
	from := (h.next - (dist - n)) & (len(r) - 1)
	if from+k+copyStep <= len(r) {
		for i := 0; i < k; i += copyStep {
			*(*[copyStep]byte)(dst[n+i:]) = *(*[copyStep]byte)(r[from+i:])
		}
	} else {
		copy(dst[n+copy(dst[n:n+k], r[from:]):n+k], r)
	}
	for i := n + k; i < n+length; i++ {
		dst[i] = dst[i-dist]
	}
}
