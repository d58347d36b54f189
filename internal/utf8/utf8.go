// Package utf8 validates UTF-8 that arrives in pieces, and finds the first
// byte that makes it invalid as soon as that byte is there.
//
// RFC 6455, section 8.1, wants text that is not UTF-8 to fail the connection.
// The standard library's unicode/utf8 judges a whole string; here the text may
// be cut anywhere, also inside a code point.
package utf8

import "encoding/binary"

// block is how many bytes Write looks at before it asks whether all went well.
const block = 32

// A Validator judges one text, given piece by piece to Write. The zero value is
// ready for the first piece.
//
// A Validator is 8 bytes and may be copied: the copy goes on from the same
// place. It is not safe for concurrent use.
type Validator struct {
	state uint64
}

// Write takes the next piece of the text.
//
// While the text so far is valid, or the beginning of something valid, Write
// returns len(p) and true. Otherwise ok is false and p[n] is the earliest byte
// that no valid text can have in this place; it may belong to a code point that
// began in an earlier piece. From then on every Write returns 0 and false,
// until Reset.
func (v *Validator) Write(p []byte) (n int, ok bool) {
	state := v.state
	// The rest of a code point that began in an earlier piece.
	for n < len(p) && state != accept && state != reject {
		if state = step(state, p[n]) & stateMask; state == reject {
			v.state = reject
			return n, false
		}
		n++
	}
	for len(p)-n >= block {
		// Fast paths: vectors see more than a byte at a time, and ASCII between
		// two code points changes nothing.
		if state == accept {
			n += vectorBlocks(p[n:])
			if n += asciiBlocks(p[n:]); len(p)-n < block {
				break
			}
		}
		next := state
		for _, b := range (*[block]byte)(p[n:]) {
			next = step(next, b)
		}
		if next &= stateMask; next == reject {
			break // the loop below finds the byte
		}
		state = next
		n += block
	}
	if rest := p[n:]; state == accept && len(rest) <= block && isASCII(rest) {
		n = len(p)
	}
	for n < len(p) {
		if state == accept && len(p) >= 8 {
			// ASCII is taken a word at a time, the last of which may begin before n.
			at := min(n, len(p)-8)
			if binary.NativeEndian.Uint64(p[at:])&highBits == 0 {
				n = at + 8
				continue
			}
		}
		if state = step(state, p[n]) & stateMask; state == reject {
			break
		}
		n++
	}
	v.state = state
	return n, state != reject
}

// Complete reports whether the text so far is valid and ends on a code point
// boundary.
func (v *Validator) Complete() bool { return v.state == accept }

// Reset makes v ready for another text.
func (v *Validator) Reset() { v.state = accept }

// Valid reports whether p is valid UTF-8 as a whole.
func Valid(p []byte) bool {
	var v Validator
	_, ok := v.Write(p)
	return ok && v.Complete()
}

// highBits are those that a word of ASCII has not.
const highBits = 0x8080808080808080

// asciiBlocks returns the length of the ASCII at the front of p, in whole
// blocks.
func asciiBlocks(p []byte) int {
	rest := p[:len(p):len(p)]
	for len(rest) > block { // not >=, so that rest never points past its end
		word := binary.NativeEndian.Uint64(rest[0:8]) |
			binary.NativeEndian.Uint64(rest[8:16]) |
			binary.NativeEndian.Uint64(rest[16:24]) |
			binary.NativeEndian.Uint64(rest[24:32])
		if word&highBits != 0 {
			break
		}
		rest = rest[block:]
	}
	return len(p) - len(rest)
}

// isASCII reports whether p is ASCII. It has at most a block: four words, which may
// overlap. Like vectorBlocks, it must not have the stack grow.
//
//go:nosplit
func isASCII(p []byte) bool {
	var word uint64
	switch n := len(p); {
	case n >= 16:
		word = binary.NativeEndian.Uint64(p) |
			binary.NativeEndian.Uint64(p[8:]) |
			binary.NativeEndian.Uint64(p[n-16:]) |
			binary.NativeEndian.Uint64(p[n-8:])
	case n >= 8:
		word = binary.NativeEndian.Uint64(p) | binary.NativeEndian.Uint64(p[n-8:])
	default:
		for _, b := range p {
			word |= uint64(b)
		}
	}
	return word&highBits == 0
}
