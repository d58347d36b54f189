package flate

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// An inflater is something that BenchmarkInflate measures.
type inflater interface {
	// message inflates a message, to which Tail was given back, into dst, which
	// its text fills.
	message(dst, src []byte) error
	reset()
}

var inflaters = map[string]func() inflater{
	"parley": func() inflater { return ourInflater{NewDecompressor(15)} },
	"std":    func() inflater { return newReaderInflater(stdflate.NewReader(bytes.NewReader(nil))) },
}

type ourInflater struct{ *Decompressor }

func (o ourInflater) reset() { o.Reset() }

func (o ourInflater) message(dst, src []byte) error {
	n, m, err := o.Inflate(dst, src)
	if err != nil || n < len(dst) || m < len(src) {
		return fmt.Errorf("Inflate = %d, %d, %v", n, m, err)
	}
	return o.EndMessage()
}

// A readerInflater goes on reading one stream, which is the fastest way to take
// context over with the API of compress/flate.
type readerInflater struct {
	r   io.ReadCloser
	src *bytes.Buffer
}

func newReaderInflater(r io.ReadCloser) inflater {
	ri := &readerInflater{r, new(bytes.Buffer)}
	ri.reset()
	return ri
}

func (ri *readerInflater) reset() {
	ri.src.Reset()
	if err := ri.r.(stdflate.Resetter).Reset(ri.src, nil); err != nil {
		panic(err)
	}
}

func (ri *readerInflater) message(dst, src []byte) error {
	ri.src.Write(src) // after what is left of the last: its Tail, perhaps
	_, err := io.ReadFull(ri.r, dst)
	return err
}

func BenchmarkInflate(b *testing.B) {
	for _, takeover := range []bool{false, true} {
		for _, size := range []int{256, 1 << 10, 4 << 10, 64 << 10} {
			for _, kind := range []string{"chat", "ticks", "cjk"} {
				for name, newInflater := range inflaters {
					b.Run(fmt.Sprintf("takeover=%t/size=%d/corpus=%s/impl=%s", takeover, size, kind, name), func(b *testing.B) {
						benchmarkInflate(b, newInflater(), kind, size, takeover)
					})
				}
			}
		}
	}
}

// benchmarkInflate cycles through a number of messages, so that branches are not
// learned by heart.
func benchmarkInflate(b *testing.B, inf inflater, kind string, size int, takeover bool) {
	messages, ratio := benchmarkMessages(b, kind, size, takeover)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	dst := make([]byte, size)
	for i := 0; b.Loop(); i++ {
		if i %= len(messages); i == 0 || !takeover {
			inf.reset()
		}
		if err := inf.message(dst, messages[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ratio, "ratio")
}

func benchmarkMessages(t testing.TB, kind string, size int, takeover bool) (messages [][]byte, ratio float64) {
	count := min(1+(256<<10)/size, 200)
	text := sampleOf(kind, count*size)
	var buf bytes.Buffer
	w, err := stdflate.NewWriter(&buf, 6)
	require.NoError(t, err)
	for i := range count {
		from := buf.Len()
		_, err = w.Write(text[i*size : (i+1)*size])
		require.NoError(t, err)
		require.NoError(t, w.Flush())
		messages = append(messages, bytes.Clone(buf.Bytes()[from:]))
		if !takeover {
			w.Reset(&buf)
		}
	}
	return messages, float64(len(text)) / float64(buf.Len())
}
