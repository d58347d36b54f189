package flate

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// endOfStream is an empty final block, without which a reader of files would
// wait for more.
const endOfStream = "\x01\x00\x00\xff\xff"

var levels = []Level{Fastest, Balanced, Smallest}

// requireInflates checks, with three decoders, that what was flushed means text,
// in the window of the Compressor.
func requireInflates(t testing.TB, windowBits int, text, deflated []byte) {
	t.Helper()
	require.True(t, bytes.HasSuffix(deflated, []byte(Tail)), "what is flushed ends with Tail")

	r := stdflate.NewReader(io.MultiReader(bytes.NewReader(deflated), strings.NewReader(endOfStream)))
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(text, got), "compress/flate reads another text")

	d := NewDecompressor(windowBits)
	defer d.Release()
	dst := make([]byte, len(text)+1)
	n, _, err := d.Inflate(dst, deflated)
	require.NoError(t, err)
	require.NoError(t, d.EndMessage())
	require.True(t, bytes.Equal(text, dst[:n]), "our Decompressor reads another text")

	if len(text) > 1<<14 {
		return // the slow one is slow
	}
	slow := slowInflate(deflated)
	require.NoError(t, slow.err)
	require.True(t, bytes.Equal(text, slow.out), "the slow reader reads another text")
	require.LessOrEqual(t, slow.far, 1<<windowBits, "no distance goes beyond the window")
}

// shapes are texts that try the search for matches in a window, the same at
// every run.
func shapes(windowBits int) map[string][]byte {
	rnd := rand.New(rand.NewPCG(uint64(windowBits), 1951))
	noise := make([]byte, 3<<windowBits)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	all := map[string][]byte{
		"nothing":  nil,
		"a byte":   []byte("x"),
		"noise":    noise[:min(len(noise), 20000)],
		"zeros":    make([]byte, 3000),
		"3 values": nil,
		"max run":  bytes.Repeat([]byte("x"), 1+maxMatch),
		"2 bytes":  bytes.Repeat([]byte("ab"), 700),
	}
	for range 5000 {
		all["3 values"] = append(all["3 values"], byte(rnd.IntN(3)))
	}
	for _, d := range []int{-1, 0, 1} {
		period := 1<<windowBits + d
		all[fmt.Sprint("period of the window, and ", d)] = bytes.Repeat(noise[:period], 2)[:period+min(period, 600)]
	}
	for _, c := range corpora {
		all[c.name] = c.messages(1, 6000)[0]
	}
	return all
}

// forAll runs a test for each level and window.
func forAll(t *testing.T, test func(t *testing.T, level Level, windowBits int)) {
	for _, level := range levels {
		for bits := minWindowBits; bits <= maxWindowBits; bits++ {
			t.Run(fmt.Sprintf("%v/%d", level, bits), func(t *testing.T) { test(t, level, bits) })
		}
	}
}

func TestExamplesOfRFC7692(t *testing.T) {
	c := NewCompressor(Fastest, 15)
	defer c.Release()
	// Section 7.2.3.1.
	require.Equal(t, "\xf2\x48\xcd\xc9\xc9\x07\x00"+Tail, string(c.Append(nil, []byte("Hello"), true)))
	// Section 7.2.3.2 has f2 00 11 00 00, an H and a match of four bytes. Ours is
	// one match of five, in a byte less.
	require.Equal(t, "\x02\x13\x00\x00"+Tail, string(c.Append(nil, []byte("Hello"), true)))
	// Section 7.2.3.6: an empty message is the one byte 00, once Tail is removed.
	require.Equal(t, "\x00"+Tail, string(c.Append(nil, nil, true)))
}

func TestEachMessageAfterReset(t *testing.T) {
	forAll(t, func(t *testing.T, level Level, bits int) {
		c := NewCompressor(level, bits)
		defer c.Release()
		for name, text := range shapes(bits) {
			c.Reset()
			t.Run(name, func(t *testing.T) { requireInflates(t, bits, text, c.Append(nil, text, true)) })
		}
	})
}

func TestMessagesInOneContext(t *testing.T) {
	forAll(t, func(t *testing.T, level Level, bits int) {
		c := NewCompressor(level, bits)
		defer c.Release()
		var text, deflated []byte
		for range 2 {
			for _, name := range []string{"chat", "noise", "nothing", "json", "a byte", "2 bytes", "json", "period of the window, and 0"} {
				p := shapes(bits)[name]
				text = append(text, p...)
				deflated = c.Append(deflated, p, true)
			}
		}
		requireInflates(t, bits, text, deflated)
	})
}

