package vectors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBytes(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{``, ""},
		{`# a comment`, ""},
		{`61`, "a"},
		{`6162 63`, "abc"},
		{"\t61 # a\n62 # b, not 63\n", "ab"},
		{`FF fE`, "\xff\xfe"},
		{`"abc"`, "abc"},
		{`"é" "\xff\n\"" `, "é\xff\n\""},
		{`"# is no comment"`, "# is no comment"},
		{`"(" 61 ")"`, "(a)"},
		{`61"b"63`, "abc"},
		{`61*3`, "aaa"},
		{`6162*2`, "abab"},
		{`"ab"*2 63*0 64`, "ababd"},
		{`(61 "b")*2 63`, "ababc"},
		{`(61 (62)*2)*2`, "abbabb"},
		{`(61 # with a comment
		   62)*2`, "abab"},
		{`()*5`, ""},
		{`61*1048576 62`, string(make1MiB('a')) + "b"},
	} {
		got, mark, err := parseBytes(tt.in)
		require.NoError(t, err, tt.in)
		require.Equal(t, tt.want, string(got), tt.in)
		require.Equal(t, noMark, mark, tt.in)
	}
}

func make1MiB(c byte) []byte {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = c
	}
	return b
}

func TestMark(t *testing.T) {
	for in, want := range map[string]int{
		`! 61`:          0,
		`61 ! 62`:       1,
		`61!62`:         1,
		`61*3 ! "b"`:    3,
		`61 62 !`:       2,
		`"!" 61 ! 62`:   2,
		"61 # !\n ! 62": 1,
	} {
		_, mark, err := parseBytes(in)
		require.NoError(t, err, in)
		require.Equal(t, want, mark, in)
	}
}

func TestBytesErrors(t *testing.T) {
	for in, want := range map[string]string{
		`6`:                    `"6" is not hex with two digits a byte`,
		`61 x`:                 `"x" is not hex`,
		`0x61`:                 `"0x61" is not hex`,
		`61,62`:                `"61,62" is not hex`,
		`*3`:                   `"" is not hex`,
		`"abc`:                 `does not begin with text in double quotes`,
		`"\q"`:                 `does not begin with text in double quotes`,
		`(61`:                  `a ( without its )`,
		`(61))`:                `a ) without its (`,
		`) 61`:                 `a ) without its (`,
		`61*`:                  `"" is not a repeat count`,
		`61*-1`:                `"" is not a repeat count`,
		`61*x`:                 `"" is not a repeat count`,
		`61*99999999999999999`: `is not a repeat count up to 67108864`,
		`61*67108865`:          `is not a repeat count up to 67108864`,
		`6162*67108864`:        `more than 67108864 bytes`,
		`((61*10000)*10000)*9`: `more than 67108864 bytes`,
		`61 ! 62 !`:            `a second !`,
		`(61 !)*2`:             `in parentheses`,
	} {
		_, _, err := parseBytes(in)
		require.ErrorContains(t, err, want, in)
	}
}
