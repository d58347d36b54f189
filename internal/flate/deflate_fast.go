package flate

const (
	fastBytes  = 5                  // the length of a string that is looked up
	fastFactor = 0x9E3779B97F4A7C15 // spreads what differs over the upper bits
	fastShift  = 64 - maxTableBits

	// In a text longer than this every third place is left out. Most matches that
	// begin there are found from their second byte, and taken from the first.
	longText = 1 << 13

	fourBytes, fiveBytes = 1<<32 - 1, 1<<40 - 1
)

// searchFast is search with one place looked at for each string.
func (m *matcher) searchFast(q *tokens, buf []byte, at, end, base int) {
	m.mask = stringMask(buf[at:end])
	m.skip = 0
	if end-at > longText && m.mask == fiveBytes {
		m.skip = 1
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
		q.literals(buf, emitted, i)
		q.match(n, i-from)
		at = i + n
		emitted = at
		if at <= last {
			*m.head(load64(buf, at-1)) = uint16(base + at - 1)
		}
	}
	q.literals(buf, emitted, end)
}

// stringMask says how many of the eight bytes from a place on are the string that
// is looked up. Five give better matches than four, except in text whose
// characters have three bytes.
func stringMask(p []byte) uint64 {
	const samples = 16
	wide := 0
	for i := 0; i < len(p); i += len(p)/samples + 1 {
		wide += int(p[i] >> 7)
	}
	if wide > samples/2 {
		return fourBytes
	}
	return fiveBytes
}

// seek returns the first place from i on, up to last, whose first four bytes have
// come before, and where that was. The longer none is found, the fewer are looked
// at. This is the innermost loop, and a function so that its variables fit in
// registers.
func (m *matcher) seek(buf []byte, i, last, base int) (at, from int) {
	heads, window, mask, skip := m.heads, m.size, m.mask, m.skip
	for misses := 32; i <= last; misses++ {
		v := load64(buf, i)
		head := &heads[int(v&mask*fastFactor>>fastShift)&(len(heads)-1)]
		pos := uint16(base + i)
		from = i - 1 - int(pos-1-*head) // so that a difference of 0 becomes one of 1<<16
		*head = pos
		if from >= 0 && i-from <= window && load32(buf, from) == uint32(v) {
			break
		}
		i += misses>>5 + misses&skip
	}
	return i, from
}

// head returns the entry of the string that v begins with.
func (m *matcher) head(v uint64) *uint16 {
	return &m.heads[int(v&m.mask*fastFactor>>fastShift)&(len(m.heads)-1)]
}
