package flate

import "errors"

// errShortSrc ends a call: the input is used up.
var errShortSrc = errors.New("flate: internal: more input needed")

// A call is one call of Inflate: the Decompressor, and the slices on which it
// works for as long as the call lasts.
//
// 0 <= n <= len(dst) and 0 <= m <= len(src); dst[:n] is written and src[:m] is
// taken, the last bits of it into hold.
//
// The methods that stand for a state either finish their step and set the next
// state, or leave everything so that they can be called again, and say what
// they lack: errShortSrc or ErrShortDst.
type call struct {
	*Decompressor
	dst, src []byte
	n, m     int
}

// run goes from state to state until something is lacking or wrong.
func (c *call) run() (err error) {
	for err == nil {
		switch c.state {
		case atBlock:
			err = c.blockHeader()
		case atStoredLen:
			err = c.storedLen()
		case inStored:
			err = c.storedBytes()
		case atCounts:
			err = c.counts()
		case inCodeLens:
			err = c.codeLens()
		case inLens:
			err = c.lens()
		case inSymbols:
			err = c.symbols()
		case inMatch:
			err = c.match()
		default:
			panic("BUG: unknown state")
		}
	}
	return err
}

// need takes input until there are at least k bits, at most 56, in hold.
func (c *call) need(k uint) bool {
	for c.nb < k {
		if c.m == len(c.src) {
			return false
		}
		c.hold |= uint64(c.src[c.m]) << (c.nb & 63)
		c.m++
		c.nb += 8
	}
	return true
}

// take removes and returns the next k bits, which are there, as need said.
func (c *call) take(k uint) uint {
	v := uint(c.hold & (1<<k - 1))
	c.hold >>= k
	c.nb -= k
	return v
}

// corrupt ends everything.
func (c *call) corrupt(reason string) error {
	c.tables.release()
	c.tables, c.codes = nil, nil
	c.err = &CorruptError{Offset: c.taken + int64(c.m) - int64(c.nb/8), Reason: reason}
	return c.err
}

// blockHeader reads the three bits that begin a block; RFC 1951, section 3.2.3.
func (c *call) blockHeader() error {
	if !c.need(3) {
		return errShortSrc
	}
	c.final = c.take(1) == 1
	switch c.take(2) {
	case blockStored:
		c.take(c.nb % 8)
		c.state = atStoredLen
	case blockFixed:
		c.codes, c.state = &fixedCodes, inSymbols
	case blockDynamic:
		if c.tables == nil {
			c.tables = borrowTables()
		}
		c.state = atCounts
	default:
		return c.corrupt("block type 3, which is reserved")
	}
	return nil
}

// endBlock goes on to the next block. A final one ends on a byte boundary.
func (c *call) endBlock() {
	if c.final {
		c.take(c.nb % 8)
	}
	c.state = atBlock
}

// storedLen reads LEN and NLEN; RFC 1951, section 3.2.4.
func (c *call) storedLen() error {
	if !c.need(32) {
		return errShortSrc
	}
	n, complement := c.take(16), c.take(16)
	if n^complement != 0xffff {
		return c.corrupt("stored block whose length and its complement do not match")
	}
	c.stored, c.state = int(n), inStored
	return nil
}

// storedBytes copies the bytes of a stored block: first those in hold, where
// they are when the block before it was read ahead.
func (c *call) storedBytes() error {
	for c.stored > 0 && c.nb > 0 {
		if c.n == len(c.dst) {
			return ErrShortDst
		}
		c.dst[c.n] = byte(c.take(8))
		c.n++
		c.stored--
	}
	k := copy(c.dst[c.n:], c.src[c.m:min(len(c.src), c.m+c.stored)])
	c.n += k
	c.m += k
	c.stored -= k
	switch {
	case c.stored == 0:
		c.endBlock()
		return nil
	case c.m == len(c.src):
		return errShortSrc
	default:
		return ErrShortDst
	}
}

// counts reads HLIT, HDIST and HCLEN; RFC 1951, section 3.2.7.
func (c *call) counts() error {
	if !c.need(14) {
		return errShortSrc
	}
	t := c.tables
	t.numLit = int(c.take(5)) + lengthStart
	t.numDist = int(c.take(5)) + 1
	t.numCodeLen = int(c.take(4)) + 4
	if t.numLit > numLitLen || t.numDist > numDist {
		return c.corrupt("more length or distance symbols than there are")
	}
	clear(t.lens[:])
	t.have, c.state = 0, inCodeLens
	return nil
}

// codeLens reads the lengths of the code length code.
func (c *call) codeLens() error {
	t := c.tables
	hold, nb := c.hold, c.nb
	have := t.have
	for ; have < t.numCodeLen; have++ {
		if nb < 3 {
			if hold, nb = c.load(hold, nb); nb < 3 {
				break
			}
		}
		t.lens[codeLenOrder[have]] = uint8(hold % 8)
		hold >>= 3
		nb -= 3
	}
	c.hold, c.nb = hold&(1<<nb-1), nb
	if t.have = have; have < t.numCodeLen {
		return errShortSrc
	}
	if reason := t.buildCodeLen(); reason != "" {
		return c.corrupt(reason)
	}
	t.have, c.state = 0, inLens
	return nil
}

// lens reads the lengths of the literal/length and the distance codes, which
// are one sequence: "code length repeat codes can cross from HLIT + 257 to the
// HDIST + 1 code lengths".
func (c *call) lens() error {
	t := c.tables
	if t.have < t.numLit {
		if err := c.lensUpTo(t.numLit); err != nil {
			return err
		}
		t.endLiterals()
	}
	if err := c.lensUpTo(t.numLit + t.numDist); err != nil {
		return err
	}
	if reason := t.buildCodes(); reason != "" {
		return c.corrupt(reason)
	}
	c.codes, c.state = &t.codes, inSymbols
	return nil
}

// lensUpTo reads lengths until there are as many as this, or more if a run goes
// beyond.
//
// For small messages this is a large part of the work, so that what it works with
// is local. hold is as in fast: not zero above nb.
func (c *call) lensUpTo(end int) error {
	t := c.tables
	hold, nb, have := c.hold, c.nb, t.have
	for have < end {
		if nb < maxCodeLenBits+7 {
			hold, nb = c.load(hold, nb)
			if t.codeLen[hold%codeLenSize].total() > nb {
				break // the input is used up
			}
		}
		e := t.codeLen[hold%codeLenSize]
		if n := uint8(e >> 16); n < 16 {
			t.lens[have] = n
			t.sorted.add(have, n)
			have++
		} else if have = t.repeat(have, n, e.extra(hold)); have > t.numLit+t.numDist {
			c.hold, c.nb = hold, nb
			return c.corrupt("repeat of a code length before the first or beyond the last")
		}
		hold >>= e & 63
		nb -= e.total()
	}
	c.hold, c.nb, t.have = hold&(1<<nb-1), nb, have
	if have < end {
		return errShortSrc
	}
	return nil
}

// fill takes input until hold is full or the input used up.
func (c *call) fill() {
	c.hold, c.nb = c.load(c.hold, c.nb)
	c.hold &= 1<<c.nb - 1
}

// load is fill for a hold and nb that are local, and leaves more bits above nb.
func (c *call) load(hold uint64, nb uint) (uint64, uint) {
	if len(c.src)-c.m >= 8 {
		hold, nb, c.m = refill(hold, nb, c.src, c.m)
		return hold, nb
	}
	for nb < 56 && c.m < len(c.src) {
		hold |= uint64(c.src[c.m]) << (nb & 63)
		c.m++
		nb += 8
	}
	return hold, nb
}
