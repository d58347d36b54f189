//go:build !purego && (amd64 || arm64)

package mask

import "encoding/binary"

// minVector is how many bytes are worth a call of xorVector.
const minVector = 128

// vector masks what it can of src faster than the generic loop, and says how many
// bytes, which are a multiple of the key's length. dst has room for src.
//
// A connection that waits has done this on a stack of 2 KiB. One more call would
// have it grow to 4, so this one takes what is kept for those that must not grow it.
//
//go:nosplit
func vector(dst, src []byte, key [4]byte) int {
	n := len(src) &^ (vectorStep - 1)
	if n < minVector {
		return 0
	}
	xorVector(&dst[0], &src[0], n, binary.LittleEndian.Uint32(key[:]))
	return n
}
