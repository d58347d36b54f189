package utf8

import "unicode/utf8"

// slow says of a whole text what a Validator says of it in pieces. It asks the
// standard library: FullRune is true of an invalid encoding from the byte on
// that makes it one.
func slow(p []byte) (n int, ok, complete bool) {
	for n < len(p) {
		rest := p[n:]
		if r, size := utf8.DecodeRune(rest); r != utf8.RuneError || size > 1 {
			n += size
			continue
		}
		for i := range rest {
			if utf8.FullRune(rest[:i+1]) {
				return n + i, false, false
			}
		}
		return len(p), true, false // ends inside a code point
	}
	return len(p), true, true
}
