package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// corpus makes messages that are worth compressing, and some that are not. It
// makes the same ones every time.
type corpus struct{ *rand.Rand }

func newCorpus() corpus { return corpus{rand.New(rand.NewPCG(7692, 1951))} }

// chat is a small message like the ones before it.
func (c corpus) chat() content {
	rooms := []string{"lobby", "kitchen", "garden"}
	return exactly("text", fmt.Appendf(nil, `{"event":"message","id":%d,"room":%q,"from":{"name":"ada","id":4711},"text":%q,"likes":%d}`,
		c.IntN(1e9), rooms[c.IntN(len(rooms))], c.words(4), c.IntN(10)))
}

func (c corpus) words(n int) string {
	all := strings.Fields("the quick brown fox jumps over a lazy dog while Zwölf Boxkämpfer jagen 敏捷的 棕色 狐狸 跳過 🎉")
	chosen := make([]string, n)
	for i := range chosen {
		chosen[i] = all[c.IntN(len(all))]
	}
	return strings.Join(chosen, " ")
}

// prose is a text of n bytes.
func (c corpus) prose(n int) content {
	if n == 0 {
		return text("x", 0)
	}
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(c.words(12) + ".\n")
	}
	return exactly("text", bytes.ToValidUTF8(b.Bytes()[:n], []byte("-")))
}

// noise cannot be compressed.
func (c corpus) noise(n int) content {
	return exactly("binary", c.random(n))
}

func (c corpus) random(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(c.Uint32())
	}
	return p
}

// farApart repeats a phrase after exactly as many bytes: with a window of that
// size the second is the last place that may refer to the first.
func (c corpus) farApart(bytesBack int) content {
	phrase := c.random(64)
	gap := make([]byte, max(bytesBack-len(phrase), 0))
	for i := range gap {
		gap[i] = byte(c.IntN(4))
	}
	return exactly("binary", bytes.Join([][]byte{phrase, phrase}, gap))
}
