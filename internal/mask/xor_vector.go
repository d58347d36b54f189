//go:build !purego && (amd64 || arm64)

package mask

// minVector is how many bytes are worth a call of xorVector.
const minVector = 64

// xorLong is xor for no less than minVector: the vectors first, and then the rest.
func xorLong(dst, src []byte, key uint32) {
	n := len(src) &^ (vectorStep - 1)
	xorVector(&dst[0], &src[0], n, key)
	xorGeneric(dst[n:], src[n:], key)
}
