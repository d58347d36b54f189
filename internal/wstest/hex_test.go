package wstest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHex(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"  # nothing but a comment", ""},
		{"4865", "He"},
		{"48 65\n6C\t6c # two l's\n6f", "Hello"},
		{"4 8 6 5", "He"},
		{"48 # 65\n# 66\n67", "Hg"},
	} {
		require.Equal(t, tt.want, string(Hex(tt.in)), "%q", tt.in)
	}
}

func TestHexRefusesWhatIsNotHex(t *testing.T) {
	for _, bad := range []string{"4", "0x48", "48 6", "48, 65", "// 48", "g0"} {
		require.Panics(t, func() { Hex(bad) }, "%q", bad)
	}
}

func TestHexDump(t *testing.T) {
	require.Equal(t, "", HexDump(nil))
	require.Equal(t, ""+
		"81 05 48 65 6c 6c 6f                             # 0000 ..Hello\n",
		HexDump([]byte("\x81\x05Hello")))
	long := strings.Repeat("0123456789abcdef", 2) + "\xff~"
	require.Contains(t, HexDump([]byte(long)), "\nff 7e                                            # 0020 .~\n")
	require.Equal(t, long, string(Hex(HexDump([]byte(long)))), "Hex reads what HexDump writes")
}
