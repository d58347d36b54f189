package mask

import (
	"encoding/binary"
	"math/bits"
)

// xorGeneric is xor in words of 8 bytes: eight a step while there are as many, then
// one a step, then one that ends where the bytes end and overlaps the word before.
func xorGeneric(dst, src []byte, key uint32) {
	if len(src) < 8 {
		for i, b := range src {
			dst[i] = b ^ byte(key>>(8*(i%4)))
		}
		return
	}
	word := uint64(key)<<32 | uint64(key)

	// The last word is read now: dst may be src, and then some of it is masked
	// by the time it is written.
	last := binary.LittleEndian.Uint64(src[len(src)-8:])
	last ^= bits.RotateLeft64(word, -8*(len(src)%4))
	lastDst := dst[len(dst)-8:]

	for len(src) >= 64 && len(dst) >= 64 {
		xorBlock((*[64]byte)(dst), (*[64]byte)(src), word)
		dst, src = dst[64:], src[64:]
	}
	for len(src) > 8 && len(dst) > 8 {
		xorWord(dst[:8], src[:8], word)
		dst, src = dst[8:], src[8:]
	}
	binary.LittleEndian.PutUint64(lastDst, last)
}

// xorBlock works on array pointers: their constant indices need no bounds
// checks.
func xorBlock(dst, src *[64]byte, word uint64) {
	xorWord(dst[0:8], src[0:8], word)
	xorWord(dst[8:16], src[8:16], word)
	xorWord(dst[16:24], src[16:24], word)
	xorWord(dst[24:32], src[24:32], word)
	xorWord(dst[32:40], src[32:40], word)
	xorWord(dst[40:48], src[40:48], word)
	xorWord(dst[48:56], src[48:56], word)
	xorWord(dst[56:64], src[56:64], word)
}

func xorWord(dst, src []byte, word uint64) {
	binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^word)
}
