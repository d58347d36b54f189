package flate

const (
	chainBytes  = 4 // the length of a string in chains, and of the shortest match
	chainFactor = 0x9E3779B1

	// A match of four bytes from further away than nearBy takes more bits than
	// four literals with codes made to measure. A text up to shortText mostly has
	// the fixed codes.
	nearBy    = 1 << 12
	shortText = 1 << 9
)

// chains is the state of a search with all places of a string linked, from the
// last to the first.
type chains struct {
	*matcher
	buf       []byte
	end, base int
	far       int // how far a match of four bytes may be
}

// searchChains is search at the levels that look at several places. Before it
// takes a match, it looks whether the next byte has a longer one.
func (m *matcher) searchChains(q *tokens, buf []byte, at, end, base int) {
	c := chains{matcher: m, buf: buf, end: end, base: base, far: m.size}
	if end-at > shortText {
		c.far = nearBy
	}
	emitted := at
	length, distance := 0, 0 // of the match one byte before i, if any
	i := at
	for ; i <= end-chainBytes; i++ {
		was, wasDistance := length, distance
		length, distance = 0, 0
		head := c.insert(i)
		if was < m.tune.lazy {
			length, distance = c.longest(i, head, was)
		}
		if was == 0 || length > was {
			continue // the byte before becomes a literal
		}
		q.addLiterals(buf, emitted, i-1)
		q.addMatch(was, wasDistance)
		emitted = i - 1 + was
		for i++; i < min(emitted, end-chainBytes+1); i++ {
			c.insert(i)
		}
		i = emitted - 1
		length = 0
	}
	if length > 0 {
		q.addLiterals(buf, emitted, i-1)
		q.addMatch(length, distance)
		emitted = i - 1 + length
	}
	q.addLiterals(buf, emitted, end)
}

// insert makes the string at i the first of its chain, and returns the position
// that was.
func (c *chains) insert(i int) uint16 {
	hash := load32(c.buf, i) * chainFactor >> (32 - maxTableBits)
	head := &c.heads[int(hash)&(len(c.heads)-1)]
	was, pos := *head, uint16(c.base+i)
	*head = pos
	c.prev[int(pos)&(len(c.prev)-1)] = was
	return was
}

// longest returns the longest match for the string at i that is longer than was,
// or 0.
func (c *chains) longest(i int, head uint16, was int) (length, distance int) {
	tries := c.tune.chain
	if was >= c.tune.good {
		tries /= 4
	}
	buf, last := c.buf, 0
	length = max(was, chainBytes-1)
	for ; tries > 0 && length < c.tune.nice && i+length < c.end; tries-- {
		d := int(uint16(c.base+i) - head)
		from := i - d
		if d <= last || d > c.size || from < 0 {
			break // the chain goes on among positions that were overwritten
		}
		last = d
		if buf[from+length] == buf[i+length] {
			if n := common(buf, i, from, c.end); n > length && (n > chainBytes || d <= c.far) {
				length, distance = n, d
			}
		}
		head = c.prev[int(head)&(len(c.prev)-1)]
	}
	if distance == 0 {
		return 0, 0
	}
	return length, distance
}
