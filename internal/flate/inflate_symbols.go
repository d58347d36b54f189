package flate

// What a literal/length and a distance code take at most, extra bits included.
const (
	maxLengthBits = maxCodeBits + 5
	maxDistBits   = maxCodeBits + 13
)

// symbols decodes until the end of the block: quickly while there is enough
// input and room, else a few literals, or one symbol, at a time.
func (c *call) symbols() error {
	for c.state == inSymbols {
		if len(c.src)-c.m >= fastInput && len(c.dst)-c.n >= fastRoom {
			c.fast()
		}
		c.literals()
		if err := c.symbol(); err != nil {
			return err
		}
	}
	return nil
}

// literals decodes the literals that come next, of at most litBits: as many as
// there is room for and hold, once filled, has all bits of. Every message ends
// with a dozen symbols that come too late for fast, and most of them are literals.
func (c *call) literals() {
	if c.nb < maxLengthBits+maxDistBits {
		c.fill()
	}
	lit, hold, nb, n := &c.codes.lit, c.hold, c.nb, c.n
	for uint(n) < uint(len(c.dst)) {
		e := lit[hold%(1<<litBits)]
		if e&entryLiteral == 0 || e.total() > nb {
			break
		}
		c.dst[n] = byte(e >> 16)
		n++
		hold >>= e & 63
		nb -= e.total()
	}
	c.hold, c.nb, c.n = hold, nb, n
}

// symbol decodes one literal, match, or end of the block. It finds everything
// that can be wrong; fast leaves to it whatever is not plain.
func (c *call) symbol() error {
	if c.nb < maxLengthBits+maxDistBits {
		c.fill()
	}
	e := c.codes.lit[c.hold%(1<<litBits)]
	if e&entrySub != 0 {
		e = c.codes.lit[e.sub(c.hold, litBits)]
	}
	switch {
	case e.total() > c.nb:
		return errShortSrc
	case e&entryLiteral != 0:
		if c.n == len(c.dst) {
			return ErrShortDst
		}
		c.dst[c.n] = byte(e.value())
		c.n++
		c.take(e.total())
		return nil
	case e&entrySpecial == 0:
		return c.lengthAndDist(e)
	case e&entryEnd != 0:
		c.take(e.total())
		c.endBlock()
		return nil
	default:
		return c.corrupt("literal/length symbol 286 or 287, or bits that are no code")
	}
}

// lengthAndDist decodes a match of which e is the length, all of it or nothing.
func (c *call) lengthAndDist(e entry) error {
	hold := c.hold >> e.total()
	d := c.codes.dist[hold&c.codes.distMask%(1<<distBits)]
	if d&entrySub != 0 {
		d = c.codes.dist[d.sub(hold, distBits)]
	}
	if e.total()+d.total() > c.nb {
		return errShortSrc
	}
	if d&entrySpecial != 0 {
		return c.corrupt("distance symbol 30 or 31, or bits that are no code")
	}
	dist := int(d.value()) + d.extra(hold)
	if dist > c.history.size {
		return c.corrupt("distance beyond the window")
	}
	if dist > c.n+c.history.n {
		return c.corrupt("distance beyond the first byte of output")
	}
	c.length, c.dist = int(e.value())+e.extra(c.hold), dist
	c.take(e.total() + d.total())
	c.state = inMatch
	return c.match()
}

// match writes what is left of a match, or as much of it as there is room for.
func (c *call) match() error {
	for c.length > 0 {
		if c.n == len(c.dst) {
			return ErrShortDst
		}
		to := c.dst[c.n:min(len(c.dst), c.n+c.length)]
		var k int
		if back := c.dist - c.n; back > 0 {
			k = c.history.copyTo(to, back)
		} else {
			// At most dist bytes: what overlaps repeats them.
			k = copy(to, c.dst[c.n-c.dist:c.n])
		}
		c.n += k
		c.length -= k
	}
	c.state = inSymbols
	return nil
}
