package flate

import "math/bits"

const (
	fastBytes  = 5                  // the length of a string that is looked up
	fastFactor = 0x9E3779B97F4A7C15 // spreads what differs over the upper bits
	fastShift  = 64 - maxTableBits

	// In a text longer than this every third place is left out at first. Most matches that
	// begin there are found from their second byte, and taken from the first.
	longText = 1 << 13

	// From one place that is looked at to the next is one byte, or 1.5 in a long text,
	// then ever more by 1/128.
	stepBits = 7
)

// searchFast is search with one place looked at for each string.
func (m *matcher) searchFast(q *tokens, buf []byte, at, end, base int) {
	length := stringLength(buf[at:end])
	m.factor = stringFactor(length, len(m.heads))
	m.step = 1 << stepBits
	if end-at > longText && length == 5 {
		m.step = 3 << stepBits / 2
	}
	last := end - fastBytes // the last place where a string can begin
	emitted := at
	for at <= last {
		i, from := m.seek(buf, at, last, base)
		if i > last {
			break
		}
		n := 4 + common(buf, i+4, from+4, end)
		for i > emitted && from > 0 && buf[i-1] == buf[from-1] {
			i--
			from--
			n++
		}
		q.addLiterals(buf, emitted, i)
		q.addMatch(n, i-from)
		at = i + n
		emitted = at
		if at <= last {
			*m.head(load64(buf, at-1)) = uint16(base + at - 1)
		}
	}
	q.addLiterals(buf, emitted, end)
}

// stringLength says how many bytes a string has that is looked up. Five give better
// matches than four, except in text whose characters have three bytes.
func stringLength(p []byte) int {
	const samples = 16
	wide := 0
	for i := 0; i < len(p); i += len(p)/samples + 1 {
		wide += int(p[i] >> 7)
	}
	if wide > samples/2 {
		return 4
	}
	return 5
}

// stringFactor returns what the eight bytes from a place on are multiplied with to hash
// the string there. It moves the bytes behind the string out at the top, and the bits
// of the product that depend on all of the string to where the index in a table is taken.
func stringFactor(length, table int) uint64 {
	return fastFactor << (64 - 8*length - maxTableBits + bits.Len(uint(table-1)))
}

// seek returns the first place from i on, up to last, whose first four bytes have
// come before, and where that was. The longer none is found, the fewer are looked
// at. This is the innermost loop, and a function so that its variables fit in
// registers.
func (m *matcher) seek(buf []byte, i, last, base int) (at, from int) {
	heads, window, factor := m.heads, m.size, m.factor
	if len(heads) == 0 {
		return last + 1, 0 // it never is, but now the compiler knows
	}
	buf = buf[: last+8 : last+8] // what is read, so that one comparison will do
	step := m.step
	for next := uint64(i) << stepBits; ; {
		i = int(next >> stepBits)
		if i > len(buf)-8 {
			break
		}
		v := load64(buf, i)
		head := &heads[int(v*factor>>fastShift)&(len(heads)-1)]
		pos := uint16(base + i)
		d := int(pos - 1 - *head) // the distance less 1, so that 0 becomes 1<<16
		*head = pos
		if d < min(i, window) {
			if from = i - 1 - d; load32(buf, from) == uint32(v) {
				break
			}
		}
		next += step
		step++
	}
	return i, from
}

// head returns the entry of the string that v begins with.
func (m *matcher) head(v uint64) *uint16 {
	return &m.heads[int(v*m.factor>>fastShift)&(len(m.heads)-1)]
}
