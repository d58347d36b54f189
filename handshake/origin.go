package handshake

import (
	"fmt"
	"path"
	"strings"
)

// origin is a serialised origin, "https://example.com:8443" (RFC 6454, section
// 6.2). The port is "" where it is the scheme's default.
type origin struct {
	scheme, host, port string
}

func parseOrigin(s string) (o origin, ok bool) {
	scheme, authority, found := strings.Cut(s, "://")
	if !found || !isScheme(scheme) {
		return origin{}, false
	}
	host, port, ok := splitHostPort(authority)
	if port == defaultPort(scheme) {
		port = ""
	}
	return origin{strings.ToLower(scheme), strings.ToLower(host), port}, ok
}

// isScheme reports whether s is a URI scheme (RFC 3986, section 3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && !isDigit(s[0])
}

// authority returns host[:port].
func (o origin) authority() string {
	if o.port == "" {
		return o.host
	}
	return o.host + ":" + o.port
}

// isSame reports whether a page of this origin and the authority host belong
// together. Whether the page came over TLS is not compared as such, since TLS may
// end at a proxy in front of us: a host without a port has the default one of
// its scheme if the scheme is known, which it is with TLS, and otherwise the
// default one of the origin's.
func (o origin) isSame(host string, tls bool) bool {
	name, port, ok := splitHostPort(host)
	ours := defaultPort(o.scheme)
	if !ok || ours == "" || !equalFold(name, o.host) {
		return false
	}
	theirs := ours
	if tls {
		theirs = "443"
	}
	if o.port != "" {
		ours = o.port
	}
	if port != "" {
		theirs = port
	}
	return ours == theirs
}

// originAllowed decides about the values of the Origin field of a request to
// host. It is the whole default policy; an error is a fault of the patterns.
//
// RFC 6455, section 10.2: "Servers that are not intended to process input from
// any web page but only for certain sites SHOULD verify the |Origin| field is an
// origin they expect."
func originAllowed(values []string, host string, tls bool, patterns []string) (bool, error) {
	switch len(values) {
	case 0:
		return true, nil // not a browser: it could say what it likes
	case 1:
	default:
		return false, nil
	}
	o, ok := parseOrigin(values[0])
	if ok && o.isSame(host, tls) {
		return true, nil
	}
	for _, pattern := range patterns {
		matched, err := matchOrigin(pattern, values[0], o, ok)
		if err != nil || matched {
			return matched, err
		}
	}
	return false, nil
}

// matchOrigin matches the origin, parsed if ok, against one pattern of
// ServerConfig.OriginPatterns.
func matchOrigin(pattern, value string, o origin, ok bool) (bool, error) {
	if !ok {
		return value != "" && value == pattern, nil // no host for a wildcard to match
	}
	pattern, name := strings.ToLower(pattern), o.authority()
	if strings.Contains(pattern, "://") {
		name = o.scheme + "://" + name
	}
	if pattern == name {
		return true, nil
	}
	matched, err := path.Match(pattern, name)
	if err != nil {
		return false, fmt.Errorf("origin pattern %q: %w", pattern, err)
	}
	return matched, nil
}
