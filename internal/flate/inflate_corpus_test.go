package flate

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"

	"testing"

	"github.com/stretchr/testify/require"
)

// A sample is text of a kind, the same at every run.
type sample struct {
	name string
	text []byte
}

// sampleOf returns size bytes of the kind.
func sampleOf(kind string, size int) []byte {
	rng := rand.New(rand.NewPCG(uint64(len(kind)), 7692))
	var b bytes.Buffer
	for b.Len() < size {
		switch kind {
		case "chat":
			fmt.Fprintf(&b, `{"id":"%016x","room":"general","user":{"id":%d,"name":"%s"},"text":"%s","ts":%d}`+"\n",
				rng.Uint64(), rng.IntN(5000), words(rng, 1), words(rng, 4+rng.IntN(12)), 1700000000000+rng.Int64N(1e9))
		case "ticks":
			fmt.Fprintf(&b, `{"e":"trade","E":%d,"s":"%sUSDT","p":"%d.%08d","q":"0.%05d","m":%t}`+"\n",
				1700000000000+rng.Int64N(1e9), []string{"BTC", "ETH", "SOL"}[rng.IntN(3)], rng.IntN(70000), rng.IntN(1e8), rng.IntN(1e5), rng.IntN(2) == 0)
		case "cjk":
			for range 20 {
				b.WriteRune(rune(0x4e00 + int(rng.ExpFloat64()*150)))
			}
			b.WriteString("。")
		case "random":
			b.WriteByte(byte(rng.Uint32()))
		case "zeros":
			b.WriteByte(0)
		default:
			panic("BUG: no such sample: " + kind)
		}
	}
	return b.Bytes()[:size]
}

var sampleKinds = []string{"chat", "ticks", "cjk", "random", "zeros"}

func words(rng *rand.Rand, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = vocabulary[min(int(rng.ExpFloat64()*12), len(vocabulary)-1)]
	}
	return strings.Join(list, " ")
}

var vocabulary = strings.Fields(`the to and of a in is it you that he was for on are with as I his they be at
	one have this from or had by hot word but what some we can out other were all there when up use your how said
	an each she which do their time if will way about many then them write would like so these her long make thing
	see him two has look more day could go come did number sound no most people my over know water than call first
	who may down side been now find any new work part take get place made live where after back little only round`)

// samples returns one of every kind and size.
func samples(sizes ...int) []sample {
	var list []sample
	for _, kind := range sampleKinds {
		for _, size := range sizes {
			list = append(list, sample{fmt.Sprintf("%s/%d", kind, size), sampleOf(kind, size)})
		}
	}
	return list
}

// stdCompress compresses with compress/flate, each text ended by a sync flush.
func stdCompress(t testing.TB, level int, texts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := stdflate.NewWriter(&b, level)
	require.NoError(t, err)
	for _, text := range texts {
		_, err = w.Write(text)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
	}
	return b.Bytes()
}
