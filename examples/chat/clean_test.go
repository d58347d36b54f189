package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCleanName(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"as it is", "Ada", "Ada"},
		{"any script", "Зоя 世界", "Зоя 世界"},
		{"spaces", "  Ada \t\n Lovelace ", "Ada Lovelace"},
		{"other spaces", "Ada\u00a0\u2003L", "Ada L"},
		{"control characters", "A\x00d\x1b[31ma\x7f", "Ad[31ma"},
		{"a turned direction", "\u202eadA", "adA"},
		{"characters of no width", "A\u200bda\u200d\ufeff", "Ada"},
		{"accents stay", "Zoe\u0308", "Zoe\u0308"},
		{"the longest", strings.Repeat("世", 24), strings.Repeat("世", 24)},
		{"an emoji", "🦉", "🦉"},
	} {
		got, ok := cleanName(tt.in, 24)
		require.True(t, ok, tt.name)
		require.Equal(t, tt.want, got, tt.name)
	}
	for name, in := range map[string]string{
		"empty": "", "spaces": " \t ", "nothing to see": "\u200b\u202e", "accents alone": "\u0308\u0301",
		"too long": strings.Repeat("a", 25), "huge": strings.Repeat("a", 15<<10),
	} {
		_, ok := cleanName(in, 24)
		require.False(t, ok, name)
	}
}

func TestCleanText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"lines", "one\ntwo\r\n\nthree", "one\ntwo\n\nthree"},
		{"the ends", "\n  hello \n", "hello"},
		{"a tab, and separators that JSON would escape", "a\tb\u2028c\u2029d", "a b c d"},
		{"control characters", "a\x00\x1bb\u0085", "ab"},
		{"an emoji made of several", "👩\u200d🚀", "👩\u200d🚀"},
		{"markup is text", "<b>&amp;</b>", "<b>&amp;</b>"},
		{"what was no character", "a\ufffdb", "ab"},
	} {
		got, ok := cleanText(tt.in, 20)
		require.True(t, ok, tt.name)
		require.Equal(t, tt.want, got, tt.name)
	}
	for _, in := range []string{"", " \n\t", "\u200b", "\x00", strings.Repeat("é", 21)} {
		_, ok := cleanText(in, 20)
		require.False(t, ok, "%q", in)
	}
}