// However a message is cut, it is complete after the flush, and what Append
// returned before is the beginning of it.
func TestPiecesOfAMessage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	forAll(t, func(t *testing.T, level Level, bits int) {
		c := NewCompressor(level, bits)
		defer c.Release()
		text := corpora[3].messages(1, 150_000)[0]
		for _, limit := range []int{1000, stageSize + 1, 4 * stageSize} {
			c.Reset()
			deflated := []byte("before")
			for rest := text; len(rest) > 0; {
				n := min(len(rest), rnd.IntN(limit))
				deflated = c.Append(deflated, rest[:n], false)
				rest = rest[n:]
			}
			deflated = c.Append(deflated, nil, true)
			require.Equal(t, "before", string(deflated[:6]), "Append appends")
			requireInflates(t, bits, text, deflated[6:])
			require.Nil(t, c.staged, "borrowed memory after a flush")
		}
	})
}

// A byte at a time, with a flush here and there.
func TestBytesOfAMessage(t *testing.T) {
	c := NewCompressor(Fastest, 9)
	defer c.Release()
	text := corpora[0].messages(1, 5000)[0]
	var deflated []byte
	for i := range text {
		deflated = c.Append(deflated, text[i:i+1], i%700 == 699 || i == len(text)-1)
	}
	requireInflates(t, 9, text, deflated)
}

func TestLargeSources(t *testing.T) {
	for _, level := range levels {
		for _, bits := range []int{8, 12, 15} {
			c := NewCompressor(level, bits)
			text := bytes.Join(corpora[1].messages(3, 90_001), nil)
			deflated := c.Append(nil, text[:100], true) // some history before
			deflated = c.Append(deflated, text[100:], true)
			requireInflates(t, bits, text, deflated)
			c.Release()
		}
	}
}

func TestFlushOfNothing(t *testing.T) {
	c := NewCompressor(Fastest, 15)
	defer c.Release()
	for range 3 {
		require.Equal(t, "\x00"+Tail, string(c.Append(nil, nil, true)))
		require.Empty(t, c.Append(nil, nil, false))
	}
}

func TestAppendKeepsNothingOfSrc(t *testing.T) {
	forAll(t, func(t *testing.T, level Level, bits int) {
		c := NewCompressor(level, bits)
		defer c.Release()
		var text, deflated []byte
		for i, p := range corpora[0].messages(10, 700) {
			text = append(text, p...)
			deflated = c.Append(deflated, p, i%3 == 2)
			clear(p)
		}
		requireInflates(t, bits, text, c.Append(deflated, nil, true))
	})
}

// What cannot be made smaller becomes stored blocks: 5 bytes for each 65,535,
// and 5 for the flush.
func TestNoiseHardlyGrows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	for _, level := range levels {
		for _, n := range []int{1, 10, 125, 1000, maxBlock, maxBlock + 1, len(noise)} {
			c := NewCompressor(level, 15)
			deflated := c.Append(nil, noise[:n], true)
			blocks := (n + maxBlock - 1) / maxBlock
			require.LessOrEqual(t, len(deflated), n+5*blocks+5, "%v, %d bytes", level, n)
			requireInflates(t, 15, noise[:n], deflated)
			c.Release()
		}
	}
}

// The cheapest kind of block is chosen.
func TestKindsOfBlocks(t *testing.T) {
	noise := shapes(12)["noise"]
	for _, tt := range []struct {
		name string
		text []byte
		want int
	}{
		{"a few letters", []byte("Hello"), blockFixed},
		{"a long run", make([]byte, 1000), blockFixed},
		{"a kilobyte of JSON", corpora[3].messages(1, 1024)[0], blockDynamic},
		{"64 KiB of JSON", corpora[3].messages(1, 1<<16-1)[0], blockDynamic},
		{"noise", noise, blockStored},
	} {
		for _, level := range levels {
			c := NewCompressor(level, 15)
			slow := slowInflate(c.Append(nil, tt.text, true))
			require.NoError(t, slow.err)
			require.Equal(t, []int{tt.want, blockStored}, slow.kinds, "%s, %v", tt.name, level)
			c.Release()
		}
	}
}

func TestArgumentsOfNewCompressor(t *testing.T) {
	for _, bits := range []int{-1, 0, 7, 16} {
		require.PanicsWithValue(t, fmt.Sprintf("BUG: flate: window of %d bits; want 8 to 15", bits),
			func() { NewCompressor(Fastest, bits) })
	}
	for _, level := range []Level{-1, Smallest + 1} {
		require.PanicsWithValue(t, fmt.Sprintf("BUG: flate: no such level: Level(%d)", level),
			func() { NewCompressor(level, 15) })
	}
	c := NewCompressor(Default, 15)
	require.Equal(t, Fastest, c.level)
}

func TestNamesOfLevels(t *testing.T) {
	for level, want := range map[Level]string{
		Default: "default", Fastest: "fastest", Balanced: "balanced", Smallest: "smallest", 9: "Level(9)",
	} {
		require.Equal(t, want, level.String())
	}
}
