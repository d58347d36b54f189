package flate

import (
	"encoding/binary"
	"math/bits"
)

// slack is how many bytes can be read behind those that are searched, so that
// eight can be loaded at each of them, and as many as a literalStep copied.
const slack = literalStep

// Both limits are given because that is compiled to less than b[i:].

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }
func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i : i+4]) }

func store64(b []byte, i int, v uint64) { binary.LittleEndian.PutUint64(b[i:i+8], v) }

// common returns how many of the bytes of buf[i:end] are those at from, which
// lies before.
func common(buf []byte, i, from, end int) int {
	start := i
	for ; i < end; i, from = i+8, from+8 {
		if x := load64(buf, i) ^ load64(buf, from); x != 0 {
			i += bits.TrailingZeros64(x) >> 3
			break
		}
	}
	return min(i, end) - start
}
