package handshake

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplitHostPort(t *testing.T) {
	for _, tt := range []struct {
		in, host, port string
		ok             bool
	}{
		{"example.com", "example.com", "", true},
		{"example.com:80", "example.com", "80", true},
		{"example.com:", "example.com", "", true},
		{"example.com:65535", "example.com", "65535", true},
		{"a_b-c~d.e", "a_b-c~d.e", "", true},
		{"a!$&'()*+,;=", "a!$&'()*+,;=", "", true},
		{"a%41", "a%41", "", false},
		{"127.0.0.1:1", "127.0.0.1", "1", true},
		{"[::1]", "[::1]", "", true},
		{"[::1]:8080", "[::1]", "8080", true},
		{"[fe80::1%eth0]:1", "[fe80::1%eth0]", "1", true},
		{"", "", "", false},
		{":80", "", "80", false},
		{"[]", "[]", "", false},
		{"[", "[", "", false},
		{"[::1", "[:", "1", false},
		{"::1]", "::1]", "", false},
		{"::1", ":", "1", false},
		{"a:b:80", "a:b", "80", false},
		{"[::1]x", "[::1]x", "", false},
		{"[::1]x:80", "[::1]x", "80", false},
		{"[a/b]", "[a/b]", "", false},
		{"[/a]", "[/a]", "", false},
		{"[a/]", "[a/]", "", false},
		{"[a]", "[a]", "", true},
		{"a:65536", "a", "65536", false},
		{"a:-1", "a", "-1", false},
		{"a:+1", "a", "+1", false},
		{"a:8 0", "a", "8 0", false},
		{"a b", "a b", "", false},
		{"a/b", "a/b", "", false},
		{"a@b", "a@b", "", false},
		{"a?b", "a?b", "", false},
		{"a#b", "a#b", "", false},
		{"a\\b", "a\\b", "", false},
		{"a\r\nb", "a\r\nb", "", false},
		{"bücher.example", "bücher.example", "", false},
	} {
		host, port, ok := splitHostPort(tt.in)
		require.Equal(t, tt.ok, ok, "%q", tt.in)
		if ok {
			require.Equal(t, []string{tt.host, tt.port}, []string{host, port}, "%q", tt.in)
		}
	}
}

func TestDefaultPort(t *testing.T) {
	for scheme, want := range map[string]string{
		"ws": "80", "http": "80", "wss": "443", "https": "443", "HTTPS": "443", "ftp": "", "": "",
	} {
		require.Equal(t, want, defaultPort(scheme), scheme)
	}
}

func TestSplitTarget(t *testing.T) {
	for _, tt := range []struct {
		in, uri, authority string
		ok                 bool
	}{
		{"/", "/", "", true},
		{"/a/b?c=d&e", "/a/b?c=d&e", "", true},
		{"//a/b", "//a/b", "", true},
		{"/a%20b", "/a%20b", "", true},
		{"/%aF%Fa%09%90", "/%aF%Fa%09%90", "", true},
		{"/!~", "/!~", "", true},     // the first and the last that ASCII can show
		{"/?%zz", "/?%zz", "", true}, // a query may be anything
		{"/?a?b", "/?a?b", "", true},
		{`/"<>\^{|}` + "`", `/"<>\^{|}` + "`", "", true},
		{"http://a", "/", "a", true},
		{"HTTP://a/", "/", "a", true},
		{"https://a:1/b?c", "/b?c", "a:1", true},
		{"ws://a?b/c", "/?b/c", "a", true},
		{"wss://[::1]/", "/", "[::1]", true},
		{"http://u:p@a/", "/", "u:p@a", true}, // the authority is looked at by judge
		{"", "", "", false},
		{"*", "", "", false},
		{"a", "", "", false},
		{"a:80", "", "", false},
		{"http:/a", "", "", false},
		{"http://", "", "", false},
		{"http:///a", "", "", false},
		{"://a/", "", "", false},
		{"ftp://a/", "", "", false},
		{"/a b", "", "", false},
		{"/a#", "", "", false},
		{"http://a/#b", "", "", false},
		{"/%", "", "", false},
		{"/%4", "", "", false},
		{"/%4g", "", "", false},
		{"/%g4", "", "", false},
		{"/%41%4g", "", "", false},
		{"/a%4?1", "", "", false},
		{"http://a/%", "", "", false},
		{"/\t", "", "", false},
		{"/\x7f", "", "", false},
		{"/ü", "", "", false},
	} {
		uri, authority, ok := splitTarget(tt.in)
		require.Equal(t, tt.ok, ok, "%q", tt.in)
		if ok {
			require.Equal(t, []string{tt.uri, tt.authority}, []string{uri, authority}, "%q", tt.in)
		}
	}
}
