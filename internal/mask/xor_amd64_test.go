//go:build !purego

package mask

// A processor without AVX2 has SSE2.
func init() {
	loops = append(loops, struct {
		name string
		xor  func(dst, src []byte, key [4]byte)
	}{"SSE2", func(dst, src []byte, key [4]byte) {
		defer func(chosen bool) { avx2 = chosen }(avx2)
		avx2 = false
		XORTo(dst, src, key)
	}})
}
