package flate

import (
	"fmt"
	"testing"
)

// BenchmarkDeflate shows speed and ratio next to those of compress/flate.
func BenchmarkDeflate(b *testing.B) {
	for _, corpus := range corpora {
		for _, size := range []int{256, 1 << 10, 4 << 10, 64 << 10} {
			for _, takeover := range []bool{false, true} {
				messages := corpus.messages(max(4, min(200, 1<<18/size)), size)
				for _, p := range []struct {
					name string
					packer
				}{
					{"ours/fastest", newOurPacker(Fastest, 15)},
					{"ours/fastest,12bits", newOurPacker(Fastest, 12)},
					{"ours/balanced", newOurPacker(Balanced, 15)},
					{"ours/smallest", newOurPacker(Smallest, 15)},
					{"std/1", newStdPacker(1)},
					{"std/6", newStdPacker(6)},
				} {
					b.Run(fmt.Sprintf("%s/%d/takeover=%t/%s", corpus.name, size, takeover, p.name), func(b *testing.B) {
						benchmarkDeflate(b, p.packer, messages, takeover)
					})
				}
			}
		}
	}
}

func benchmarkDeflate(b *testing.B, p packer, messages [][]byte, takeover bool) {
	in, out := 0, 0
	b.SetBytes(int64(len(messages[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		text := messages[i%len(messages)]
		if !takeover {
			p.reset()
		}
		in += len(text)
		out += len(p.pack(text))
	}
	b.ReportMetric(float64(out)*100/float64(in), "%")
}
