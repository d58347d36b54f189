package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestSafe(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"plain text":                   {"Grüße, 世界 👩‍🚀", "Grüße, 世界 👩‍🚀"},
		"newlines and tabs stay":       {"a\n\tb\n", "a\n\tb\n"},
		"backslashes stay":             {`C:\new`, `C:\new`},
		"an escape sequence":           {"\x1b]0;title\x07", `\x1b]0;title\a`},
		"a carriage return":            {"good\rbad", `good\rbad`},
		"the 8-bit CSI, as UTF-8":      {"\u009b2J", `\u009b2J`},
		"the 8-bit CSI, as a byte":     {"\x9b2J", `\x9b2J`},
		"DEL and NUL":                  {"\x7f\x00", `\x7f\x00`},
		"text that would run backward": {"a\u202eb\u2066c", `a\u202eb\u2066c`},
		"not UTF-8":                    {"a\xc3(\xff", `a\xc3(\xff`},
		"a character that is cut":      {"\xe4\xb8", `\xe4\xb8`},
		"U+FFFD as it came":            {"\ufffd", "\ufffd"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, safe([]byte(tt.in))) })
	}
}

func TestOneLine(t *testing.T) {
	require.Equal(t, `a\nb\tc`, oneLine([]byte("a\nb\tc"), 10))
	require.Equal(t, "世…", oneLine([]byte("世界"), 5), "no character is cut in two")
	require.Equal(t, "世界", oneLine([]byte("世界"), 6))
	require.Equal(t, "…", oneLine([]byte("世界"), 2))
	require.Equal(t, `\x80\x80\x80…`, oneLine([]byte(strings.Repeat("\x80", 9)), 7), "what is no UTF-8 is cut anywhere")
}

func FuzzSafe(f *testing.F) {
	f.Add([]byte("\x1b[2J\xc2\x9b\xff世\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		text := safe(p)
		require.True(t, utf8.ValidString(text), "what is printed is UTF-8")
		for _, r := range text {
			require.True(t, r == '\n' || r == '\t' || !unicode.IsControl(r), "%q gets through", r)
		}
		require.NotContains(t, oneLine(p, 60), "\n")
	})
}
