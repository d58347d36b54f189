package flate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWindowBitsOutOfRange(t *testing.T) {
	for _, bits := range []int{-1, 0, 7, 16, 31} {
		require.Panics(t, func() { NewDecompressor(bits) }, "%d bits", bits)
	}
}

// RFC 7692, section 7.1.2: the peer may refer to what is as far back as its
// window is large, and to nothing before.
func TestDistanceUpToTheWindow(t *testing.T) {
	for bits := minWindowBits; bits <= maxWindowBits; bits++ {
		size := 1 << bits
		text := sampleOf("random", size+100)
		for _, tt := range []struct {
			name   string
			length int
			dist   int
			reason string
		}{
			{"the whole window", 258, size, ""},
			{"the whole window, a short match", 3, size, ""},
			{"one less", 258, size - 1, ""},
			{"one more", 258, size + 1, "beyond the window"},
			{"one more, a short match", 3, size + 1, "beyond the window"},
		} {
			if tt.dist > 1<<maxWindowBits {
				continue // cannot be written
			}
			t.Run(fmt.Sprintf("%d bits/%s", bits, tt.name), func(t *testing.T) {
				// Symbols enough around the match that the quick way is taken too.
				s := new(script)
				for rest := text; len(rest) > 0; rest = rest[min(len(rest), 60000):] {
					s.stored(rest[:min(len(rest), 60000)])
				}
				s.block(blockFixed)
				s.fixedMatch(tt.length, tt.dist)
				for range 50 {
					s.fixedSymbol('x')
				}
				start := len(text) - tt.dist
				want := slices.Clone(text)
				for i := range tt.length {
					want = append(want, want[start+i])
				}
				want = append(want, bytes.Repeat([]byte("x"), 50)...)
				// In one call the match is in dst, in many it is in the history.
				for _, room := range []int{len(want) + 400, 1000, 77, 1} {
					d := NewDecompressor(bits)
					got, err := inflateCut(t, d, s.bytes, func() int { return len(s.bytes) }, func() int { return room })
					if tt.reason == "" {
						require.NoError(t, err, "room of %d", room)
						require.True(t, bytes.Equal(want, got), "room of %d", room)
					} else {
						require.ErrorContains(t, err, tt.reason, "room of %d", room)
						require.True(t, bytes.Equal(text, got), "room of %d", room)
					}
					d.Release()
				}
			})
		}
	}
}

// A match may not refer to what was before Reset.
func TestHistoryBeginsAtReset(t *testing.T) {
	match := new(script).block(blockFixed).fixedMatch(5, 5).fixedSymbol(endOfBlock).bytes
	for _, before := range []int{5, 300, 70_000} {
		d := NewDecompressor(15)
		s := new(script)
		for range before / 5 {
			s.stored([]byte("Hello"))
		}
		_, err := inflate(t, d, s.bytes)
		require.NoError(t, err)
		text, err := inflate(t, d, match)
		require.NoError(t, err)
		require.Equal(t, "Hello", string(text))
		d.Reset()
		_, err = inflate(t, d, match)
		require.ErrorContains(t, err, "beyond the first byte")
		d.Release()

		// The memory is used again; what is in it is not.
		d = NewDecompressor(15)
		_, err = inflate(t, d, match)
		require.ErrorContains(t, err, "beyond the first byte")
		d.Release()
	}
}

// Matches of all kinds against a simple model: every length, near and far,
// overlapping or not, in the output or in the history or in both.
func TestMatchesAgainstAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(32, 5))
	for _, bits := range []int{8, 9, 12, 15} {
		s := new(script).block(blockFixed)
		var want []byte
		for len(want) < 150_000 {
			if len(want) == 0 || rng.IntN(4) == 0 {
				literal := byte(rng.Uint32())
				s.fixedSymbol(int(literal))
				want = append(want, literal)
				continue
			}
			dist := 1 + rng.IntN(min(len(want), 1<<bits))
			if rng.IntN(2) == 0 {
				dist = 1 + rng.IntN(min(len(want), 40))
			}
			length := minMatch + min(int(rng.ExpFloat64()*20), maxMatch-minMatch)
			s.fixedMatch(length, dist)
			for range length {
				want = append(want, want[len(want)-dist])
			}
		}
		s.fixedSymbol(endOfBlock)
		for _, out := range []func() int{
			func() int { return len(want) + 100 },
			func() int { return len(want) },
			func() int { return 1 + rng.IntN(20) },
			func() int { return 1 + rng.IntN(600) },
			func() int { return 1 + rng.IntN(1<<bits) },
			func() int { return 1 + rng.IntN(1<<(bits+1)) },
		} {
			d := NewDecompressor(bits)
			got, err := inflateCut(t, d, s.bytes, func() int { return len(s.bytes) }, out)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got))
			d.Release()
		}
	}
}
