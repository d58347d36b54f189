package flate

import (
	"encoding/binary"
	"math/bits"
)

// searchFast is search with one place looked at for each string. base is the
// position of buf[0].
func (m *matcher) searchFast(q *sequences, buf []byte, at int, base uint16) {
	heads, shift := m.heads, m.shift
	mask := uint32(len(heads) - 1)
	window := uint32(m.size)
	emitted := at - q.run
	i := at
	last := len(buf) - hashed // the last place where a string can begin
	misses := 0
	for i <= last {
		v := binary.LittleEndian.Uint32(buf[i:])
		h := v * hashFactor >> (shift & 31) & mask
		pos := base + uint16(i)
		distance := uint32(pos - heads[h])
		heads[h] = pos
		from := i - int(distance)
		if distance-1 >= window || from < 0 || binary.LittleEndian.Uint32(buf[from:]) != v {
			// The longer nothing is found, the less is looked.
			i += 1 + misses>>5
			misses++
			continue
		}
		misses = 0
		for i > emitted && i > at && from > 0 && buf[i-1] == buf[from-1] {
			i--
			from--
		}
		n := hashed + matchLen(buf[i+hashed:], buf[from+hashed:])
		q.add(i-emitted, n, int(distance))
		i += n
		emitted = i
		if i-1 <= last {
			v := binary.LittleEndian.Uint32(buf[i-1:])
			heads[v*hashFactor>>(shift&31)&mask] = base + uint16(i-1)
		}
	}
	q.run = len(buf) - emitted
}

// hashFactor spreads what differs in a string over the upper bits.
const hashFactor = 0x9E3779B1

// matchLen returns how many bytes a and b have in common. b is not shorter.
func matchLen(a, b []byte) int {
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
