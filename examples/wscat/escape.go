package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// safe returns p as it may be shown on a terminal, whoever wrote it: what is not
// UTF-8, and what a terminal takes for an order, is escaped. Newlines and tabs
// stay. Backslashes do too, so that what is shown is for people to read, and not
// to be parsed.
func safe(p []byte) string {
	text := make([]byte, 0, len(p))
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && n == 1:
			text = append(text, `\x`...)
			text = append(text, hexDigits[p[0]>>4], hexDigits[p[0]&15])
		case r == '\n' || r == '\t':
			text = append(text, p[0])
		case isOrder(r):
			quoted := strconv.QuoteRuneToASCII(r)
			text = append(text, quoted[1:len(quoted)-1]...)
		default:
			text = append(text, p[:n]...)
		}
		p = p[n:]
	}
	return string(text)
}

const hexDigits = "0123456789abcdef"

// isOrder reports whether a terminal does something for r other than to show it:
// the controls of both sets (escape sequences may begin with U+009B too), and
// what turns the direction of the text around, which makes a line read as what it
// does not say.
func isOrder(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// oneLine is safe for text that must stay on its line, cut to about limit bytes.
func oneLine(p []byte, limit int) string {
	cut := ""
	if len(p) > limit {
		end := limit
		for end > max(0, limit-utf8.UTFMax) && !utf8.RuneStart(p[end]) {
			end-- // not in the middle of a character
		}
		p, cut = p[:end], "…"
	}
	line := strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(safe(p))
	return line + cut
}
