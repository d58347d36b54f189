//go:build !purego

package mask

import "encoding/binary"

// An old processor has no AVX2, and tests what it has as the chosen one.
func init() {
	loops = append(loops, struct {
		name string
		xor  func(dst, src []byte, key [4]byte)
	}{"SSE2", func(dst, src []byte, key [4]byte) {
		if n := len(src) &^ (vectorStep - 1); n > 0 {
			xorSSE2(&dst[0], &src[0], n, binary.LittleEndian.Uint32(key[:]))
			dst, src = dst[n:], src[n:]
		}
		xorGeneric(dst, src, key)
	}})
}
