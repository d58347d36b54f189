// Package mask applies the masking transform of RFC 6455, section 5.3: byte i
// of the result is byte i of the source XORed with byte i modulo 4 of the key.
//
// It knows nothing of frames. Its one loop lies behind the function xor, so
// that a processor with wide registers can have a loop of its own; the portable
// one is always compiled and tested.
package mask

// XOR masks p in place. Masking twice with one key gives p back.
func XOR(p []byte, key [4]byte) { xor(p, p, key) }

// XORTo writes the masked src to the first len(src) bytes of dst.
//
// The two are the same memory or do not overlap. dst must have room for src:
// anything else is a mistake of the caller, and XORTo panics before it writes.
func XORTo(dst, src []byte, key [4]byte) {
	if len(dst) < len(src) {
		panic("BUG: mask: the destination is shorter than the source")
	}
	xor(dst[:len(src)], src, key)
}
