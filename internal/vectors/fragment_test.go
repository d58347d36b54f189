package vectors

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

func one(int) int { return 1 }

func TestFragment(t *testing.T) {
	for _, tt := range []struct{ name, before, after string }{
		{"a text", `81 03 "abc"`, `01 01 "a" 00 01 "b" 80 01 "c"`},
		{"one byte", `82 01 07`, `82 01 07`},
		{"an empty message", `82 00`, `82 00`},
		{"fragments", `01 02 "ab" 80 02 "cd"`, `01 01 "a" 00 01 "b" 00 01 "c" 80 01 "d"`},
		{"a ping between fragments", `01 02 "ab" 89 02 "??" 80 00`, `01 01 "a" 00 01 "b" 89 02 "??" 80 00`},
		{"what is not whole", `81 02 "ab" 81 03 "cd"`, `01 01 "a" 80 01 "b" 81 03 "cd"`},
		{"what is refused, and behind it", `81 02 "ab" 83 02 "cd" 81 02 "ef"`, `01 01 "a" 80 01 "b" 83 02 "cd" 81 02 "ef"`},
		{"past a limit of 4", `81 04 "abcd" 81 05 "abcde"`, `01 01 "a" 00 01 "b" 00 01 "c" 80 01 "d" 81 05 "abcde"`},
		{"past it in fragments", `01 02 "ab" 80 03 "cde"`, `01 01 "a" 00 01 "b" 80 03 "cde"`},
	} {
		v := Vector{Wire: mustParse(t, tt.before), Max: 4}
		require.Equal(t, mustParse(t, tt.after), v.Fragment(one).Wire, tt.name)
	}
}

func mustParse(t *testing.T, s string) []byte {
	t.Helper()
	b, _, err := parseBytes(s)
	require.NoError(t, err)
	return b
}

func TestFragmentTurnsTheKey(t *testing.T) {
	v := Vector{Role: frame.Server, Wire: mustParse(t, "82 86 01 02 03 04 60 60 60 60 64 64")}
	require.Equal(t, mustParse(t, "02 84 01 02 03 04 60 60 60 60 80 82 01 02 03 04 64 64"),
		v.Fragment(func(left int) int { return min(left, 4) }).Wire)
	require.Equal(t, mustParse(t, "02 83 01 02 03 04 60 60 60 80 83 04 01 02 03 60 64 64"),
		v.Fragment(func(int) int { return 3 }).Wire)
}

func TestFragmentMovesTheMark(t *testing.T) {
	const wire = `82 02 00 00 81 04 "a" ff "bc" 83 00`
	for before, after := range map[int]int{0: 0, 4: 6, 7: 9, 8: 12, 10: 18, 12: 20} {
		v := Vector{Wire: mustParse(t, wire), FailAt: before}
		require.Equal(t, after, v.Fragment(one).FailAt, "%d", before)
	}
}

// TestVectorsInFragments cuts the frames of every vector, at random and to
// single bytes: what comes of them is the same, and a failure is known with the
// same byte.
func TestVectorsInFragments(t *testing.T) {
	const long = 5000 // bytes, too many for a reference that reads from the start
	rnd := rand.New(rand.NewPCG(6455, 54))
	atRandom := func(left int) int { return 1 + rnd.IntN(left) }
	for _, v := range Load(t, "*") {
		t.Run(v.String(), func(t *testing.T) {
			requireSame(t, v, v.Fragment(atRandom))
			if len(v.Wire) < long {
				requireSame(t, v, v.Fragment(one))
			}
		})
	}
}

// TestRunesAreCutAnywhere cuts every message of the files about UTF-8 in two, at
// every byte of it.
func TestRunesAreCutAnywhere(t *testing.T) {
	const long = 300
	for _, v := range append(Load(t, "kuhn"), Load(t, "utf8")...) {
		for n := 1; n < len(v.Wire) && len(v.Wire) < long; n++ {
			requireSame(t, v, v.Fragment(func(left int) int { return min(left, n) }))
		}
	}
}

func requireSame(t *testing.T, v, cut Vector) {
	t.Helper()
	require.Equal(t, v.outcome(), reference(cut.Role, cut.Max, cut.Wire), "%s: %x", v.Source, cut.Wire)
	if v.End != Failed || v.Rule == 17 { // a bad length may show before the end of its header
		return
	}
	require.Equal(t, Failed, reference(cut.Role, cut.Max, cut.Wire[:cut.FailAt]).end, "%s: %x", v.Source, cut.Wire)
	require.NotEqual(t, Failed, reference(cut.Role, cut.Max, cut.Wire[:cut.FailAt-1]).end, "%s: %x", v.Source, cut.Wire)
}
