package handshake

import "strings"

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// classes has a bit for every class that a character belongs to. It saves time where
// it is spent: most of a header is looked at with it.
var classes = func() (table [256]uint8) {
	for class, also := range map[uint8]string{
		tokenClass:  "-!#$%&'*+.^_`|~",
		hostClass:   "-._~!$&'()*+,;=",
		zoneClass:   ":.-_~%",
		base64Class: "+/",
	} {
		for i := range table {
			if c := byte(i); isAlphanumeric(c) || strings.IndexByte(also, c) >= 0 {
				table[i] |= class
			}
		}
	}
	return table
}()

const (
	tokenClass  = 1 << iota // tchar of RFC 9110, section 5.6.2
	hostClass               // unreserved and sub-delims of RFC 3986; nobody percent-encodes a host
	zoneClass               // of an IPv6 address, maybe with its zone
	base64Class             // the digits of RFC 4648, section 4
)

// isTokenChar is tchar of RFC 9110, section 5.6.2.
func isTokenChar(c byte) bool { return classes[c]&tokenClass != 0 }

// all reports whether all of s belongs to class.
func all(s string, class uint8) bool {
	for i := range len(s) {
		class &= classes[s[i]]
	}
	return class != 0
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool { return s != "" && tokenLen(s) == len(s) }

// tokenLen returns the length of the token that s begins with, 0 if with none.
func tokenLen(s string) int {
	for i := range len(s) {
		if !isTokenChar(s[i]) {
			return i
		}
	}
	return len(s)
}

// isFieldValue reports whether s may stand as the value of a header field: no
// control character but the tab (RFC 9110, section 5.5).
func isFieldValue(s string) bool {
	for len(s) >= 8 && !mayHaveControl(s) {
		s = s[8:]
	}
	for i := range len(s) {
		if isControl(s[i]) {
			return false
		}
	}
	return true
}

// mayHaveControl reports whether one of the first 8 bytes of s is a control
// character or a tab, all at once: a byte's top bit remains set where subtracting
// from it has borrowed, and was not set before. What is borrowed by one byte from
// the next can only make it report too much.
func mayHaveControl(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	del := v ^ 0x7f*ones // zero where v has a DEL
	return ((v-' '*ones)&^v|(del-ones)&^del)&tops != 0
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
	return len(a) == len(b) && (a == b || foldsAlike(a, b)) // mostly, they are written alike
}

func foldsAlike(a, b string) bool {
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
	if len(lists) > 0 && lists[0] == token {
		return true // as it mostly is
	}
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
