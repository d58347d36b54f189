package handshake

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mustParse returns the one element of a header.
func mustParse(t *testing.T, element string) Extension {
	t.Helper()
	exts, err := ParseExtensions([]string{element})
	require.NoError(t, err, element)
	require.Len(t, exts, 1, element)
	return exts[0]
}

func TestRule31WindowBits(t *testing.T) {
	for n := range 1000 {
		want := 0
		if 8 <= n && n <= 15 {
			want = n
		}
		require.Equal(t, want, parseWindowBits(strconv.Itoa(n)))
		require.Zero(t, parseWindowBits("0"+strconv.Itoa(n)), "leading zeroes")
	}
	for _, value := range []string{
		"", " ", "-8", "+8", "-10", "+10", "8 ", " 8", "8.", "8.0", "1e1", "0x8", "0xf", "1_0", "1 0", "10\x00",
		"ten", "\u0668", "\uff18", "18446744073709551624", "4294967304", "264", "true",
	} {
		require.Zero(t, parseWindowBits(value), "%q", value)
	}
}

func TestRule31Parameters(t *testing.T) {
	for _, tt := range []struct {
		params     string
		inOffer    string // as it is written again, or "fault: " and what is the matter
		inResponse string // the same, "" if it is
	}{
		{"", "", ""},
		{"; server_no_context_takeover", "; server_no_context_takeover", ""},
		{"; client_no_context_takeover", "; client_no_context_takeover", ""},
		{"; server_max_window_bits=8", "; server_max_window_bits=8", ""},
		{"; server_max_window_bits=15", "; server_max_window_bits=15", ""},
		{"; client_max_window_bits=8", "; client_max_window_bits=8", ""},
		{"; client_max_window_bits=14", "; client_max_window_bits=14", ""},
		{"; client_max_window_bits", "; client_max_window_bits", "fault: must have a value from 8 to 15"},
		{
			"; client_max_window_bits=9; server_max_window_bits=\"10\"; client_no_context_takeover; server_no_context_takeover",
			"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9", "",
		},
		{`; server_max_window_bits="1\0"`, "; server_max_window_bits=10", ""},

		{"; server_no_context_takeover=1", "fault: must have no value", ""},
		{"; client_no_context_takeover=true", "fault: must have no value", ""},
		{"; server_max_window_bits", "fault: must have a value from 8 to 15", ""},
		{"; server_max_window_bits=7", "fault: must have a value from 8 to 15", ""},
		{"; client_max_window_bits=16", "fault: must have a value from 8 to 15", ""},
		{`; client_max_window_bits=" 9"`, "fault: must have a value from 8 to 15", ""},
		{"; client_max_window_bits=09", "fault: must have a value from 8 to 15", ""},

		{"; server_no_context_takeover; server_no_context_takeover", "fault: is there twice", ""},
		{"; client_no_context_takeover; client_no_context_takeover", "fault: is there twice", ""},
		{"; server_max_window_bits=9; server_max_window_bits=9", "fault: is there twice", ""},
		{"; client_max_window_bits=9; client_max_window_bits=8", "fault: is there twice", ""},
		{"; client_max_window_bits=15; client_max_window_bits", "fault: is there twice", ""},
		{"; client_max_window_bits; client_max_window_bits=15", "fault: is there twice", "fault: must have a value from 8 to 15"},

		{"; max_window_bits=9", "fault: is not known", ""},
		{"; Server_no_context_takeover", "fault: is not known", ""},
		{"; SERVER_MAX_WINDOW_BITS=9", "fault: is not known", ""},
		{"; server-no-context-takeover", "fault: is not known", ""},
		{"; server_no_context_takeover; mux", "fault: is not known", ""},
	} {
		ext := mustParse(t, deflateName+tt.params)
		require.Equal(t, tt.inOffer, paramsAgain(ext, true), "offer %q", tt.params)
		want := tt.inResponse
		if want == "" {
			want = tt.inOffer
		}
		require.Equal(t, want, paramsAgain(ext, false), "response %q", tt.params)

		s := extensionScanner{tt.params + ", next"}
		_, valid := scanOffer(&s)
		require.Equal(t, !strings.HasPrefix(tt.inOffer, "fault"), valid, "offer %q", tt.params)
		require.Equal(t, ", next", s.rest, "all parameters are taken, whatever they are")
	}
}

// paramsAgain takes the parameters one by one and writes them again.
func paramsAgain(ext Extension, inOffer bool) string {
	var p deflateParams
	for _, param := range ext.Params {
		before := p
		if fault := p.set(param, inOffer); fault != "" {
			if p != before {
				return "changed by what was refused"
			}
			return "fault: " + fault
		}
	}
	return strings.TrimPrefix(string(p.append(nil)), deflateName)
}

// All that append writes is read back as it was.
func TestDeflateParamsRoundTrip(t *testing.T) {
	bits := []int{0, 8, 9, 10, 11, 12, 13, 14, 15}
	for _, server := range bits {
		for _, client := range bits {
			for flags := range 4 {
				p := deflateParams{flags&1 != 0, flags&2 != 0, server, client}
				text := string(p.append([]byte("x")))
				require.Equal(t, "x"+deflateName, text[:1+len(deflateName)])
				var back deflateParams
				for _, param := range mustParse(t, text[1:]).Params {
					require.Empty(t, back.set(param, true), text)
				}
				require.Equal(t, p, back, text)
			}
		}
	}
}

func TestAgreedWindowsAreAlwaysSet(t *testing.T) {
	require.Equal(t, &Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, deflateParams{}.agreed())
	require.Equal(t, &Deflate{true, false, 9, 15}, deflateParams{true, false, 9, 0}.agreed())
	require.Equal(t, &Deflate{false, true, 15, 8}, deflateParams{false, true, 0, 8}.agreed())
}

func TestDeflateConfigBounds(t *testing.T) {
	require.NoError(t, (*DeflateConfig)(nil).check())
	for bits := -20; bits <= 40; bits++ {
		server := (&DeflateConfig{ServerMaxWindowBits: bits}).check()
		client := (&DeflateConfig{ClientMaxWindowBits: bits}).check()
		if bits == 0 || 8 <= bits && bits <= 15 {
			require.NoError(t, server)
			require.NoError(t, client)
			continue
		}
		require.EqualError(t, server, fmt.Sprintf("DeflateConfig.ServerMaxWindowBits is %d; it must be within 8 and 15, or 0 for 15", bits))
		require.EqualError(t, client, fmt.Sprintf("DeflateConfig.ClientMaxWindowBits is %d; it must be within 8 and 15, or 0 for 15", bits))
	}
}
