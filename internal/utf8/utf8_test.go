package utf8

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

// RFC 6455, section 8.1, with the byte at which the text cannot be saved any
// more. RFC 3629, section 3, has the reasons.
var invalid = []struct {
	name string
	text string
	bad  int
}{
	{"continuation byte alone", "\x80", 0},
	{"last continuation byte alone", "\xBF", 0},
	{"overlong two-byte form of NUL", "\xC0\x80", 0},
	{"overlong two-byte form of /", "\xC0\xAF", 0},
	{"overlong two-byte form of DEL", "\xC1\xBF", 0},
	{"two-byte form without its second", "\xC3a", 1},
	{"two lead bytes", "\xC3\xC3", 1},
	{"overlong three-byte form", "\xE0\x80\x80", 1},
	{"highest overlong three-byte form", "\xE0\x9F\xBF", 1},
	{"three-byte form without its third", "\xE2\x82a", 2},
	{"lowest surrogate", "\xED\xA0\x80", 1},
	{"highest surrogate", "\xED\xBF\xBF", 1},
	{"a surrogate pair", "\xED\xA0\xBD\xED\xB8\x80", 1},
	{"overlong four-byte form", "\xF0\x80\x80\x80", 1},
	{"highest overlong four-byte form", "\xF0\x8F\xBF\xBF", 1},
	{"four-byte form without its fourth", "\xF0\x9F\x98a", 3},
	{"U+110000", "\xF4\x90\x80\x80", 1},
	{"four bytes, far past U+10FFFF", "\xF5\x80\x80\x80", 0},
	{"five-byte form", "\xF8\x88\x80\x80\x80", 0},
	{"six-byte form", "\xFC\x84\x80\x80\x80\x80", 0},
	{"FE", "\xFE", 0},
	{"FF", "\xFF", 0},
	{"after valid text", "Straße\xED\xA0\x80 und Weg", 8},
}

func TestInvalidAtTheEarliestByte(t *testing.T) {
	for _, tt := range invalid {
		t.Run(tt.name, func(t *testing.T) {
			var v Validator
			if n, ok := v.Write([]byte(tt.text)); ok || n != tt.bad {
				t.Errorf("Write(% x) = %d, %v; want %d, false", tt.text, n, ok, tt.bad)
			}
			if v.Complete() {
				t.Error("complete after an invalid byte")
			}
			if Valid([]byte(tt.text)) {
				t.Error("valid as a whole")
			}
		})
	}
}

// The place in the text, and so in the blocks, makes no difference.
func TestInvalidInEveryPlace(t *testing.T) {
	for _, filler := range []string{"a", "é", "敏", "🦊"} {
		for _, tt := range invalid {
			for shift := range 3 * block {
				before := strings.Repeat("x", shift%len(filler)) + strings.Repeat(filler, shift/len(filler))
				text := before + tt.text + strings.Repeat(filler, block)
				var v Validator
				if n, ok := v.Write([]byte(text)); ok || n != len(before)+tt.bad {
					t.Fatalf("%s after %d bytes of %q: Write = %d, %v; want %d, false", tt.name, len(before), filler, n, ok, len(before)+tt.bad)
				}
			}
		}
	}
}

func TestEveryCodePoint(t *testing.T) {
	var v Validator
	var buf []byte
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue // a surrogate: has no encoding
		}
		buf = utf8.AppendRune(buf[:0], r)
		for i := range buf {
			if n, ok := v.Write(buf[i : i+1]); n != 1 || !ok {
				t.Fatalf("%U: byte %d of % x: %d, %v", r, i, buf, n, ok)
			}
			if v.Complete() != (i == len(buf)-1) {
				t.Fatalf("%U: Complete after byte %d of % x: %v", r, i, buf, v.Complete())
			}
		}
	}
}

func TestNoncharactersAreValid(t *testing.T) {
	for _, text := range []string{"\uFFFE", "\uFFFF", "\uFDD0", "\U0001FFFE", "\U0010FFFF", "\uFFFD", "\x00", "\uFEFF"} {
		if !Valid([]byte(text)) {
			t.Errorf("%+q is not valid", text)
		}
	}
}

