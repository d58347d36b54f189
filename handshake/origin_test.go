package handshake

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRule07Origin(t *testing.T) {
	for _, tt := range []struct {
		origin, host string
		tls          bool
		want         bool
	}{
		{"http://example.com", "example.com", false, true},
		{"https://example.com", "example.com", true, true},
		{"https://example.com", "example.com", false, true}, // TLS ends at a proxy
		{"http://example.com", "example.com", true, false},  // the page came without TLS: port 80, not 443
		{"HTTP://EXAMPLE.com", "example.COM", false, true},
		{"http://example.com", "www.example.com", false, false},
		{"http://www.example.com", "example.com", false, false},
		{"http://example.com.evil.example", "example.com", false, false},
		{"http://evilexample.com", "example.com", false, false},
		{"http://example.com", "evil.example", false, false},

		{"http://example.com:80", "example.com", false, true},
		{"https://example.com:443", "example.com", true, true},
		{"https://example.com", "example.com:443", false, true},
		{"https://example.com", "example.com:443", true, true},
		{"http://example.com", "example.com:80", false, true},
		{"http://example.com", "example.com:80", true, true},
		{"http://example.com:8080", "example.com:8080", false, true},
		{"http://example.com:8080", "example.com", false, false},
		{"http://example.com", "example.com:8080", false, false},
		{"http://example.com:443", "example.com", false, false},
		{"https://example.com", "example.com:80", false, false},
		{"https://example.com:80", "example.com", true, false},
		{"http://example.com:443", "example.com", true, true}, // odd, but the same host and port
		{"http://example.com:", "example.com", false, true},

		{"http://[::1]", "[::1]", false, true},
		{"http://[::1]:8080", "[::1]:8080", false, true},
		{"http://[::1]:8080", "[::1]:8081", false, false},
		{"http://[::1]", "[::2]", false, false},
		{"http://[2001:DB8::1]", "[2001:db8::1]", false, true},
		{"http://::1", "[::1]", false, false},
		{"http://127.0.0.1:3000", "127.0.0.1:3000", false, true},
		{"http://localhost:3000", "127.0.0.1:3000", false, false},

		{"null", "example.com", false, false},
		{"null", "null", false, false},
		{"", "example.com", false, false},
		{"example.com", "example.com", false, false},
		{"//example.com", "example.com", false, false},
		{"://example.com", "example.com", false, false},
		{"http://", "example.com", false, false},
		{"ht/tp://example.com", "example.com", false, false},
		{"0http://example.com", "example.com", false, false},
		{"http://example.com/", "example.com", false, false}, // an origin has no path
		{"http://example.com http://example.com", "example.com", false, false},
		{"http://user@example.com", "example.com", false, false},
		{"http://example.com:x", "example.com", false, false},
		{"http://example.com:99999", "example.com", false, false},
		{"http://example.com#", "example.com", false, false},
		{"ftp://example.com", "example.com", false, false},
		{"ftp://example.com:80", "example.com:80", false, false},
		{"chrome-extension://example.com", "example.com", false, false},
		{"http://example.com", "", false, false},
		{"http://example.com", "example.com:x", false, false},
	} {
		got, err := originAllowed([]string{tt.origin}, tt.host, tt.tls, nil)
		require.NoError(t, err)
		require.Equal(t, tt.want, got, "%q to %q, TLS %v", tt.origin, tt.host, tt.tls)
	}
}

func TestRule07NoneOrManyOrigins(t *testing.T) {
	allowed, err := originAllowed(nil, "example.com", false, nil)
	require.NoError(t, err)
	require.True(t, allowed)
	for _, values := range [][]string{
		{"http://example.com", "http://example.com"},
		{"http://example.com", "http://evil.example"},
	} {
		allowed, err := originAllowed(values, "example.com", false, []string{"*", "*://*"})
		require.NoError(t, err)
		require.False(t, allowed)
	}
}

func TestRule07OriginPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, origin string
		want            bool
	}{
		{"a.example", "https://a.example", true},
		{"a.example", "http://a.example", true},
		{"A.Example", "http://a.EXAMPLE", true},
		{"a.example", "https://b.a.example", false},
		{"a.example", "https://a.example:8443", false},
		{"a.example", "https://a.example:443", true},
		{"a.example:8443", "https://a.example:8443", true},
		{"a.example:*", "https://a.example:8443", true},
		{"a.example:*", "https://a.example", false},
		{"*.example", "https://b.a.example", true},
		{"*.a.example", "https://a.example", false},
		{"*.a.example", "https://evil-a.example", false},
		{"https://*.example", "https://a.example", true},
		{"https://*.example", "http://a.example", false},
		{"HTTPS://a.example", "https://a.example", true},
		{"http*://a.example", "https://a.example", true},
		{"*://a.example", "capacitor://a.example", true},
		{"chrome-extension://abcdef", "chrome-extension://abcdef", true},
		{"[::1]:8080", "http://[::1]:8080", true},
		{`\[::1\]:*`, "http://[::1]:8080", true},
		{"[ab].example", "http://b.example", true},
		{"?.example", "http://b.example", true},
		{"*", "https://any.example", true},
		{"*", "null", false},
		{"?ull", "null", false},
		{"null", "null", true},
		{"null", "http://null", true},
		{"file://", "file://", true},
		{"file://*", "file://", false},
		{"*", "file://", false},
		{"file://", "null", false},
		{"", "", false},
		{"*", "http://a b", false},
		{"*", "http://a/b", false},
		{"", "http://a.example", false},
		{"*", "a://b.example", true},
		{"*", "h2c://a.example", true},
		{"*", "web+a-b.c://a.example", true}, // RFC 3986, section 3.1: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
		{"*", "0http://a.example", false},
		{"*", "a_b://a.example", false},
		{"*", "a/b://a.example", false},
		{"*", "://a.example", false},
	} {
		got, err := originAllowed([]string{tt.origin}, "here.example", false, []string{"x.invalid", tt.pattern})
		require.NoError(t, err)
		require.Equal(t, tt.want, got, "%q for %q", tt.pattern, tt.origin)
	}
}

func TestBadOriginPattern(t *testing.T) {
	_, err := originAllowed([]string{"http://a.example"}, "b.example", false, []string{"[a"})
	require.ErrorIs(t, err, path.ErrBadPattern)
	require.ErrorContains(t, err, `"[a"`)
	allowed, err := originAllowed([]string{"http://b.example"}, "b.example", false, []string{"[a"})
	require.NoError(t, err)
	require.True(t, allowed, "the patterns are not needed for the same origin")
}

func TestOriginsTakeLinearTime(t *testing.T) {
	const n = 1 << 20
	for _, s := range []string{
		strings.Repeat("a", n), "http://" + strings.Repeat(":", n), "http://" + strings.Repeat("[", n),
		"http://" + strings.Repeat("a.", n/2), "http://a:" + strings.Repeat("0", n) + "80",
	} {
		_, err := originAllowed([]string{s}, "a", false, []string{"*.*.b"})
		require.NoError(t, err)
	}
}
