package flate

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program is a fuzzed series of calls on a Compressor: a byte that says what to
// do, and then how much text comes with it.
type program []byte

func (p *program) next() byte {
	if len(*p) == 0 {
		return 0
	}
	b := (*p)[0]
	*p = (*p)[1:]
	return b
}

// text takes or makes the bytes of a call: some of the program itself, a run, or
// what came before, so that there are matches at many distances.
func (p *program) text(before []byte) []byte {
	n := int(p.next())
	switch p.next() % 4 {
	case 0:
		taken := (*p)[:min(n, len(*p))]
		*p = (*p)[len(taken):]
		return taken
	case 1:
		return bytes.Repeat([]byte{p.next()}, n*5)
	case 2:
		from := max(0, len(before)-(n<<8|int(p.next())))
		return bytes.Clone(before[from:])[:min(len(before)-from, 600)]
	default:
		return bytes.Repeat([]byte{p.next(), p.next(), byte(n)}, n*20)
	}
}

// FuzzDeflate makes the calls of a program. What is flushed decodes to what was
// given, and after Reset without anything from before it.
func FuzzDeflate(f *testing.F) {
	f.Add(byte(0), byte(7), []byte("\x05\x05\x00Hello\x05\x05\x00Hello"))
	f.Add(byte(1), byte(4), []byte("\x01\xff\x03ab\x03\x05\x00abcde\x00\xff\x02\x10\x05\xff\x02\xff"))
	f.Add(byte(2), byte(0), []byte("\x05\xff\x01a\x05\xff\x03ab\x05\x01\x02\x00\x05\x01\x02\x01\x05\x00\x02\xff"))
	f.Add(byte(0), byte(2), append([]byte("\x05\xff\x00"), corpora[0].messages(1, 2000)[0]...))
	f.Fuzz(func(t *testing.T, level, bits byte, code []byte) {
		if len(code) > 1<<13 {
			return // to be quick
		}
		windowBits := minWindowBits + int(bits)%(maxWindowBits-minWindowBits+1)
		c := NewCompressor(levels[int(level)%len(levels)], windowBits)
		defer c.Release()
		p := program(code)
		var text, deflated []byte
		for len(p) > 0 && len(text) < 1<<18 {
			op := p.next()
			if op%8 == 7 {
				c.Reset()
				text, deflated = nil, nil
			}
			piece := p.text(text)
			text = append(text, piece...)
			deflated = c.Append(deflated, piece, op%4 == 1)
		}
		deflated = c.Append(deflated, nil, true)
		requireInflates(t, windowBits, text, deflated)
		require.LessOrEqual(t, len(deflated), len(text)+5*(len(code)+len(text)/stageSize+2))
	})
}
