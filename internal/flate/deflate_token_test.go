package flate

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every length has the symbol and the extra bits of the table in RFC 1951,
// section 3.2.5; 258 is "285", not 284 with 31 added.
func TestLengthTokens(t *testing.T) {
	for length := minMatch; length <= maxMatch; length++ {
		tok := lengthTokens[length-minMatch]
		i := tok.symbol() - lengthStart
		require.Equal(t, length, int(lengthBase[i])+int(tok.extra()))
		require.Less(t, tok.extra(), uint64(1)<<lengthExtra[i])
	}
	require.Equal(t, makeToken(285, 0), lengthTokens[maxMatch-minMatch])
}

func TestDistSymbols(t *testing.T) {
	for distance := uint32(1); distance <= 1<<15; distance++ {
		symbol, size := distSymbol(distance)
		require.Equal(t, uint32(distExtra[symbol]), size, "distance %d", distance)
		extra := (distance - 1) & (1<<size - 1)
		require.Equal(t, distance, uint32(distBase[symbol])+extra)
	}
}

// A match of any length is cut into parts that can be written.
func TestLongMatches(t *testing.T) {
	q := &newBlock(maxBlock).tokens
	for length := minMatch; length < 1500; length++ {
		q.reset()
		q.addMatch(length, 77)
		sum := 0
		for _, s := range q.list[:q.sequences] {
			i257 := token(s.length).symbol() - lengthStart
			sum += int(lengthBase[i257]) + int(token(s.length).extra())
			require.Equal(t, uint32(distStart)+12, s.distance.symbol())
			require.Equal(t, uint64(77-65), s.distance.extra())
			require.Zero(t, s.literals)
		}
		require.Equal(t, length, sum)
		require.EqualValues(t, q.sequences, q.freq[distStart+12])
	}
}

func TestLiterals(t *testing.T) {
	buf := make([]byte, 100)
	for i := range buf {
		buf[i] = byte(250 + i)
	}
	q := &newBlock(maxBlock).tokens
	for from := range 3 {
		for to := from; to <= len(buf)-slack; to++ {
			q.reset()
			q.addLiterals(buf, from, to)
			q.addLiterals(buf, 0, 1) // right behind
			require.Equal(t, to-from+1, q.run)
			require.Equal(t, append(bytes.Clone(buf[from:to]), buf[0]), q.literals[:q.n])
		}
	}
}

// All tokens are counted, and the end of the block.
func TestFrequencies(t *testing.T) {
	q := &newBlock(maxBlock).tokens
	q.addLiterals([]byte("hello, hello"+string(make([]byte, slack))), 0, 7)
	q.addMatch(5, 7)
	q.finish()
	require.Equal(t, 7+2+1, q.count())
	var want [tokenSymbols]uint32
	for _, sym := range []int{'h', 'e', 'l', 'l', 'o', ',', ' ', 259, distStart + 5, endOfBlock} {
		want[sym]++
	}
	require.Equal(t, want, q.freq)
}

// As many literals as a block can have fit, as many matches, and the end of it.
func TestRoomForTokens(t *testing.T) {
	for _, size := range []int{1, smallBlock, smallBlock + 1, maxBlock, maxBlock + 1} {
		pool := blocksFor(size)
		b := pool.Get().(*block)
		size = min(size, maxBlock)
		b.tokens.reset()
		b.tokens.addLiterals(make([]byte, size+slack), 0, size)
		b.finish()
		require.Equal(t, size+1, b.tokens.count())
		b.tokens.reset()
		for range size / minMatch {
			b.tokens.addMatch(minMatch, 1)
		}
		b.finish()
		require.Equal(t, size/minMatch*2+1, b.tokens.count())
		pool.Put(b)
	}
}

func TestCommon(t *testing.T) {
	for length := range 40 {
		for end := 50; end < 92; end++ {
			buf := make([]byte, 100)
			buf[50+length] = 1 // and all else is 0
			require.Equal(t, min(length, end-50), common(buf, 50, 0, end), "%d of %d", length, end-50)
		}
	}
}

// The far places are those that seek may not give, the near ones those it must.
func TestSeekKeepsToTheWindow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		distance int
		found    bool
	}{
		{"next to it", 8, true},
		{"at the end of the window", 1 << 9, true},
		{"one beyond", 1<<9 + 1, false},
	} {
		m := unused(Fastest, 9).matcher
		m.allocate()
		m.factor, m.step = fastFactor, 1<<stepBits
		buf := make([]byte, 2000)
		for i := range buf {
			buf[i] = byte(i * 7 / 3 * i)
		}
		at := 1200
		copy(buf[at:at+8], buf[at-tt.distance:])
		*m.head(load64(buf, at)) = uint16(at - tt.distance)
		i, from := m.seek(buf, at, at, 0)
		if tt.found {
			require.Equal(t, []int{at, at - tt.distance}, []int{i, from}, tt.name)
		} else {
			require.Greater(t, i, at, tt.name)
		}
	}
}

func TestStringLength(t *testing.T) {
	for _, c := range corpora {
		want := 5
		if c.name == "cjk" {
			want = 4
		}
		require.Equal(t, want, stringLength(c.messages(1, 1000)[0]), c.name)
	}
	require.Equal(t, 5, stringLength(nil))
	require.Equal(t, 5, stringLength([]byte("é")))
}

// The hash depends on all bytes of the string and on none behind it, whatever the size
// of the table.
func TestStringFactor(t *testing.T) {
	for bits := 9; bits <= 14; bits++ {
		for _, length := range []int{4, 5} {
			m := &matcher{heads: make([]uint16, 1<<bits)}
			m.factor = stringFactor(length, len(m.heads))
			differ := make([]int, 8)
			for v := range uint64(1000) {
				v *= 0x0123456789ABCDEF
				for i := range differ {
					if m.head(v) != m.head(v^0x15<<(8*i)) {
						differ[i]++
					}
				}
			}
			for i, n := range differ {
				if i < length {
					require.Greater(t, n, 980, "byte %d of %d, %d bits", i, length, bits)
				} else {
					require.Zero(t, n, "byte %d behind %d, %d bits", i, length, bits)
				}
			}
		}
	}
}

// A fixed block is not tried only if it cannot be the smallest.
func TestLeastFixed(t *testing.T) {
	for _, corpus := range corpora {
		for size := 1; size < 3000; size += 37 {
			b := newBlock(maxBlock)
			m := unused(Fastest, 15).matcher
			text := corpus.messages(1, size)[0]
			m.begin()
			m.find(&b.tokens, text, 0, len(text))
			b.finish()
			require.LessOrEqual(t, b.tokens.leastFixed(), 3+b.cost(&fixedWords))
		}
	}
}
