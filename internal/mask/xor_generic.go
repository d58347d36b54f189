//go:build purego || !(amd64 || arm64)

package mask

// xor is XORTo for len(dst) == len(src).
func xor(dst, src []byte, key [4]byte) { xorGeneric(dst, src, key) }
