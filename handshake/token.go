package handshake

import "strings"

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isTokenChar is tchar of RFC 9110, section 5.6.2.
func isTokenChar(c byte) bool {
	return isAlphanumeric(c) || c == '-' || strings.IndexByte("!#$%&'*+.^_`|~", c) >= 0
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether s may stand as the value of a header field: no
// control character but the tab (RFC 9110, section 5.5).
func isFieldValue(s string) bool {
	for i := range len(s) {
		if isControl(s[i]) {
			return false
		}
	}
	return true
}

// isControl reports whether c is a control character other than the tab.
func isControl(c byte) bool {
	return c < ' ' && c != '\t' || c == 0x7f
}

// trimSpace cuts optional white space, OWS of RFC 9110, off both ends.
func trimSpace(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// equalFold compares regardless of ASCII case. [strings.EqualFold] would take a
// Kelvin sign for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// cutElement takes the first element off a comma-separated list, trimmed. An
// element may be empty: RFC 9110, section 5.6.1.2, has recipients ignore those.
func cutElement(list string) (element, rest string) {
	element, rest, _ = strings.Cut(list, ",")
	return trimSpace(element), rest
}

// hasToken reports whether one of the comma-separated lists has the token, in
// any case.
func hasToken(lists []string, token string) bool {
	for _, list := range lists {
		for list != "" {
			var element string
			if element, list = cutElement(list); equalFold(element, token) {
				return true
			}
		}
	}
	return false
}
