package frame

import (
	"strconv"
	"strings"
	"testing"

	"github.com/parleyws/websocket/internal/utf8"
)

var benchHeaders = []Header{
	{Opcode: Text, Fin: true, Masked: true, Length: 125, Key: Key{1, 2, 3, 4}},
	{Opcode: Binary, Fin: true, Masked: true, Length: 16 << 10, Key: Key{1, 2, 3, 4}},
	{Opcode: Binary, Fin: true, Length: 256 << 10},
}

func BenchmarkParseHeader(b *testing.B) {
	for _, h := range benchHeaders {
		p := append(h.Append(nil), make([]byte, 16)...)
		b.Run(h.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, n, _ := ParseHeader(p); n == 0 {
					b.Fatal("not parsed")
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, h := range benchHeaders {
		buf := make([]byte, 0, MaxHeaderSize)
		b.Run(h.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = h.Append(buf[:0])
			}
		})
	}
}

func BenchmarkValidator(b *testing.B) {
	v := Validator{Role: Server}
	for b.Loop() {
		if err := v.Next(benchHeaders[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewKey(b *testing.B) {
	var sum byte
	for b.Loop() {
		sum += NewKey()[0]
	}
}

func BenchmarkXOR(b *testing.B) {
	for _, size := range []int{125, 1 << 10, 64 << 10} {
		p, key := make([]byte, size), NewKey()
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				key = key.XOR(p)
			}
		})
	}
}

func BenchmarkUTF8(b *testing.B) {
	for _, text := range []struct{ name, sample string }{
		{"ASCII", "The quick brown fox jumps over the lazy dog. "},
		{"Chinese", "敏捷的棕色狐狸跳过了懒狗。"},
	} {
		p := []byte(strings.Repeat(text.sample, 1+1024/len(text.sample)))
		b.Run(text.name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				if !utf8.Valid(p) {
					b.Fatal("not valid")
				}
			}
		})
	}
}
