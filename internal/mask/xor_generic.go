//go:build purego || !(amd64 || arm64)

package mask

import "math"

// minVector leaves all to the generic loop.
const minVector = math.MaxInt

func xorLong(dst, src []byte, key uint32) { xorGeneric(dst, src, key) }
