package vectors

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

func TestVectorsWhole(t *testing.T) {
	for _, v := range Load(t, "*") {
		t.Run(v.String(), func(t *testing.T) {
			require.Equal(t, v.outcome(), reference(v.Role, v.Max, v.Wire), v.Source)
		})
	}
}

// outcome is what v expects.
func (v Vector) outcome() outcome {
	return outcome{messages: v.Messages, pongs: v.Pongs, end: v.End, code: v.Code, reason: v.Reason}
}

// TestVectorsPrefixes reads every beginning of every vector: nothing may come of
// it that is not to come of the whole, and a failure may come neither late nor
// for no reason.
func TestVectorsPrefixes(t *testing.T) {
	for _, v := range Load(t, "*") {
		t.Run(v.String(), func(t *testing.T) {
			for _, n := range prefixes(v) {
				checkPrefix(t, v, n)
			}
		})
	}
}

func checkPrefix(t *testing.T, v Vector, n int) {
	t.Helper()
	got := reference(v.Role, v.Max, v.Wire[:n])
	require.LessOrEqual(t, len(got.messages), len(v.Messages), "%s, %d bytes", v.Source, n)
	require.LessOrEqual(t, len(got.pongs), len(v.Pongs), "%s, %d bytes", v.Source, n)
	for i, m := range got.messages {
		require.Equal(t, v.Messages[i], m, "%s, %d bytes", v.Source, n)
	}
	for i, p := range got.pongs {
		require.Equal(t, v.Pongs[i], p, "%s, %d bytes", v.Source, n)
	}
	switch got.end {
	case Failed:
		require.Equal(t, Failed, v.End, "%s: fails with %d bytes", v.Source, n)
		require.Equal(t, v.Code, got.code, "%s: fails with %d bytes", v.Source, n)
	case Closed:
		require.Equal(t, Closed, v.End, "%s: closed with %d bytes", v.Source, n)
	}
	if n >= v.FailAt && v.End == Failed {
		require.Equal(t, Failed, got.end, "%s: has %d bytes and is to fail with %d", v.Source, n, v.FailAt)
	}
	if n < v.FailAt && v.Rule != 17 { // a bad length may show before the end of its header
		require.NotEqual(t, Failed, got.end, "%s: has %d bytes and is to fail with %d", v.Source, n, v.FailAt)
	}
}

// prefixes returns the lengths of the prefixes to read: of long vectors those at
// both ends and some in between.
func prefixes(v Vector) (lengths []int) {
	const long, ends, step = 2000, 40, 9973
	for n := range len(v.Wire) + 1 {
		if len(v.Wire) < long || n < ends || n > len(v.Wire)-ends || n%step == 0 {
			lengths = append(lengths, n)
		}
	}
	return lengths
}

// TestVectorsAreMasked sees to it that a server gets masked frames, unless it is
// the mask that is wrong.
func TestVectorsAreMasked(t *testing.T) {
	for _, v := range Load(t, "*") {
		if len(v.Wire) < 2 || v.Rule == 18 {
			continue
		}
		require.Equal(t, v.Role == frame.Server, v.Wire[1]&0x80 != 0, "%s: %s", v.Source, v)
	}
}

func TestEveryCodeHasAVector(t *testing.T) {
	var codes []frame.StatusCode
	for _, v := range Load(t, "close") {
		if v.Role == frame.Client && len(v.Wire) == 4 && v.Wire[0] == 0x88 {
			codes = append(codes, frame.StatusCode(uint16(v.Wire[2])<<8|uint16(v.Wire[3])))
		}
	}
	for _, code := range []frame.StatusCode{
		0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011,
		1012, 1013, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 65535,
	} {
		require.True(t, slices.Contains(codes, code), "%d", code)
	}
}

// TestVectorsAreDistinct sees to it that a number of vectors is a number of cases.
func TestVectorsAreDistinct(t *testing.T) {
	type read struct {
		role frame.Role
		max  int64
		wire string
	}
	seen := map[read]Vector{}
	for _, v := range Load(t, "*") {
		key := read{v.Role, v.Max, string(v.Wire)}
		first, ok := seen[key]
		require.False(t, ok, "%s: %s has the same bytes as %s: %s", v.Source, v, first.Source, first)
		seen[key] = v
	}
}
