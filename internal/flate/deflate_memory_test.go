package flate

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing is allocated in the steady state, with context takeover or without.
func TestDeflateNoAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets at random")
	}
	text := corpora[0].messages(1, 4000)[0]
	dst := make([]byte, 0, len(text)+32)
	for _, level := range levels {
		kept, reset := NewCompressor(level, 12), NewCompressor(level, 12)
		for _, tt := range []struct {
			name string
			f    func()
		}{
			{"a message of a new Compressor", func() { c := NewCompressor(level, 15); c.Append(dst, text, true); c.Release() }},
			{"a message after Reset", func() { reset.Reset(); reset.Append(dst, text, true) }},
			{"a message with context takeover", func() { kept.Append(dst, text, true) }},
			{"a message in pieces", func() { kept.Append(dst, text[:99], false); kept.Append(dst, text[99:], true) }},
			{"an empty message", func() { kept.Append(dst, nil, true) }},
		} {
			t.Run(level.String()+"/"+tt.name, func(t *testing.T) {
				require.Zero(t, testing.AllocsPerRun(200, tt.f))
			})
		}
	}
}

// The estimate in the documentation of Append: so much room, and dst stays where
// it is.
func TestRoomForNoise(t *testing.T) {
	noise := shapes(12)["noise"]
	for n := range 3000 {
		c := NewCompressor(Fastest, 12)
		dst := make([]byte, 0, n+32)
		got := c.Append(dst, noise[:n], true)
		require.Same(t, &dst[:1][0], &got[0], "%d bytes", n)
		c.Release()
	}
}

// Between messages a Compressor of the default level holds its history, with
// half the window to spare, and a table of the size of the window.
func TestCompressorIdleMemory(t *testing.T) {
	text := corpora[0].messages(1, 100_000)[0]
	for _, tt := range []struct{ bits, most int }{
		{8, 2560}, {9, 2816}, {10, 3328}, {11, 5376}, {12, 10 << 10}, {13, 20 << 10}, {14, 40 << 10}, {15, 80 << 10},
	} {
		c := unused(Fastest, tt.bits)
		require.Zero(t, c.held(), "before the first byte")
		c.Append(nil, text, true)
		require.LessOrEqual(t, c.held(), tt.most, "%d bits", tt.bits)
		require.Nil(t, c.staged)
	}
}

// held returns how many bytes of memory c holds.
func (c *Compressor) held() int {
	return cap(c.matcher.buf) + 2*cap(c.matcher.heads) + 2*cap(c.matcher.prev)
}

// With a window of 12 bits the share of a Compressor in the 16 KiB of both
// directions is at most 11.
func TestCompressorIdleMemoryMeasured(t *testing.T) {
	const count = 500
	text := corpora[0].messages(1, 10_000)[0]
	list := make([]*Compressor, count)
	dst := make([]byte, 0, len(text))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // twice, for the pools
	runtime.ReadMemStats(&before)
	for i := range list {
		list[i] = unused(Default, 12)
		list[i].Append(dst, text, true)
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int(after.HeapAlloc) - int(before.HeapAlloc)) / count
	t.Logf("%d bytes each", each)
	require.Less(t, each, 11<<10)
	runtime.KeepAlive(list)
}
