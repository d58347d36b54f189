package flate

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing is allocated in the steady state, with context takeover or without.
func TestInflateNoAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets at random")
	}
	text := sampleOf("chat", 4000)
	first := stdCompress(t, 6, text)
	both := stdCompress(t, 6, text, text[1000:])
	next := both[len(first):]
	dst := make([]byte, len(text))

	inflate := func(d *Decompressor, src []byte) {
		if _, _, err := d.Inflate(dst, src); err != nil {
			t.Error(err)
		}
		if err := d.EndMessage(); err != nil {
			t.Error(err)
		}
	}
	kept := NewDecompressor(12)
	inflate(kept, first)
	reset := NewDecompressor(15)
	for _, tt := range []struct {
		name string
		f    func()
	}{
		{"a message of a new Decompressor", func() { d := NewDecompressor(15); inflate(d, first); d.Release() }},
		{"a message after Reset", func() { reset.Reset(); inflate(reset, first) }},
		{"a message with context takeover", func() { inflate(kept, first) }},
		{"several", func() { reset.Reset(); inflate(reset, first); inflate(reset, next) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(200, tt.f))
		})
	}
}

// Between messages there is the history, a power of two that has room for what
// was seen, and no more than the window.
func TestIdleMemory(t *testing.T) {
	for _, tt := range []struct {
		bits, seen, want int
	}{
		{15, 0, 0}, {15, 1, 256}, {15, 256, 256}, {15, 257, 512}, {15, 3000, 4096}, {15, 40_000, 32768},
		{12, 200, 256}, {12, 4096, 4096}, {12, 100_000, 4096}, {8, 100_000, 256},
	} {
		d := NewDecompressor(tt.bits)
		_, err := inflate(t, d, stdCompressHistory(t, tt.seen))
		require.NoError(t, err)
		require.NoError(t, d.EndMessage())
		got := 0
		if d.history.ring != nil {
			got = len(d.history.ring.b)
		}
		require.Equal(t, tt.want, got, "%d bits, %d bytes seen", tt.bits, tt.seen)
		require.Nil(t, d.tables, "tables between messages")
		d.Reset()
		require.Nil(t, d.history.ring, "history after Reset")
		d.Release()
	}
}

// With a window of 12 bits a Decompressor holds 4 KiB and its own 200 bytes.
func TestIdleMemoryMeasured(t *testing.T) {
	const count = 500
	src := stdCompressHistory(t, 10_000)
	list := make([]*Decompressor, count)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // twice, for the pools
	runtime.ReadMemStats(&before)
	dst := make([]byte, 10_000)
	for i := range list {
		list[i] = NewDecompressor(12)
		_, _, err := list[i].Inflate(dst, src)
		require.NoError(t, err)
		require.NoError(t, list[i].EndMessage())
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int(after.HeapAlloc) - int(before.HeapAlloc)) / count
	t.Logf("%d bytes each", each)
	require.Less(t, each, 4096+512)
	for _, d := range list {
		d.Release()
	}
}

// stdCompressHistory compresses size bytes as stored blocks, which any window
// allows.
func stdCompressHistory(t testing.TB, size int) []byte {
	return stdCompress(t, 0, sampleOf("chat", size))
}
