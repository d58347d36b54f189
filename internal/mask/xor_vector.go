//go:build !purego && (amd64 || arm64)

package mask

import "encoding/binary"

// minVector is how many bytes are worth a call of xorVector.
const minVector = 128

// xor is XORTo for len(dst) == len(src).
func xor(dst, src []byte, key [4]byte) {
	if n := len(src) &^ (vectorStep - 1); n >= minVector {
		xorVector(&dst[0], &src[0], n, binary.LittleEndian.Uint32(key[:]))
		dst, src = dst[n:], src[n:] // n is a multiple of the key's length
	}
	xorGeneric(dst, src, key)
}
