package flate

// A matcher finds repetitions: in the bytes that it is given, and in the last of
// those that it was given before.
//
// Every byte of the stream has a position, which the tables hold modulo 1<<16.
// A distance is the difference of two positions, so whatever an entry holds, an
// old position or none, it names some place at a distance. The place counts only
// if it is within the window, within what came since Reset, and has the bytes
// that are looked for. So nothing must be cleared for the sake of correctness.
type matcher struct {
	tune tuning
	size int // of the window

	// buf holds the last bytes of the stream since Reset: size of them if there
	// are as many, or more. Its capacity does not change.
	buf []byte
	pos uint16 // position of the byte after the last

	heads  []uint16 // position of the last string with a hash; half as many as the window has bytes
	prev   []uint16 // position of the string before with the same hash, by position; nil without chains
	factor uint64   // what the bytes of a string are multiplied with, when one place is looked at
	step   uint64   // the first one of a search, as a multiple of 1/128 byte

	since int  // bytes since Reset
	age   int  // bytes since the tables were cleared
	stale bool // whether the tables may hold positions from before Reset
	fresh bool // whether the current source is the first since Reset
	away  bool // whether the last bytes of the stream are not in buf but in the source
}

// init sets the sizes, for a window of 1<<bits bytes.
func (m *matcher) init(level Level, bits int) {
	m.tune = level.tuning()
	m.size = 1 << bits
}

// maxTableBits is how many bits of a hash are used at most.
const maxTableBits = 15

// allocate gets what the first byte needs.
func (m *matcher) allocate() {
	m.buf = make([]byte, 0, m.size+max(m.size/2, 1<<10))
	m.heads = make([]uint16, min(max(m.size/2, 1<<9), 1<<maxTableBits))
	if m.tune.chain > 0 {
		m.prev = make([]uint16, m.size)
	}
	m.clear()
}

// begin makes ready for a source.
func (m *matcher) begin() {
	if m.buf == nil {
		m.allocate()
	}
	m.fresh = len(m.buf) == 0
}

// find adds the tokens of src[at:end]. The bytes before at have been searched
// before, since begin.
//
// What is searched must lie behind its history. In a large source most bytes do,
// and are searched there. The first ones, which need more history than the
// source has, and the last, which become history, go to buf.
func (m *matcher) find(q *tokens, src []byte, at, end int) {
	for at < end {
		if n := min(end, len(src)-slack) - at; len(src)-at > m.size && (m.fresh || at >= m.size) {
			m.search(q, src, at, at+n)
			at += n
			m.away = true
			continue
		}
		if m.away {
			m.buf = append(m.buf[:0], src[max(0, at-m.size):at]...)
			m.away = false
		}
		n := m.push(src[at:end])
		m.search(q, m.buf[:cap(m.buf)], len(m.buf)-n, len(m.buf))
		at += n
	}
}

// push appends to buf as much of p as there is room for, and returns how much
// that is. It drops what no distance reaches.
func (m *matcher) push(p []byte) int {
	room := cap(m.buf) - slack - len(m.buf)
	if room < len(p) && len(m.buf) > m.size {
		m.buf = m.buf[:copy(m.buf, m.buf[len(m.buf)-m.size:])]
		room = cap(m.buf) - slack - len(m.buf)
	}
	n := min(len(p), room)
	m.buf = append(m.buf, p[:n]...)
	return n
}

// reset makes all that came before unreachable.
func (m *matcher) reset() {
	m.buf = m.buf[:0]
	m.since = 0
	m.stale = m.age > 0
	if m.age > maxAge/2 {
		m.clear()
	}
}

// maxAge is how far a position may lie back before its distance is mistaken for
// that of a nearer one.
const maxAge = 1 << 16

// clear forgets all positions. What remains is the one before the first.
func (m *matcher) clear() {
	clear(m.heads)
	clear(m.prev)
	m.pos, m.age, m.stale = 1, 0, false
}

// expire removes entries from before Reset that would come within reach again
// with the next n bytes, at most maxBlock.
//
// A place that such an entry names by mistake is as good as any other. But the
// output must not depend on what came before Reset, least of all when the memory
// had another owner then.
func (m *matcher) expire(n int) {
	if !m.stale || m.age+n <= maxAge {
		return
	}
	if m.since == 0 {
		m.clear()
		return
	}
	m.purge(m.heads)
	m.purge(m.prev)
	m.stale = false
}

// purge replaces positions from before Reset by the last of them, which is what
// clear leaves.
func (m *matcher) purge(table []uint16) {
	before := m.pos - uint16(m.since) - 1
	for i, pos := range table {
		if m.pos-pos-1 >= uint16(m.since) {
			table[i] = before
		}
	}
}

// search adds the tokens of buf[at:end], with what is before as history. As many
// bytes as slack says can be read behind end.
func (m *matcher) search(q *tokens, buf []byte, at, end int) {
	n := end - at
	m.expire(n)
	base := int(m.pos) - at // the position of buf[0], modulo 1<<16
	if m.prev != nil {
		m.searchChains(q, buf, at, end, base)
	} else {
		m.searchFast(q, buf, at, end, base)
	}
	m.pos += uint16(n)
	m.age = min(m.age+n, maxAge)
	m.since = min(m.since+n, maxAge)
}
