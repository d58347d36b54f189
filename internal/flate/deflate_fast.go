package flate

import (
	"encoding/binary"
	"math/bits"
)

// searchFast is search with one place looked at for each string. base is the
// position of buf[0].
func (m *matcher) searchFast(q *tokens, buf []byte, at, end, base int) {
	m.mask = stringMask(buf[at:end])
	last := end - fastBytes // the last place where a string can begin
	emitted := at
	for at <= last {
		i, from := m.seek(buf, at, last, base)
		if i > last {
			break
		}
		n := matchLen(buf, i, from, end)
		for i > emitted && from > 0 && buf[i-1] == buf[from-1] {
			i--
			from--
			n++
		}
		q.literals(buf, emitted, i)
		q.match(n, i-from)
		at = i + n
		emitted = at
		if at <= last {
			m.heads[m.slot(load64(buf, at-1))] = uint16(base + at - 1)
		}
	}
	q.literals(buf, emitted, end)
}

// stringMask says which of the eight bytes from a place on are the string that
// is looked up there. Five give better matches than four, except in text whose
// characters have three bytes.
func stringMask(p []byte) uint64 {
	const samples = 16
	wide := 0
	for i := 0; i < len(p); i += len(p)/samples + 1 {
		wide += int(p[i] >> 7)
	}
	if wide > samples/2 {
		return 1<<32 - 1
	}
	return 1<<40 - 1
}

// seek returns the first place from i on, up to last, whose bytes have come
// before, and where that was. The longer none is found, the fewer are looked at.
func (m *matcher) seek(buf []byte, i, last, base int) (at, from int) {
	heads, window, mask := m.heads, m.size, m.mask
	for misses := 32; i <= last; misses++ {
		v := load64(buf, i)
		head := &heads[int(v&mask*fastFactor>>fastShift)&(len(heads)-1)]
		pos := uint16(base + i)
		from = i - 1 - int(pos-1-*head)
		*head = pos
		if from >= 0 && i-from <= window && load32(buf, from) == uint32(v) {
			break
		}
		i += misses >> 5
	}
	return i, from
}

// slot returns the index into heads for the string that v begins with.
func (m *matcher) slot(v uint64) int {
	return int(v&m.mask*fastFactor>>fastShift) & (len(m.heads) - 1)
}

const (
	fastFactor = 0x9E3779B97F4A7C15 // spreads what differs over the upper bits
	fastShift  = 64 - maxTableBits
	fastBytes  = 5 // the length of a string
)

// matchLen returns how many bytes at i, after the first four, are those at from.
// As many as slack says can be read behind end.
func matchLen(buf []byte, i, from, end int) int {
	start := i
	for i, from = i+4, from+4; i < end; i, from = i+8, from+8 {
		if x := load64(buf, i) ^ load64(buf, from); x != 0 {
			i += bits.TrailingZeros64(x) >> 3
			break
		}
	}
	return min(i, end) - start
}

// These slice with both limits because that is compiled to less than b[i:].

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }
func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i : i+4]) }

const hashFactor = 0x9E3779B1

// matchLenOld returns how many bytes a and b have in common. b is not shorter.
func matchLenOld(a, b []byte) int {
	n := 0
	for len(a)-n >= 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return n
}
