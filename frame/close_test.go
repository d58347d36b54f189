package frame

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseClose(t *testing.T) {
	for _, tt := range []struct {
		name, hex string
		code      StatusCode
		reason    string
	}{
		{"empty", "", StatusNoStatusReceived, ""},
		{"code alone", "03E8", StatusNormalClosure, ""},
		{"code and reason", "03E9 627965", StatusGoingAway, "bye"},
		{"reason beyond ASCII", "0FA0 C3A9 E6958F F09FA68A", 4000, "é敏🦊"},
		{"noncharacter in the reason", "03E8 EFBFBF", StatusNormalClosure, "\uFFFF"},
		{"longest", "03E8" + strings.Repeat("61", 123), StatusNormalClosure, strings.Repeat("a", 123)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose(unhex(tt.hex))
			require.NoError(t, err)
			require.Equal(t, tt.code, code)
			require.Equal(t, tt.reason, reason)

			again, err := AppendClose([]byte{}, code, reason)
			require.NoError(t, err)
			require.Equal(t, unhex(tt.hex), again)
		})
	}
}

// RFC 6455, section 5.5.1: "If there is a body, the first two bytes of the body
// MUST be a 2-byte unsigned integer". Section 8.1: what is not UTF-8 fails.
func TestParseCloseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, hex string
		want      Error
	}{
		{"one byte", "03", Error{Code: StatusProtocolError, Section: "5.5.1"}},
		{"code 1005", "03ED", Error{Code: StatusProtocolError, Section: "7.4"}},
		{"code 1005 and a reason", "03ED 627965", Error{Code: StatusProtocolError, Section: "7.4"}},
		{"bad code before bad reason", "03ED FF", Error{Code: StatusProtocolError, Section: "7.4"}},
		{"126 bytes", "03E8" + strings.Repeat("61", 124), Error{Code: StatusProtocolError, Section: "5.5"}},
		{"reason is not UTF-8", "03E8 FF", Error{Code: StatusInvalidPayload, Section: "8.1"}},
		{"reason is overlong", "03E8 C080", Error{Code: StatusInvalidPayload, Section: "8.1"}},
		{"reason is a surrogate", "03E8 EDA080", Error{Code: StatusInvalidPayload, Section: "8.1"}},
		{"reason ends inside a code point", "03E8 C3", Error{Code: StatusInvalidPayload, Section: "8.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose(unhex(tt.hex))
			require.ErrorIs(t, err, &tt.want)
			require.Zero(t, code)
			require.Empty(t, reason)
		})
	}
}

// RFC 6455, section 7.4, and the IANA registry: every code there is.
func TestCloseCodes(t *testing.T) {
	for c := range 1 << 16 {
		code := StatusCode(c)
		var may bool
		switch {
		case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
			may = true
		}
		require.Equal(t, may, code.Valid(), "%d", c)

		_, _, err := ParseClose([]byte{byte(c >> 8), byte(c)})
		require.Equal(t, may, err == nil, "received: %d", c)

		p, err := AppendClose([]byte("dst"), code, "")
		switch {
		case code == StatusNoStatusReceived:
			require.NoError(t, err)
			require.Equal(t, "dst", string(p), "an empty body")
		case may:
			require.NoError(t, err)
			require.Equal(t, []byte{'d', 's', 't', byte(c >> 8), byte(c)}, p)
		default:
			require.ErrorIs(t, err, &Error{Code: StatusProtocolError, Section: "7.4"})
			require.Equal(t, "dst", string(p), "unchanged")
		}
	}
}

func TestAppendCloseWithAReasonNeedsACode(t *testing.T) {
	p, err := AppendClose([]byte("dst"), StatusNoStatusReceived, "why")
	require.ErrorIs(t, err, &Error{Code: StatusProtocolError, Section: "7.4"})
	require.Equal(t, "dst", string(p))
}

// The reason is cut on a code point boundary, never inside.
func TestAppendCloseCutsTheReason(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		want         string
	}{
		{"fits", strings.Repeat("a", 123), strings.Repeat("a", 123)},
		{"one byte too long", strings.Repeat("a", 124), strings.Repeat("a", 123)},
		{"62 × é", strings.Repeat("é", 62), strings.Repeat("é", 61)},
		{"a + 62 × é", "a" + strings.Repeat("é", 62), "a" + strings.Repeat("é", 61)},
		{"三 fits exactly", strings.Repeat("三", 50), strings.Repeat("三", 41)},
		{"🦊 does not", strings.Repeat("🦊", 50), strings.Repeat("🦊", 30)},
		{"no later one slips in", strings.Repeat("a", 122) + "éb", strings.Repeat("a", 122)},
		{"very long", strings.Repeat("a", 1<<20), strings.Repeat("a", 123)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := AppendClose(nil, StatusNormalClosure, tt.reason)
			require.NoError(t, err)
			require.Equal(t, "\x03\xE8"+tt.want, string(p))
		})
	}
}

func TestAppendCloseReplacesWhatIsNotUTF8(t *testing.T) {
	for reason, want := range map[string]string{
		"\xFF":                     "�",
		"a\xC3b":                   "a�b",
		"\xED\xA0\x80":             "���",
		strings.Repeat("\xFF", 99): strings.Repeat("�", 41),
		"a genuine � stays":        "a genuine � stays",
	} {
		p, err := AppendClose(nil, 3000, reason)
		require.NoError(t, err)
		require.Equal(t, want, string(p[2:]))
	}
}

// Whatever the program says, the peer can read it.
func TestAppendCloseIsAlwaysParsed(t *testing.T) {
	for length := range 140 {
		for _, filler := range []string{"a", "é", "三", "🦊", "\xFF", "\xC3"} {
			reason := strings.Repeat("x", length%len(filler)) + strings.Repeat(filler, length/len(filler))
			p, err := AppendClose(nil, StatusInternalError, reason)
			require.NoError(t, err)
			require.LessOrEqual(t, len(p), MaxControlPayload)
			code, got, err := ParseClose(p)
			require.NoError(t, err)
			require.Equal(t, StatusInternalError, code)
			if utf8.ValidString(reason) {
				require.True(t, strings.HasPrefix(reason, got))
				require.True(t, got == reason || len(got) > 119, "no more is cut than must be")
			}
		}
	}
}

func TestParseCloseCopiesTheReason(t *testing.T) {
	p := []byte("\x03\xE8bye")
	_, reason, err := ParseClose(p)
	require.NoError(t, err)
	copy(p, bytes.Repeat([]byte{'x'}, len(p)))
	require.Equal(t, "bye", reason)
}
