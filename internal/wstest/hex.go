package wstest

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Hex reads annotated hex: two digits a byte, in either case, with white space
// wherever it helps and # comments to the end of the line. It panics on
// anything else, for the text is part of the test.
//
//	wstest.Hex(`
//		81 05          # TEXT FIN, 5 bytes
//		48 65 6c 6c 6f # "Hello"
//	`)
func Hex(s string) []byte {
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		for field := range strings.FieldsSeq(line) {
			digits.WriteString(field)
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		panic(fmt.Sprintf("wstest.Hex: %v in %q; write two hex digits a byte and comments after #", err, s))
	}
	return b
}

// HexDump writes b as Hex reads it, 16 bytes a line, each line with its offset
// and its printable characters as the comment.
func HexDump(b []byte) string {
	var s strings.Builder
	for off := 0; off < len(b); off += 16 {
		row := b[off:min(off+16, len(b))]
		fmt.Fprintf(&s, "% -48x # %04x %s\n", row, off, strings.Map(printable, latin1(row)))
	}
	return s.String()
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '.'
	}
	return r
}
