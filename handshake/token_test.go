package handshake

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTokenCharacters(t *testing.T) {
	// RFC 9110, section 5.6.2: visible ASCII but the delimiters.
	for c := range 256 {
		want := c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c))
		require.Equal(t, want, isTokenChar(byte(c)), "%q", c)
		require.Equal(t, want, isToken("a"+string([]byte{byte(c)})), "%q", c)
	}
	require.False(t, isToken(""))
}

func TestFieldValueCharacters(t *testing.T) {
	for c := range 256 {
		want := c == '\t' || c >= ' ' && c != 0x7f
		require.Equal(t, want, isFieldValue("a"+string([]byte{byte(c)})+"b"), "%q", c)
	}
	require.True(t, isFieldValue(""))
	for c := range 256 { // beside all others, and eight at a time
		for other := range 256 {
			s := []byte("012345678901234567")
			i := (c + other) % (len(s) - 1)
			s[i], s[i+1] = byte(c), byte(other)
			require.Equal(t, !isControl(byte(c)) && !isControl(byte(other)), isFieldValue(string(s)), "%q", s)
		}
	}
}

func TestEqualFold(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"WebSocket", "webSOCKET", true},
		{"AZ", "az", true},
		{"websocket", "websockets", false},
		{"webso\u212aet", "websoket", false}, // Kelvin sign
		{"[", "{", false},                    // 0x5B and 0x7B differ in the bit of case
		{"@", "`", false},
		{"É", "é", false},
	} {
		require.Equal(t, tt.want, equalFold(tt.a, tt.b), "%s %s", tt.a, tt.b)
	}
}

func TestHasToken(t *testing.T) {
	for _, tt := range []struct {
		lists []string
		want  bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"upgrade"}, true},
		{[]string{"UPGRADE"}, true},
		{[]string{"keep-alive, Upgrade"}, true},
		{[]string{"keep-alive,Upgrade"}, true},
		{[]string{"a\t,\tupgrade\t,b"}, true},
		{[]string{",,upgrade,,"}, true},
		{[]string{"a", "b, upgrade"}, true},
		{[]string{"upgraded"}, false},
		{[]string{"up grade"}, false},
		{[]string{"upgrade;q=1"}, false},
		{[]string{`"upgrade"`}, false},
		{[]string{"up", "grade"}, false},
	} {
		require.Equal(t, tt.want, hasToken(tt.lists, "upgrade"), "%q", tt.lists)
	}
}

// A quadratic scan of this would not come back.
func TestListsTakeLinearTime(t *testing.T) {
	const n = 1 << 20
	for _, list := range []string{
		strings.Repeat(" ", n), strings.Repeat(",", n), strings.Repeat(" ,", n/2), strings.Repeat("a ", n/2),
	} {
		require.False(t, hasToken([]string{list}, "upgrade"))
		require.True(t, hasToken([]string{list + ",upgrade"}, "upgrade"))
	}
}
