package flate

import (
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
		q.n = 0
		q.match(length, 77)
		sum := 0
		for i := 0; i < q.n; i += 2 {
			i257 := q.list[i].symbol() - lengthStart
			sum += int(lengthBase[i257]) + int(q.list[i].extra())
			require.Equal(t, uint32(distStart)+12, q.list[i+1].symbol())
			require.Equal(t, uint64(77-65), q.list[i+1].extra())
		}
		require.Equal(t, length, sum)
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
			q.n = 0
			q.literals(buf, from, to)
			require.Equal(t, to-from, q.n)
			for i, tok := range q.list[:q.n] {
				require.Equal(t, token(buf[from+i]), tok)
			}
		}
	}
}

// As many tokens as a block can have fit, and the end of it.
func TestRoomForTokens(t *testing.T) {
	for _, size := range []int{1, smallBlock, smallBlock + 1, maxBlock, maxBlock + 1} {
		pool := blocksFor(size)
		b := pool.Get().(*block)
		size = min(size, maxBlock)
		b.tokens.literals(make([]byte, size+slack), 0, size)
		require.Equal(t, size, b.tokens.n)
		require.Len(t, b.finish(), size+1)
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
		m.mask = fiveBytes
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

func TestStringMask(t *testing.T) {
	for _, c := range corpora {
		want := uint64(fiveBytes)
		if c.name == "cjk" {
			want = fourBytes
		}
		require.Equal(t, want, stringMask(c.messages(1, 1000)[0]), c.name)
	}
	require.Equal(t, uint64(fiveBytes), stringMask(nil))
	require.Equal(t, uint64(fiveBytes), stringMask([]byte("é")))
}
