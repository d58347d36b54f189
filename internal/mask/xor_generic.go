//go:build purego || !(amd64 || arm64)

package mask

// vector leaves all to the generic loop.
func vector(dst, src []byte, key [4]byte) int { return 0 }
