// Package mask applies the masking transform of RFC 6455, section 5.3: byte i
// of the result is byte i of the source XORed with byte i modulo 4 of the key.
//
// It knows nothing of frames. A processor with wide registers has a loop of its own
// for long payloads, which lies behind the function vector; the portable one is
// always compiled and tested, and does the rest.
package mask

// XOR masks p in place. Masking twice with one key gives p back.
func XOR(p []byte, key [4]byte) {
	p = p[vector(p, p, key):]
	xorGeneric(p, p, key)
}

// XORTo writes the masked src to the first len(src) bytes of dst.
//
// The two are the same memory or do not overlap. dst must have room for src:
// anything else is a mistake of the caller, and XORTo panics before it writes.
func XORTo(dst, src []byte, key [4]byte) {
	if len(dst) < len(src) {
		panic("BUG: mask: the destination is shorter than the source")
	}
	n := vector(dst, src, key)
	xorGeneric(dst[n:len(src)], src[n:], key)
}
