package flate

import (
	"encoding/binary"
	"math/bits"
)

// searchFast is search with one place looked at for each string. base is the
// position of buf[0].
func (m *matcher) searchFast(q *tokens, buf []byte, at, end int, base uint16) {
	heads, shift := m.heads, m.shift
	window := uint32(m.size)
	emitted := at
	last := end - 5 // the last place where a string can begin
	i := at
	for {
		// Look for a place whose bytes have come before. The longer none is found,
		// the fewer are looked at.
		var from int
		misses := 32
		v := uint64(0)
		for {
			if i > last {
				q.literals(buf, emitted, end)
				return
			}
			v = binary.LittleEndian.Uint64(buf[i:])
			head := &heads[hash5(v)>>(shift&63)]
			d := base + uint16(i) - *head
			*head = base + uint16(i)
			from = i - int(d)
			if uint32(d)-1 < window && from >= 0 && binary.LittleEndian.Uint32(buf[from:]) == uint32(v) {
				break
			}
			i += misses >> 5
			misses++
		}
		distance := i - from
		n := 4
		for i+n < end {
			x := binary.LittleEndian.Uint64(buf[i+n:]) ^ binary.LittleEndian.Uint64(buf[from+n:])
			if x != 0 {
				n += bits.TrailingZeros64(x) >> 3
				break
			}
			n += 8
		}
		n = min(n, end-i)
		for i > emitted && from > 0 && buf[i-1] == buf[from-1] {
			i--
			from--
			n++
		}
		q.literals(buf, emitted, i)
		q.match(n, distance)
		i += n
		emitted = i
		if i <= last {
			v := binary.LittleEndian.Uint64(buf[i-1:])
			heads[hash5(v)>>(shift&63)] = base + uint16(i-1)
		}
	}
}

const hashFactor5 = 889523592379

func hash5(v uint64) uint64 { return v << 24 * hashFactor5 }

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
