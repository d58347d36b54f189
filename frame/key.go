package frame

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/parleyws/websocket/internal/mask"
)

// Key is a masking key: byte i of a payload is XORed with byte i modulo 4 of
// the key. RFC 6455, section 5.3. Every value is legal, zero too.
type Key [4]byte

// NewKey returns a fresh key. A client needs one for every frame. It neither
// allocates nor locks, and may be called from any goroutine.
//
// RFC 6455, section 5.3: "the masking key MUST be derived from a strong source
// of entropy, and the masking key for a given frame MUST NOT make it simple for
// a server/proxy to predict the masking key for a subsequent frame."
//
// The key is half of one output of the generator behind the top-level functions
// of math/rand/v2, which is that of the Go runtime: ChaCha8, a stream cipher
// whose output nobody without its key can tell from random bytes, let alone
// continue. Every thread has a state of its own, hence no lock. The 256-bit seed
// of a state comes from one more ChaCha8 generator, which is rekeyed after each
// seed it hands out and was itself seeded, as the process started, by the
// entropy source of the operating system. A state replaces its key by its own
// output after every 16 blocks. No call seeds these functions, so no other part
// of a program can make the keys repeat.
//
// Two limits. math/rand/v2 promises no particular generator, and therefore warns
// against use for security: what is relied upon here is the implementation, in
// every Go release since 1.22. And should the operating system give no entropy,
// the runtime seeds itself from the clock rather than not start.
func NewKey() Key {
	var k Key
	binary.NativeEndian.PutUint32(k[:], rand.Uint32())
	return k
}

// XOR masks p in place, or unmasks it, which is the same. It returns the key
// turned for the byte that follows p, so that a payload may be done in pieces:
//
//	key = key.XOR(first)
//	key = key.XOR(second)
func (k Key) XOR(p []byte) Key {
	mask.XOR(p, k)
	return k.turn(len(p))
}

// XORTo masks src while it copies it to the first len(src) bytes of dst. It
// returns the key turned for the byte that follows src, as XOR does.
//
// dst and src must be the same memory or not overlap. A dst that is shorter
// than src is a mistake in the program: XORTo panics.
func (k Key) XORTo(dst, src []byte) Key {
	mask.XORTo(dst, src, k)
	return k.turn(len(src))
}

// turn returns the key for a byte that is n bytes further on.
func (k Key) turn(n int) Key {
	word := binary.LittleEndian.Uint32(k[:])
	binary.LittleEndian.PutUint32(k[:], bits.RotateLeft32(word, -8*(n%4)))
	return k
}
