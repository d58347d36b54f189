package handshake

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRule06ParseExtensions(t *testing.T) {
	for _, tt := range []struct {
		header []string
		want   []Extension
		text   string // the elements as String writes them
	}{
		{nil, nil, ""},
		{[]string{""}, nil, ""},
		{[]string{" ,\t, "}, nil, ""},
		{[]string{"foo"}, []Extension{{Name: "foo"}}, "foo"},
		{[]string{"foo, bar", "baz"}, []Extension{{Name: "foo"}, {Name: "bar"}, {Name: "baz"}}, "foo, bar, baz"},
		{
			// RFC 6455, section 9.1
			[]string{"bar; baz=2"},
			[]Extension{{"bar", []Param{{"baz", "2"}}}},
			"bar; baz=2",
		},
		{
			// RFC 7692, section 7.1
			[]string{"permessage-deflate; client_max_window_bits; server_max_window_bits=10"},
			[]Extension{{"permessage-deflate", []Param{{"client_max_window_bits", ""}, {"server_max_window_bits", "10"}}}},
			"permessage-deflate; client_max_window_bits; server_max_window_bits=10",
		},
		{[]string{` foo ; a = "1" ;b= 2 ,`}, []Extension{{"foo", []Param{{"a", "1"}, {"b", "2"}}}}, "foo; a=1; b=2"},
		{
			[]string{`foo; a="b,c;d=e", bar`},
			[]Extension{{"foo", []Param{{"a", "b,c;d=e"}}}, {Name: "bar"}},
			`foo; a="b,c;d=e", bar`,
		},
		{
			[]string{`foo; a="\"\\\x"`},
			[]Extension{{"foo", []Param{{"a", `"\x`}}}},
			`foo; a="\"\\x"`,
		},
		{[]string{`foo; a=" "`}, []Extension{{"foo", []Param{{"a", " "}}}}, `foo; a=" "`},
		{[]string{"foo; a=1; a=2; A=3"}, []Extension{{"foo", []Param{{"a", "1"}, {"a", "2"}, {"A", "3"}}}}, "foo; a=1; a=2; A=3"},
		{[]string{"foo, foo"}, []Extension{{Name: "foo"}, {Name: "foo"}}, "foo, foo"},
	} {
		exts, err := ParseExtensions(tt.header)
		require.NoError(t, err, tt.header)
		require.NoError(t, checkExtensions(tt.header), tt.header)
		require.Equal(t, tt.want, exts, tt.header)
		var texts []string
		for _, ext := range exts {
			texts = append(texts, ext.String())
			require.Equal(t, "x"+ext.String(), string(ext.Append([]byte("x"))))
		}
		require.Equal(t, tt.text, strings.Join(texts, ", "))
	}
}

func TestRule06MalformedExtensions(t *testing.T) {
	for _, line := range []string{
		";", "=", `"foo"`, "foo bar", "foo;", "foo;;a", "foo; =", "foo; a=", "foo; a=,", "foo; a==b", "foo; a=b=c", "foo=1",
		`foo; a="`, `foo; a="b`, `foo; a="b\`, `foo; a="b\"`, `foo; a=""`, `foo; a="b"c`, `foo; a=b"c"`, `foo; "a"=b`,
		"foo; a=\"\x00\"", "foo; a=\"\\\x00\"", "föö", "foo; a=ö", "foo;\x00", "foo/1",
	} {
		exts, err := ParseExtensions([]string{"good", line})
		require.Error(t, err, line)
		require.Nil(t, exts, line)
		require.Contains(t, err.Error(), "expected", "it says what was expected")
		require.Equal(t, err, checkExtensions([]string{"good", line}))
		require.Less(t, len(err.Error()), 400)
	}
}

func TestRule06ExtensionsTakeLinearTime(t *testing.T) {
	const n = 1 << 20
	for _, line := range []string{
		strings.Repeat(" ", n),
		strings.Repeat(",", n),
		strings.Repeat(" ,", n/2),
		strings.Repeat("a;", n/2),
		"a; b=\"" + strings.Repeat(`\`, n),
		"a; b=\"" + strings.Repeat(`\`, n) + `"`,
		"a; b=\"" + strings.Repeat(`\"`, n/2) + `"`,
		"a" + strings.Repeat(" ", n) + "b",
		strings.Repeat(`a; b="c", `, n/10),
		strings.Repeat(`"`, n),
	} {
		_, _ = ParseExtensions([]string{line})
		_ = checkExtensions([]string{line})
	}
}
