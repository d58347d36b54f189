package flate

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// endOfStream is an empty final block, without which a reader of a stream would
// wait for more. RFC 7692, section 7.2.2 knows no such end.
const endOfStream = "\x01\x00\x00\xff\xff"

// levels are all of them, by name.
var levels = []Level{Fastest, Balanced, Smallest}

// inflateAll decompresses what one or more flushes gave.
func inflateAll(t testing.TB, deflated []byte) []byte {
	t.Helper()
	r := stdflate.NewReader(io.MultiReader(bytes.NewReader(deflated), bytes.NewReader([]byte(endOfStream))))
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	return got
}

func TestARepeatedHello(t *testing.T) {
	// RFC 7692, section 7.2.3.2: with context takeover the second is shorter.
	c := NewCompressor(Fastest, 15)
	defer c.Release()
	first := c.Append(nil, []byte("Hello"), true)
	require.Equal(t, "\xf2\x48\xcd\xc9\xc9\x07\x00"+Tail, string(first))
	second := c.Append(nil, []byte("Hello"), true)
	// The example is "\xf2\x00\x11\x00\x00", an H and a match of four bytes; ours
	// is one match of five.
	require.Equal(t, "\x02\x13\x00\x00"+Tail, string(second))
}

func TestRoundTripQuick(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, level := range levels {
		for bits := 8; bits <= 15; bits++ {
			t.Run(fmt.Sprint(level, bits), func(t *testing.T) {
				c := NewCompressor(level, bits)
				defer c.Release()
				for range 30 {
					c.Reset()
					var plain, deflated []byte
					for range 1 + rnd.IntN(10) {
						n := rnd.IntN(1 << rnd.IntN(18))
						p := make([]byte, n)
						switch rnd.IntN(3) {
						case 0:
							for i := range p {
								p[i] = byte(rnd.Uint32())
							}
						case 1:
							for i := range p {
								p[i] = byte(rnd.Uint32() % 3)
							}
						case 2:
							period := 1 + rnd.IntN(1<<bits+10)
							for i := range p {
								if i < period {
									p[i] = byte(rnd.Uint32())
								} else {
									p[i] = p[i-period]
								}
							}
						}
						plain = append(plain, p...)
						deflated = c.Append(deflated, p, rnd.IntN(2) == 0)
					}
					deflated = c.Append(deflated, nil, true)
					require.True(t, bytes.Equal(plain, inflateAll(t, deflated)))
				}
			})
		}
	}
}
