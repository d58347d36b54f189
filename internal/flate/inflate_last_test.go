package flate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is what a Decompressor has made of a message.
type outcome struct {
	text  string
	err   error
	whole bool
}

// inflatePlainly gives d the message, the last bytes of it separately, and Tail.
func inflatePlainly(d *Decompressor, first, last []byte) (o outcome) {
	dst := make([]byte, 1<<16)
	n := 0
	for _, src := range [][]byte{first, last, []byte(Tail)} {
		k, _, err := d.Inflate(dst[n:], src)
		if n += k; err != nil {
			return outcome{string(dst[:n]), err, false}
		}
	}
	return outcome{string(dst[:n]), d.EndMessage(), false}
}

// inflateLast is the same with InflateLast.
func inflateLast(d *Decompressor, first, last []byte, forget bool) (o outcome) {
	dst := make([]byte, 1<<16)
	n, _, err := d.Inflate(dst, first)
	if err == nil {
		var k int
		k, _, o.whole, err = d.InflateLast(dst[n:], last, forget)
		n += k
	}
	if err == nil && !o.whole {
		var k int
		k, _, err = d.Inflate(dst[n:], []byte(Tail))
		n += k
	}
	if err == nil {
		err = d.EndMessage()
	}
	return outcome{string(dst[:n]), err, o.whole}
}

// InflateLast is Inflate and then Tail, wherever the last bytes begin, and for messages
// that end as no others do. Those of a Compressor need no Tail.
func TestInflateLast(t *testing.T) {
	c := NewCompressor(Fastest, 15)
	defer c.Release()
	pack := func(text string) []byte {
		p := c.Append(nil, []byte(text), true)
		return p[:len(p)-len(Tail)]
	}
	hello := pack("Hello, hello, hello")
	for name, tt := range map[string]struct {
		payload []byte
		whole   bool
	}{
		"of a Compressor":       {hello, true},
		"empty":                 {nil, false},
		"an empty stored block": {[]byte{0}, true},
		"a final block":         {append(new(script).bits(1, 1).bits(blockFixed, 2).fixedSymbol('a').fixedSymbol(endOfBlock).align().bytes, 0), true},
		"padded with zeros":     {new(script).block(blockFixed).fixedSymbol('a').fixedSymbol(endOfBlock).bytes, true},
		"with its Tail":         {append(hello[:len(hello):len(hello)], Tail...), false},
		"in the middle of it":   {append(hello[:len(hello):len(hello)], 0), false},
		"a stored block":        {new(script).stored([]byte("abc")).bytes, false},
		"inside a stored block": {new(script).stored([]byte("abc")).bytes[:6], false},
		"inside a symbol":       {new(script).block(blockFixed).fixedSymbol('a').bits(1, 3).bytes, false},
		"corrupt":               {[]byte{0x07}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for at := 0; at <= len(tt.payload); at++ {
				for _, forget := range []bool{false, true} {
					plain, d := NewDecompressor(15), NewDecompressor(15)
					first, last := tt.payload[:at], tt.payload[at:]
					want, got := inflatePlainly(plain, first, last), inflateLast(d, first, last, forget)
					require.Equal(t, tt.whole, got.whole, "from %d on", at)
					got.whole = false
					require.Equal(t, want, got, "from %d on", at)
					require.Equal(t, plain.taken, d.taken)
					plain.Release()
					d.Release()
				}
			}
		})
	}
}

// What is remembered is what the next message may refer to.
func TestInflateLastRemembers(t *testing.T) {
	c := NewCompressor(Fastest, 15)
	defer c.Release()
	d := NewDecompressor(15)
	defer d.Release()
	const text = "a text that is repeated, for the next to refer to"
	for i := range 3 {
		p := c.Append(nil, []byte(text), true)
		require.True(t, i == 0 || len(p) < len(text)/2, "it refers to what came before")
		got := inflateLast(d, nil, p[:len(p)-len(Tail)], false)
		require.Equal(t, outcome{text, nil, true}, got)
	}
	require.Equal(t, 3*len(text), d.history.n)
	inflateLast(d, nil, []byte{0}, true)
	require.Equal(t, 3*len(text), d.history.n)

	alone := NewDecompressor(15)
	defer alone.Release()
	c.Reset()
	p := c.Append(nil, []byte(text), true)
	require.Equal(t, outcome{text, nil, true}, inflateLast(alone, nil, p[:len(p)-len(Tail)], true))
	require.Zero(t, alone.history.n, "nothing will refer to it")
}