// All sequences of two bytes, of three bytes after a lead byte of each class, and
// of four bytes those made of the bytes at the edges of the grammar.
func TestEverySequenceEqualsSlow(t *testing.T) {
	for b := range 0x10000 {
		equalsSlow(t, []byte{byte(b >> 8), byte(b)})
		for _, lead := range []byte("\xC2\xE0\xE1\xED\xEF\xF0\xF1\xF4\xF5") {
			equalsSlow(t, []byte{lead, byte(b >> 8), byte(b)})
		}
	}
	edges := []byte("\x00\x41\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF")
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				for _, d := range edges {
					equalsSlow(t, []byte{a, b, c, d})
				}
			}
		}
	}
}

func equalsSlow(t *testing.T, p []byte) {
	t.Helper()
	var v Validator
	n, ok := v.Write(p)
	wantN, wantOK, wantComplete := slow(p)
	if n != wantN || ok != wantOK || v.Complete() != wantComplete {
		t.Fatalf("% x: %d, %v, complete %v; want %d, %v, %v", p, n, ok, v.Complete(), wantN, wantOK, wantComplete)
	}
	if Valid(p) != utf8.Valid(p) {
		t.Fatalf("% x: Valid = %v", p, Valid(p))
	}
}

var texts = []string{
	"",
	"a",
	"κόσμε",
	"plain ASCII, which is longer than a block of thirty-two bytes, twice",
	"敏捷的棕色狐狸跳过了懒狗，敏捷的棕色狐狸跳过了懒狗。",
	"Größe: 5 €, 敏捷 🦊 ok, \U0010FFFF\uD7FF\uE000\u0800\u07FF\u0080",
	"cut short: \xF0\x9F\x98",
	"plain, and then more than a block later: \xED\xA0\x80, and so on",
}

// Any three pieces say the same as the whole, and so does byte by byte.
func TestEverySplit(t *testing.T) {
	for _, text := range texts {
		p := []byte(text)
		for i := 0; i <= len(p); i++ {
			for j := i; j <= len(p); j++ {
				checkPieces(t, p, p[:i], p[i:j], p[j:])
			}
		}
		checkPieces(t, p, bytes.SplitAfter(p, nil)...)
	}
}

func checkPieces(t *testing.T, p []byte, pieces ...[]byte) {
	t.Helper()
	var v Validator
	n, ok := 0, true
	for _, piece := range pieces {
		if !ok {
			break
		}
		var m int
		m, ok = v.Write(piece)
		n += m
	}
	wantN, wantOK, wantComplete := slow(p)
	if n != wantN || ok != wantOK || v.Complete() != wantComplete {
		t.Fatalf("%q: %d, %v, complete %v; want %d, %v, %v", pieces, n, ok, v.Complete(), wantN, wantOK, wantComplete)
	}
}

func TestFailureLastsUntilReset(t *testing.T) {
	var v Validator
	v.Write([]byte("\xFF"))
	for _, more := range []string{"", "a", strings.Repeat("a", 100)} {
		if n, ok := v.Write([]byte(more)); n != 0 || ok {
			t.Errorf("after a failure: Write(%q) = %d, %v; want 0, false", more, n, ok)
		}
	}
	v.Reset()
	if n, ok := v.Write([]byte("é")); n != 2 || !ok || !v.Complete() {
		t.Errorf("after Reset: Write = %d, %v, complete %v", n, ok, v.Complete())
	}
}

func TestCopyGoesOnFromTheSamePlace(t *testing.T) {
	var v Validator
	v.Write([]byte("\xE2\x82"))
	fork := v
	if _, ok := v.Write([]byte("a")); ok {
		t.Error("the euro sign may not end like this")
	}
	if _, ok := fork.Write([]byte("\xAC")); !ok || !fork.Complete() {
		t.Error("the copy was spoilt")
	}
}

func TestValidatorIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Validator{}); size > 8 {
		t.Errorf("a Validator has %d bytes, want 8 at most", size)
	}
}

func TestNoAllocs(t *testing.T) {
	p := []byte(strings.Repeat(texts[5], 20))
	var v Validator
	for name, f := range map[string]func(){
		"Valid":    func() { Valid(p) },
		"Write":    func() { v.Write(p) },
		"Complete": func() { v.Complete() },
		"Reset":    func() { v.Reset() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
