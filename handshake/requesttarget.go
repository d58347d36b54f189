package handshake

import "strings"

// splitTarget returns the request target in origin-form, and the authority if it
// came in absolute-form, as through a proxy (RFC 9112, section 3.2).
func splitTarget(target string) (uri, authority string, ok bool) {
	if !isTarget(target) {
		return "", "", false
	}
	if target[0] == '/' {
		return target, "", validEscapes(target)
	}
	scheme, rest, _ := strings.Cut(target, "://")
	if defaultPort(scheme) == "" {
		return "", "", false
	}
	uri = "/"
	authority = rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, uri = rest[:i], rest[i:]
	}
	if uri[0] == '?' {
		uri = "/" + uri
	}
	return uri, authority, authority != "" && validEscapes(uri)
}

// isTarget reports whether s has only what a URI may have. A fragment is no part
// of it: RFC 6455, section 3: "Fragment identifiers are meaningless in the
// context of WebSocket URIs and MUST NOT be used on these URIs."
func isTarget(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return s != ""
}

// validEscapes reports whether every % of the path is followed by two hex digits.
// Queries are what a program makes of them.
func validEscapes(uri string) bool {
	path, _, _ := strings.Cut(uri, "?")
	for {
		i := strings.IndexByte(path, '%')
		if i < 0 {
			return true
		}
		if len(path) < i+3 || !isHex(path[i+1]) || !isHex(path[i+2]) {
			return false
		}
		path = path[i+3:]
	}
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'f'
}
