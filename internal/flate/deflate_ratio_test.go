package flate

import (
	"bytes"
	stdflate "compress/flate"
	"testing"

	"github.com/stretchr/testify/require"
)

// A packer compresses a message, and returns it without Tail. It is how the
// tests and benchmarks see both Compressors.
type packer interface {
	pack(text []byte) []byte
	reset()
}

type ourPacker struct {
	level Level
	bits  int
	*Compressor
	dst []byte
}

func newOurPacker(level Level, bits int) *ourPacker {
	return &ourPacker{level: level, bits: bits, Compressor: NewCompressor(level, bits)}
}

func (p *ourPacker) pack(text []byte) []byte {
	p.dst = p.Append(p.dst[:0], text, true)
	return p.dst[:len(p.dst)-len(Tail)]
}

// reset is what a connection without context takeover does, which holds nothing
// between messages.
func (p *ourPacker) reset() {
	p.Release()
	p.Compressor = NewCompressor(p.level, p.bits)
}

type stdPacker struct {
	w   *stdflate.Writer
	dst bytes.Buffer
}

func newStdPacker(level int) *stdPacker {
	p := new(stdPacker)
	p.w, _ = stdflate.NewWriter(&p.dst, level)
	return p
}

func (p *stdPacker) pack(text []byte) []byte {
	p.dst.Reset()
	_, _ = p.w.Write(text)
	_ = p.w.Flush()
	return p.dst.Bytes()[:p.dst.Len()-len(Tail)]
}

func (p *stdPacker) reset() { p.w.Reset(&p.dst) }

// packed returns the size of all messages.
func packed(p packer, messages [][]byte, takeover bool) (size int) {
	for _, text := range messages {
		if !takeover {
			p.reset()
		}
		size += len(p.pack(text))
	}
	return size
}

// Smallest comes within 3 % of level 6 of compress/flate, which has the same
// window, and Fastest is no worse than its level 1. A level is no worse than the
// one below.
func TestRatios(t *testing.T) {
	for _, corpus := range corpora {
		for _, size := range []int{256, 1 << 10, 4 << 10, 64 << 10} {
			for _, takeover := range []bool{false, true} {
				messages := corpus.messages(max(4, 1<<15/size), size)
				ours := map[Level]int{}
				for _, level := range levels {
					ours[level] = packed(newOurPacker(level, 15), messages, takeover)
				}
				std1, std6 := packed(newStdPacker(1), messages, takeover), packed(newStdPacker(6), messages, takeover)
				t.Logf("%s, %d bytes, takeover %t: ours %v, compress/flate 1: %d, 6: %d",
					corpus.name, size, takeover, ours, std1, std6)
				require.LessOrEqual(t, ours[Smallest]*100, std6*103)
				require.LessOrEqual(t, ours[Fastest], std1)
				require.LessOrEqual(t, ours[Smallest], ours[Balanced])
				require.LessOrEqual(t, ours[Balanced]*100, ours[Fastest]*102)
			}
		}
	}
}

// What a smaller window costs is little, with messages of a kilobyte.
func TestRatioOfSmallWindows(t *testing.T) {
	for _, corpus := range corpora {
		messages := corpus.messages(50, 1<<10)
		whole := packed(newOurPacker(Default, 15), messages, true)
		for bits, percent := range map[int]int{8: 180, 10: 140, 12: 120} {
			got := packed(newOurPacker(Default, bits), messages, true)
			t.Logf("%s, %d bits: %d, 15 bits: %d", corpus.name, bits, got, whole)
			require.LessOrEqual(t, got*100, whole*percent)
		}
	}
}
