package flate

import "encoding/binary"

// While there is as much input and room as this, a turn of fast need not look
// at what there is.
const (
	fastInput = 8 // a word
	fastRoom  = 5 // literals
)

// copyStep is how many bytes fast copies at a time. It writes up to two steps
// more than a match has.
const copyStep = 16

// refill loads whole bytes of the word at src[m:] until hold is full. The bits
// above the new nb, which is at least 56, are then those that the input has
// there: to load them again changes nothing. So all 64 bits may be looked at.
//
// Of nb only the lowest six bits count, in and out.
func refill(hold uint64, nb uint, src []byte, m int) (uint64, uint, int) {
	word := binary.LittleEndian.Uint64(src[m : m+8 : m+8])
	return hold | word<<(nb&63), nb | 56, m + int(^nb>>3&7)
}

// fast decodes literals and matches until the input or the room nearly ends, or
// until something comes that is not plain: the end of a block, a match for
// which there is hardly room, what is corrupt. That it leaves to symbol, with
// the state as if it had not seen it. There are fastInput bytes of input.
//
// It is one long function because what it works with has to stay in registers.
func (c *call) fast() {
	// With length and capacity the same there is one of them less to keep.
	dst, src := c.dst[:len(c.dst):len(c.dst)], c.src[:len(c.src):len(c.src)]
	codes := c.codes
	lit := &codes.lit

	// A whole entry is subtracted from nb: its lowest six bits are the number of
	// bits to take.
	hold, nb, m := refill(c.hold, c.nb, src, c.m)
	n := c.n

	// e is the entry of what comes next. It is looked up before hold is refilled,
	// so that neither waits for the other: a turn takes 50 bits of 64 at most,
	// which leaves litBits.
	//
	// That n and m are not negative is for the compiler, which then leaves out
	// the checks of all indexes that follow from the condition.
	e := lit[hold%(1<<litBits)]
	for m >= 0 && m <= len(src)-fastInput && n >= 0 && n <= len(dst)-fastRoom {
		hold, nb, m = refill(hold, nb, src, m)

		// Up to five literals, of litBits at most. n counts them on the way out,
		// so that their indexes are those of the condition.
		if e&entryLiteral != 0 {
			hold >>= e & 63
			nb -= uint(e)
			dst[n] = byte(e >> 16)
			e = lit[hold%(1<<litBits)]
			if e&entryLiteral != 0 {
				hold >>= e & 63
				nb -= uint(e)
				dst[n+1] = byte(e >> 16)
				e = lit[hold%(1<<litBits)]
				if e&entryLiteral != 0 {
					hold >>= e & 63
					nb -= uint(e)
					dst[n+2] = byte(e >> 16)
					e = lit[hold%(1<<litBits)]
					if e&entryLiteral != 0 {
						hold >>= e & 63
						nb -= uint(e)
						dst[n+3] = byte(e >> 16)
						e = lit[hold%(1<<litBits)]
						if e&entryLiteral != 0 {
							hold >>= e & 63
							nb -= uint(e)
							dst[n+4] = byte(e >> 16)
							e = lit[hold%(1<<litBits)]
							n += 5
							continue
						}
						n++
					}
					n++
				}
				n++
			}
			n++
			// A match takes up to 48 bits.
			if m > len(src)-fastInput {
				break
			}
			hold, nb, m = refill(hold, nb, src, m)
		}

		if e&entrySpecial != 0 {
			if e&entrySub == 0 {
				break // the end of the block, or corrupt
			}
			e = lit[e.sub(hold, litBits)]
			if e&entryLiteral != 0 {
				hold >>= e & 63
				nb -= uint(e)
				dst[n] = byte(e >> 16)
				n++
				e = lit[hold%(1<<litBits)]
				continue
			}
			if e&entrySpecial != 0 {
				break
			}
		}

		// A match, which is not taken before all is known to be well.
		length := int(e>>16) + e.extra(hold)
		rest := hold >> (e & 63)
		d := codes.dist[rest&codes.distMask%(1<<distBits)]
		if d&entrySpecial != 0 {
			if d&entrySub == 0 {
				break // corrupt
			}
			d = codes.dist[d.sub(rest, distBits)] // which only plain symbols have
		}
		dist := int(d>>16) + d.extra(rest)
		from := n - dist
		if dist > c.history.size || from < -c.history.n || n > len(dst)-2*copyStep-length {
			break
		}
		hold = rest >> (d & 63)
		nb -= uint(e + d)
		e = lit[hold%(1<<litBits)]

		switch {
		case from < 0:
			c.history.match(dst, n, dist, length)
		case dist < copyStep:
			repeat(dst, n, dist, length)
		default:
			// Two steps for all: few matches are longer.
			copyTwice(dst, n, from)
			for i := 2 * copyStep; i < length; i += copyStep {
				*(*[copyStep]byte)(dst[n+i:]) = *(*[copyStep]byte)(dst[from+i:])
			}
		}
		n += length
	}
	nb &= 63
	c.n, c.m = n, m
	c.hold, c.nb = hold&(1<<nb-1), nb
}

// copyTwice copies two steps from dst[from:] to dst[n:], one after the other.
func copyTwice(dst []byte, n, from int) {
	if n < 0 || n > len(dst)-2*copyStep || from < 0 || from > len(dst)-2*copyStep {
		panic("BUG: match outside of dst") // so that the compiler need not check
	}
	*(*[copyStep]byte)(dst[n : n+copyStep]) = *(*[copyStep]byte)(dst[from : from+copyStep])
	*(*[copyStep]byte)(dst[n+copyStep : n+2*copyStep]) = *(*[copyStep]byte)(dst[from+copyStep : from+2*copyStep])
}

// repeat writes to dst[n:n+length] the dist bytes before it, fewer than copyStep,
// again and again. There is room for copyStep bytes more.
//
// It is not inlined because that would take registers from all of fast.
//
//go:noinline
func repeat(dst []byte, n, dist, length int) {
	end := n + length
	step := dist
	if dist < 8 {
		// Eight bytes one by one; from then on the distance may be any multiple.
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
