//go:build !purego

package mask

const vectorStep = 64

// xorVector masks n bytes, a multiple of vectorStep that is not 0, with NEON,
// which every arm64 has: 64 bytes a step in place of 8 for each instruction of the
// Go loop.
//
//go:noescape
func xorVector(dst, src *byte, n int, key uint32)
