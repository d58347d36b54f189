package flate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// After Reset the same text gives the same bytes as from a new Compressor,
// whatever came before: history is unreachable, and nothing of it shows.
func TestResetLeavesNoTrace(t *testing.T) {
	forAll(t, func(t *testing.T, level Level, bits int) {
		rnd := rand.New(rand.NewPCG(uint64(bits), uint64(level)))
		c := NewCompressor(level, bits)
		defer c.Release()
		var all [][]byte
		for _, corpus := range corpora {
			all = append(all, corpus.messages(4, 1000)...)
			all = append(all, corpus.messages(1, 40_000)...)
			all = append(all, corpus.messages(1, 90_000)...)
		}
		for range 60 {
			c.Append(nil, all[rnd.IntN(len(all))], rnd.IntN(4) > 0)
			if rnd.IntN(3) > 0 {
				continue
			}
			c.Reset()
			text := all[rnd.IntN(len(all))]
			cut := rnd.IntN(len(text))
			got := c.Append(c.Append(nil, text[:cut], true), text[cut:], true)
			require.Equal(t, unused(level, bits).pair(text, cut), got)
		}
	})
}

// unused returns a Compressor whose memory has never been used.
func unused(level Level, bits int) *Compressor {
	c := &Compressor{level: level, bits: uint8(bits)}
	c.matcher.init(level, bits)
	return c
}

func (c *Compressor) pair(text []byte, cut int) []byte {
	return c.Append(c.Append(nil, text[:cut], true), text[cut:], true)
}

// Positions wrap around every 64 KiB. A Reset just before, at and after it, and
// texts that are just long enough to meet entries of 64 KiB ago, give what an
// unused Compressor gives.
func TestResetNearTheWrap(t *testing.T) {
	for _, level := range levels {
		for _, bits := range []int{8, 12, 15} {
			text := corpora[0].messages(1, 80_000)[0]
			want := unused(level, bits).pair(text, 30_000)
			for _, before := range []int{1, 2, maxAge/2 - 1, maxAge / 2, maxAge/2 + 1, 1<<16 - 40_000, 1<<16 - 1, 1 << 16, 1<<16 + 1, 3 << 16} {
				c := unused(level, bits)
				c.Append(nil, corpora[0].messages(1, before)[0], true)
				c.Reset()
				require.Equal(t, want, c.pair(text, 30_000), "%v, %d bits, %d bytes before", level, bits, before)
			}
		}
	}
}

// Short messages with a Reset after each, past the wrap many times, in memory
// that goes from one Compressor to the next.
func TestManyMessagesWithoutTakeover(t *testing.T) {
	for _, level := range levels {
		messages := corpora[1].messages(50, 300)
		want := make([][]byte, len(messages))
		for i, p := range messages {
			want[i] = unused(level, 10).Append(nil, p, true)
			requireInflates(t, 10, p, want[i])
		}
		for i := range 2000 { // 600 KB
			c := NewCompressor(level, 10)
			require.Equal(t, want[i%50], c.Append(nil, messages[i%50], true))
			c.Release()
		}
	}
}

// A long life in one context: half a megabyte through each window.
func TestLongStream(t *testing.T) {
	forAll(t, func(t *testing.T, level Level, bits int) {
		c := NewCompressor(level, bits)
		defer c.Release()
		var text, deflated []byte
		for i, p := range corpora[2].messages(150, 3500) {
			p = p[:3500-17*i]
			text = append(text, p...)
			deflated = c.Append(deflated, p, true)
		}
		requireInflates(t, bits, text, deflated)
	})
}

// Reset in the middle of a message drops what was not flushed, also the bits of
// a byte that was not full.
func TestResetDropsAnUnfinishedMessage(t *testing.T) {
	text := corpora[0].messages(1, 100_000)[0]
	for _, n := range []int{1, 100, stageSize, stageSize + 1, 100_000} {
		c := unused(Fastest, 12)
		c.Append(nil, text[:n], false)
		c.Reset()
		require.Nil(t, c.staged)
		require.Equal(t, "\xf2\x48\xcd\xc9\xc9\x07\x00"+Tail, string(c.Append(nil, []byte("Hello"), true)), "%d bytes before", n)
	}
}

// purge keeps the positions since Reset and nothing else.
func TestPurge(t *testing.T) {
	m := &matcher{pos: 1000, since: 100, age: 65_000, stale: true}
	m.heads = []uint16{999, 900, 899, 898, 0, 1000, 1001, 65_535}
	m.purge(m.heads)
	require.Equal(t, []uint16{999, 900, 899, 899, 899, 899, 899, 899}, m.heads)
}
