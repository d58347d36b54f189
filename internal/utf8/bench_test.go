package utf8

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// Texts of several scripts, beside the standard library's validation.
func BenchmarkValid(b *testing.B) {
	for _, text := range []struct{ name, sample string }{
		{"ASCII", "The quick brown fox jumps over the lazy dog. "},
		{"Chinese", "敏捷的棕色狐狸跳過那隻懶狗。"},
		{"mixed", "Der schnelle Fuchs 🦊 springt über den faulen Hund, 敏捷. "},
	} {
		for _, size := range []int{64, 125, 1 << 10, 16 << 10} {
			p := []byte(strings.Repeat(text.sample, size/len(text.sample)+1))[:size]
			for len(p) > 0 && !utf8.Valid(p) {
				p = p[:len(p)-1]
			}
			for _, f := range []struct {
				name  string
				valid func([]byte) bool
			}{{"Valid", Valid}, {"unicode∕utf8", utf8.Valid}} {
				b.Run(fmt.Sprintf("%s/%d/%s", text.name, size, f.name), func(b *testing.B) {
					b.SetBytes(int64(len(p)))
					for b.Loop() {
						if !f.valid(p) {
							b.Fatal("not valid")
						}
					}
				})
			}
		}
	}
}
