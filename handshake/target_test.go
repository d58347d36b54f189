package handshake

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRule14URLs(t *testing.T) {
	for _, tt := range []struct {
		url                   string
		addr, host, name, uri string
		secure                bool
	}{
		{"ws://example.com", "example.com:80", "example.com", "example.com", "/", false},
		{"WSS://Example.com/", "Example.com:443", "Example.com", "Example.com", "/", true},
		{"http://example.com/a", "example.com:80", "example.com", "example.com", "/a", false},
		{"https://example.com/a", "example.com:443", "example.com", "example.com", "/a", true},
		{"ws://example.com:80/", "example.com:80", "example.com", "example.com", "/", false},
		{"ws://example.com:080/", "example.com:80", "example.com", "example.com", "/", false},
		{"ws://example.com:443/", "example.com:443", "example.com:443", "example.com", "/", false},
		{"wss://example.com:443/", "example.com:443", "example.com", "example.com", "/", true},
		{"wss://example.com:80/", "example.com:80", "example.com:80", "example.com", "/", true},
		{"ws://example.com:/", "example.com:80", "example.com", "example.com", "/", false},
		{"ws://127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", "/", false},
		{"ws://[::1]/", "[::1]:80", "[::1]", "::1", "/", false},
		{"wss://[::1]:8443/", "[::1]:8443", "[::1]:8443", "::1", "/", true},
		{"wss://[fe80::1%25eth0]:8443/", "[fe80::1%eth0]:8443", "[fe80::1]:8443", "fe80::1", "/", true},
		{"ws://a?b", "a:80", "a", "a", "/?b", false},
		{"ws://a/?", "a:80", "a", "a", "/?", false},
		{"ws://a//b/../c", "a:80", "a", "a", "//b/../c", false},
		{"ws://a/%2F%20%c3%bc", "a:80", "a", "a", "/%2F%20%c3%bc", false},
		{"ws://a/ü b", "a:80", "a", "a", "/%C3%BC%20b", false},
		{"ws://a/?q=ü b%zz", "a:80", "a", "a", "/?q=%C3%BC%20b%zz", false},
		{"ws://a/!~?~!", "a:80", "a", "a", "/!~?~!", false},
		{"ws://a/%23", "a:80", "a", "a", "/%23", false},
		{"ws://xn--bcher-kva.example/", "xn--bcher-kva.example:80", "xn--bcher-kva.example", "xn--bcher-kva.example", "/", false},
	} {
		got, err := parseTarget(tt.url)
		require.NoError(t, err, tt.url)
		require.Equal(t, []string{tt.addr, tt.host, tt.name, tt.uri}, []string{got.addr, got.host, got.name, got.uri}, tt.url)
		require.Equal(t, tt.secure, got.secure, tt.url)
		require.Empty(t, got.auth, tt.url)
		_, _, ok := splitTarget(got.uri)
		require.True(t, ok, "our own server takes it")
	}
}

// What must not stand in a request line is escaped, also what url.Parse refuses.
func TestEscape(t *testing.T) {
	for uri, want := range map[string]string{
		"/!~":       "/!~",
		"/ ":        "/%20",
		"/\x7F":     "/%7F",
		"/\x00\xFF": "/%00%FF",
		"/%zz":      "/%zz",
	} {
		require.Equal(t, want, escape(uri), "%q", uri)
	}
}

func TestRule14UserInfoBecomesBasicAuthorization(t *testing.T) {
	for url, auth := range map[string]string{
		"ws://user:pass@a/":     "Basic dXNlcjpwYXNz",
		"ws://user@a/":          "Basic dXNlcjo=",
		"ws://u%40x:p%3Ay@a/":   "Basic dUB4OnA6eQ==",
		"ws://:p@a/":            "Basic OnA=",
		"ws://@a/":              "",
		"ws://a/user:pass@b?@c": "",
	} {
		got, err := parseTarget(url)
		require.NoError(t, err, url)
		require.Equal(t, auth, got.auth, url)
		require.Equal(t, "a", got.host, url)
		require.Nil(t, got.url.User, "it is in no URL that others see")
	}
}

func TestRule14BadURLs(t *testing.T) {
	for url, fault := range map[string]string{
		"":                           "scheme",
		"example.com":                "scheme",
		"//example.com":              "scheme",
		"/chat":                      "scheme",
		"ftp://example.com":          `"ftp"`,
		"ws+unix:///run/s:/chat":     "for a Unix socket set NetDial to UnixDial(path)",
		"ws:example.com":             "no host",
		"ws://":                      "no host",
		"ws:///chat":                 "no host",
		"ws://a/#":                   "fragment",
		"ws://a/#b":                  "fragment",
		"ws://a#b":                   "fragment",
		"ws://a:0/":                  "port",
		"ws://a:65536/":              "port",
		"ws://a:x/":                  "port",
		"ws://:80/":                  "not a name",
		"ws://a b/":                  "host",
		"ws://bücher.example/":       "xn--",
		"ws://b%C3%BCcher.example/":  "xn--",
		"ws://[::1/":                 "]",
		"ws://a/%zz":                 "%zz",
		"ws://a/\n":                  "control",
		"ws://user:secret@[::1":      "]",
		"ws://user:secret@a:65536/b": "port",
	} {
		_, err := parseTarget(url)
		require.ErrorContains(t, err, fault, url)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestIsSameOrigin(t *testing.T) {
	of := func(url string) *target {
		got, err := parseTarget(url)
		require.NoError(t, err)
		return &got
	}
	base := of("ws://example.com/a")
	for url, want := range map[string]bool{
		"ws://example.com":       true,
		"http://EXAMPLE.com:80":  true,
		"ws://u@example.com":     true,
		"wss://example.com":      false,
		"wss://example.com:80":   false,
		"ws://example.com:81":    false,
		"ws://a.example.com":     false,
		"ws://example.com.":      false,
		"ws://example.community": false,
	} {
		require.Equal(t, want, base.isSameOrigin(of(url)), url)
	}
}

func TestCookieURL(t *testing.T) {
	for url, want := range map[string]string{
		"ws://u:p@a:81/b?c": "http://a:81/b?c",
		"wss://a/":          "https://a/",
		"https://a":         "https://a",
	} {
		got, err := parseTarget(url)
		require.NoError(t, err)
		require.Equal(t, want, got.cookieURL().String())
	}
}
