package flate

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func addInflateSeeds(f *testing.F, add func([]byte)) {
	for _, src := range hostileStreams(f) {
		add(src)
	}
	for _, example := range []string{
		"f2 48 cd c9 c9 07 00 00 00 ff ff",
		"f3 48 cd c9 c9 07 00 00 00 00 ff ff",
		"f2 48 05 00 00 00 ff ff ca c9 c9 07 00 00 00 ff ff",
		"00 05 00 fa ff 48 65 6c 6c 6f 00 00 00 ff ff",
	} {
		add(unhex(f, example))
	}
	add(unhex(f, "24 30 00 20")) // a code length code of one symbol
	add(new(script).block(blockFixed).fixedSymbol('a').fixedMatch(258, 1).fixedMatch(10, 32768).bytes)
}

// FuzzInflate compares with compress/flate: the same text, the same verdict.
func FuzzInflate(f *testing.F) {
	addInflateSeeds(f, func(src []byte) { f.Add(src) })
	f.Fuzz(func(t *testing.T, src []byte) { requireLikeStd(t, src, 1<<17) })
}

// FuzzInflateChunks: where input and output are cut changes neither text nor
// verdict, whatever the window.
func FuzzInflateChunks(f *testing.F) {
	addInflateSeeds(f, func(src []byte) { f.Add(src, uint64(len(src)), byte(len(src))) })
	f.Fuzz(func(t *testing.T, src []byte, seed uint64, bits byte) {
		rng := rand.New(rand.NewPCG(seed, 1))
		d := NewDecompressor(minWindowBits + int(bits)%(maxWindowBits-minWindowBits+1))
		defer d.Release()
		dst := make([]byte, 1<<16)
		n, _, err := d.Inflate(dst, src)
		if err == ErrShortDst {
			return // a bomb
		}
		d.Reset()
		size := 2 + rng.IntN(300)
		text, errCut := inflateCut(t, d, src, func() int { return rng.IntN(size) }, func() int { return rng.IntN(size) })
		require.True(t, bytes.Equal(dst[:n], text))
		var a, b *CorruptError
		require.Equal(t, errors.As(err, &a), errors.As(errCut, &b), "%v, cut: %v", err, errCut)
		require.Equal(t, a, b)
	})
}
