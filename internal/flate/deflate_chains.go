package flate

import "encoding/binary"

// hashed is the length of the strings in chains.
const hashed = 4

// searchChains is search with all places of a string linked, from the last to
// the first. Before it takes a match, it looks whether the next byte has a longer
// one.
func (m *matcher) searchChains(q *tokens, buf []byte, at, end, base int) {
	all := buf
	buf = buf[:end]
	c := chains{matcher: m, buf: buf, base: base}
	emitted := at
	length, distance := 0, 0 // of the match at i-1, if any
	i := at
	for ; i <= len(buf)-hashed; i++ {
		was, wasDistance := length, distance
		length, distance = 0, 0
		head := c.insert(i)
		if was < m.tune.lazy {
			length, distance = c.longest(i, head, was)
		}
		if was == 0 || length > was {
			continue // the byte before becomes a literal
		}
		q.literals(all, emitted, i-1)
		q.match(was, wasDistance)
		emitted = i - 1 + was
		for i++; i < min(emitted, len(buf)-hashed+1); i++ {
			c.insert(i)
		}
		i = emitted - 1
		length = 0
	}
	if length > 0 {
		q.literals(all, emitted, i-1)
		q.match(length, distance)
		emitted = i - 1 + length
	}
	q.literals(all, emitted, end)
}

// chains is the state of one search.
type chains struct {
	*matcher
	buf  []byte
	base int
}

// insert makes the string at i the first of its chain, and returns the position
// that was.
func (c *chains) insert(i int) uint16 {
	pos := uint16(c.base+i)
	head := &c.heads[binary.LittleEndian.Uint32(c.buf[i:])*hashFactor>>(32-maxTableBits)&uint32(len(c.heads)-1)]
	was := *head
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
	buf := c.buf
	length = max(was, hashed-1)
	last := 0
	for ; tries > 0; tries-- {
		d := int(uint16(c.base+i) - head)
		from := i - d
		if d <= last || d > c.size || from < 0 || i+length >= len(buf) {
			break
		}
		last = d
		if buf[from+length] == buf[i+length] {
			if n := matchLenOld(buf[i:], buf[from:]); n > length {
				length, distance = n, d
				if n >= c.tune.nice {
					break
				}
			}
		}
		head = c.prev[int(head)&(len(c.prev)-1)]
	}
	if distance == 0 {
		return 0, 0
	}
	return length, distance
}
