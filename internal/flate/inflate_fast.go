package flate

import "encoding/binary"

// While there is as much input and room as this, fast need not look at what
// there is.
const (
	fastInput = 8 // a word
	fastRoom  = 3 // literals of a turn
)

// copyStep is how many bytes fast copies at a time: it may write that many more
// than the match has.
const copyStep = 16

// fast decodes literals and matches until the input or the room nearly ends, or
// until something comes that is not plain: the end of a block, a match for
// which there is hardly room, what is corrupt. That it leaves to symbol, with
// the state as if it had not seen it.
func (c *call) fast() {
	dst, src := c.dst, c.src
	n, m := c.n, c.m
	lit, dists := &c.codes.lit, &c.codes.dist
	window := c.history.size

	// In this loop the bits of hold above nb are not zeros, but either zeros or
	// the bits that the input has there. Loading them again changes nothing.
	hold, nb := c.hold, c.nb
	for len(src)-m >= fastInput && len(dst)-n >= fastRoom {
		// Load whole bytes until hold is full: at least 56 bits. The first-level
		// table takes 11 at most, so two literals leave enough for a third.
		hold |= binary.LittleEndian.Uint64(src[m:]) << (nb & 63)
		m += int((63 - nb) >> 3)
		nb |= 56

		e := lit[hold%(1<<litBits)]
		if e&entryLiteral != 0 {
			hold >>= e & 31
			nb -= uint(e & 31)
			dst[n] = byte(e >> 16)
			n++
			e = lit[hold%(1<<litBits)]
			if e&entryLiteral != 0 {
				hold >>= e & 31
				nb -= uint(e & 31)
				dst[n] = byte(e >> 16)
				n++
				e = lit[hold%(1<<litBits)]
				if e&entryLiteral != 0 {
					hold >>= e & 31
					nb -= uint(e & 31)
					dst[n] = byte(e >> 16)
					n++
					continue
				}
			}
			// A match takes up to 48 bits.
			if len(src)-m < fastInput {
				break
			}
			hold |= binary.LittleEndian.Uint64(src[m:]) << (nb & 63)
			m += int((63 - nb) >> 3)
			nb |= 56
		}
		if e&entrySpecial != 0 {
			if e&entrySub == 0 {
				break
			}
			e = lit[e.sub(hold, litBits)]
			if e&entryLiteral != 0 {
				hold >>= e & 31
				nb -= uint(e & 31)
				dst[n] = byte(e >> 16)
				n++
				continue
			}
			if e&entrySpecial != 0 {
				break
			}
		}
		length := int(e.value() + e.extra(hold))
		rest := hold >> (e & 31)
		d := dists[rest%(1<<distBits)]
		if d&entrySpecial != 0 {
			if d&entrySub == 0 {
				break
			}
			d = dists[d.sub(rest, distBits)]
			if d&entrySpecial != 0 {
				break
			}
		}
		dist := int(d.value() + d.extra(rest))
		if len(dst)-n < length+copyStep || dist > window {
			break
		}
		if dist > n {
			// It begins in the history.
			if dist-n > c.history.n {
				break
			}
			c.history.match(dst, n, dist, length)
		} else if dist >= copyStep {
			for i := n; i < n+length; i += copyStep {
				*(*[copyStep]byte)(dst[i:]) = *(*[copyStep]byte)(dst[i-dist:])
			}
		} else {
			repeat(dst, n, dist, length)
		}
		n += length
		hold = rest >> (d & 31)
		nb -= uint(e&31 + d&31)
	}
	c.n, c.m = n, m
	c.hold, c.nb = hold&(1<<nb-1), nb
}

// repeat writes to dst[n:n+length] the bytes that begin dist before them, fewer
// than copyStep, again and again. There is room for copyStep bytes more.
func repeat(dst []byte, n, dist, length int) {
	end := n + length
	if dist == 1 {
		word := uint64(dst[n-1]) * 0x0101010101010101
		for ; n < end; n += 8 {
			binary.LittleEndian.PutUint64(dst[n:], word)
		}
		return
	}
	// Once 8 bytes are there, they can be repeated as a whole.
	step := dist
	if dist < 8 {
		for range 8 {
			dst[n] = dst[n-dist]
			n++
		}
		step = (7 + dist) / dist * dist
	}
	for ; n < end; n += 8 {
		binary.LittleEndian.PutUint64(dst[n:], binary.LittleEndian.Uint64(dst[n-step:]))
	}
}
