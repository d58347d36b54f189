package bufpool

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGetHasRoomInTheSmallestClass(t *testing.T) {
	for _, tt := range []struct{ n, want int }{
		{0, 512}, {1, 512}, {512, 512}, {513, 1024}, {4096, 4096}, {4097, 8192},
		{MaxSize - 1, MaxSize}, {MaxSize, MaxSize}, {MaxSize + 1, MaxSize + 1},
	} {
		b := Get(tt.n)
		require.Len(t, b.B, tt.want, "Get(%d)", tt.n)
		require.Equal(t, tt.want, cap(b.B), "Get(%d)", tt.n)
		b.Release()
	}
}

func TestReleaseRestoresTheWholeBuffer(t *testing.T) {
	for range 100 { // a sync.Pool may drop what it is given, so ask often
		b := Get(1000)
		require.Len(t, b.B, 1024)
		b.B = b.B[:3]
		b.Release()
	}
}

func TestTheLastReferenceReleases(t *testing.T) {
	b := Get(10)
	require.False(t, b.Shared())
	b.Retain()
	require.True(t, b.Shared())
	b.Release()
	require.False(t, b.Shared())
	b.Release()
	require.PanicsWithValue(t, "BUG: buffer released more often than retained", b.Release)
	(*Buffer)(nil).Release()
}

func TestGrowKeepsTheBytes(t *testing.T) {
	b := Get(4)
	b.B = append(b.B[:0], "abcd"...)
	require.Same(t, b, b.Grow(100), "there is room already")
	g := b.Grow(3000)
	require.Equal(t, "abcd", string(g.B))
	require.GreaterOrEqual(t, cap(g.B), 3000)
	g.Release()
}

func TestNoAllocs(t *testing.T) {
	n := testing.AllocsPerRun(1000, func() { Get(4096).Release() })
	require.Zero(t, n)
}
