package frame

import (
	"bytes"
	"math/bits"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The masked "Hello" of RFC 6455, section 5.7.
func TestMaskedHello(t *testing.T) {
	key := Key{0x37, 0xFA, 0x21, 0x3D}
	p := []byte("Hello")
	key.XOR(p)
	require.Equal(t, unhex("7F 9F 4D 51 58"), p)
	key.XOR(p)
	require.Equal(t, "Hello", string(p))
}

func TestKeyTurnsWithTheLength(t *testing.T) {
	key := Key{1, 2, 3, 4}
	for n, want := range []Key{{1, 2, 3, 4}, {2, 3, 4, 1}, {3, 4, 1, 2}, {4, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 1}} {
		require.Equal(t, want, key.XOR(make([]byte, n)), "XOR of %d bytes", n)
		require.Equal(t, want, key.XORTo(make([]byte, n), make([]byte, n)), "XORTo of %d bytes", n)
	}
	require.Equal(t, Key{4, 1, 2, 3}, key.XOR(make([]byte, 1003)))
}

// A payload in three pieces is masked as in one, in place and copied.
func TestKeyAtEverySplit(t *testing.T) {
	key := Key{0xA1, 0xB2, 0xC3, 0xD4}
	src := bytes.Repeat([]byte("0123456789"), 4)
	want := bytes.Clone(src)
	for i := range want {
		want[i] ^= key[i%4]
	}
	for i := 0; i <= len(src); i++ {
		for j := i; j <= len(src); j++ {
			copied := make([]byte, len(src))
			k := key.XORTo(copied, src[:i])
			k = k.XORTo(copied[i:], src[i:j])
			k.XORTo(copied[j:], src[j:])
			require.Equal(t, want, copied, "copied, cut at %d and %d", i, j)

			p := bytes.Clone(src)
			k = key.XOR(p[:i])
			k = k.XOR(p[i:j])
			k.XOR(p[j:])
			require.Equal(t, want, p, "in place, cut at %d and %d", i, j)
		}
	}
}

func TestXORToPanicsOnAShortDst(t *testing.T) {
	require.Panics(t, func() { Key{}.XORTo(make([]byte, 3), make([]byte, 4)) })
}

// RFC 6455, section 5.3: "the client MUST pick a fresh masking key". A source
// that repeats, counts or has a stuck bit is found here; that nobody can predict
// it no test can show.
func TestNewKeyIsFresh(t *testing.T) {
	const n = 1 << 12
	var (
		mu   sync.Mutex
		ones [32]int
		seen = map[Key]int{}
		wg   sync.WaitGroup
	)
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				key := NewKey()
				mu.Lock()
				seen[key]++
				for bit := range ones {
					ones[bit] += int(key[bit/8]>>(bit%8)) & 1
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// 4096 of 2^32 values: chance gives three repeats once in a billion runs.
	require.Greater(t, len(seen), n-3)
	// Half of 4096 plus or minus ten standard deviations of 32.
	for bit, count := range ones {
		require.InDelta(t, n/2, count, 320, "bit %d", bit)
	}
}

func TestNewKeyChangesHalfTheBits(t *testing.T) {
	const n = 1 << 12
	changed, last := 0, NewKey()
	for range n {
		key := NewKey()
		for i := range key {
			changed += bits.OnesCount8(key[i] ^ last[i])
		}
		last = key
	}
	require.InDelta(t, 16*n, changed, 2000, "bits changed from key to key")
}
