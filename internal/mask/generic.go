package mask

import "encoding/binary"

// xorGeneric is XORTo for len(dst) == len(src), in words of 8 bytes: 64 bytes
// a step, so that the loop's own cost vanishes, then 8, then 1.
//
// The words are read in the byte order of the machine. Both halves of the key
// word hold the key as it lies in memory, so the result is the same on all.
func xorGeneric(dst, src []byte, key [4]byte) {
	half := uint64(binary.NativeEndian.Uint32(key[:]))
	word := half<<32 | half
	for len(src) >= 64 && len(dst) >= 64 {
		xorBlock((*[64]byte)(dst), (*[64]byte)(src), word)
		dst, src = dst[64:], src[64:]
	}
	for len(src) >= 8 && len(dst) >= 8 {
		xorWord(dst[:8], src[:8], word)
		dst, src = dst[8:], src[8:]
	}
	for i := range src {
		dst[i] = src[i] ^ key[i%4]
	}
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
	binary.NativeEndian.PutUint64(dst, binary.NativeEndian.Uint64(src)^word)
}
