// Package mask applies the masking transform of RFC 6455, section 5.3: byte i
// of the result is byte i of the source XORed with byte i modulo 4 of the key.
//
// It knows nothing of frames. A processor with wide registers has a loop of its own
// for long payloads, which lies behind the function vector; the portable one is
// always compiled and tested, and does the rest.
package mask

import "encoding/binary"

// XOR masks p in place. Masking twice with one key gives p back.
func XOR(p []byte, key [4]byte) { xor(p, p, wordOf(key)) }

// XORTo writes the masked src to the first len(src) bytes of dst.
//
// The two are the same memory or do not overlap. dst must have room for src:
// anything else is a mistake of the caller, and XORTo panics before it writes.
func XORTo(dst, src []byte, key [4]byte) {
	if len(dst) < len(src) {
		panic("BUG: mask: the destination is shorter than the source")
	}
	xor(dst[:len(src)], src, wordOf(key))
}

// xor is XORTo for len(dst) == len(src).
func xor(dst, src []byte, key uint32) {
	if len(src) < minVector {
		xorGeneric(dst, src, key)
	} else {
		xorLong(dst, src, key)
	}
}

// wordOf returns a key as it lies in memory.
func wordOf(key [4]byte) uint32 { return binary.LittleEndian.Uint32(key[:]) }
