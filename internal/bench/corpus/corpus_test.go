package corpus

import (
	"bytes"
	"slices"
	"testing"
	"unicode/utf8"
)

func TestMessagesAreValidAndOfTheSizeAskedFor(t *testing.T) {
	for _, k := range Kinds() {
		for _, size := range []int{0, 1, 2, 3, 16, 125, 256, 1 << 10, 64 << 10} {
			for i, m := range k.Messages(9, size) {
				if len(m) != size || !utf8.Valid(m) {
					t.Errorf("%s, %d bytes, message %d: %d bytes, valid UTF-8: %t", k.Name, size, i, len(m), utf8.Valid(m))
				}
			}
		}
	}
}

func TestMessagesAreTheSameAtEveryRunAndDifferAmongEachOther(t *testing.T) {
	for _, k := range Kinds() {
		a, b := k.Messages(20, 256), k.Messages(20, 256)
		if !slices.EqualFunc(a, b, bytes.Equal) {
			t.Errorf("%s: two runs differ", k.Name)
		}
		slices.SortFunc(a, bytes.Compare)
		if n := len(slices.CompactFunc(a, bytes.Equal)); n != 20 {
			t.Errorf("%s: %d different messages of 20", k.Name, n)
		}
	}
}

func TestChineseIsThreeBytesACharacter(t *testing.T) {
	m := Chinese().Messages(1, 3000)[0]
	if n := utf8.RuneCount(m); n > 1010 {
		t.Errorf("3000 bytes are %d characters", n)
	}
}
