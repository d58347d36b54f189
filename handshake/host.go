package handshake

import "strings"

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// splitHostPort takes the authority "host:port", "host" or "[v6]:port" apart
// (RFC 3986, section 3.2, without user information). The host keeps its
// brackets; the port is "" if there is none.
func splitHostPort(s string) (host, port string, ok bool) {
	host = s
	// The last colon, if it is not within brackets.
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.Contains(s[i:], "]") {
		host, port = s[:i], s[i+1:]
	}
	return host, port, isHost(host) && (port == "" || isPort(port))
}

func isPort(s string) bool {
	n := 0
	for i := range len(s) {
		if n = n*10 + int(s[i]-'0'); !isDigit(s[i]) || n > 65535 {
			return false
		}
	}
	return s != ""
}

// isHost reports whether s is a name or an address as a URI has it.
func isHost(s string) bool {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return len(s) > 2 && all(s[1:len(s)-1], zoneClass)
	}
	return s != "" && all(s, hostClass)
}

// defaultPort returns the port that a URL of that scheme leaves out, "" for a
// scheme that is none of ours.
func defaultPort(scheme string) string {
	switch {
	case equalFold(scheme, "ws"), equalFold(scheme, "http"):
		return "80"
	case equalFold(scheme, "wss"), equalFold(scheme, "https"):
		return "443"
	}
	return ""
}
