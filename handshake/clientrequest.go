package handshake

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// defaultUserAgent is for programs that do not say who they are. RFC 9110, section
// 10.1.5: "A user agent SHOULD send a User-Agent header field in each request
// unless specifically configured not to do so." Some firewalls insist on it.
const defaultUserAgent = "parley"

// checkSubprotocols refuses what must not be offered. RFC 6455, section 4.1:
// "The elements that comprise this value MUST be non-empty strings with
// characters in the range U+0021 to U+007E not including separator characters
// as defined in [RFC2616] and MUST all be unique strings."
func checkSubprotocols(names []string) error {
	for i, name := range names {
		if !isToken(name) {
			return fmt.Errorf("the subprotocol %q is not a token", name)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("the subprotocol %q is there twice", name)
		}
	}
	return nil
}

// canonicalHeader returns a copy of h with canonical names, or says what in it
// cannot be sent.
func canonicalHeader(h http.Header) (http.Header, error) {
	header := make(http.Header, len(h))
	for name, values := range h {
		if !isToken(name) {
			return nil, fmt.Errorf("the header name %q is not a token", name)
		}
		if isReserved(name) {
			return nil, fmt.Errorf("the header %s must not be set, the handshake does that; for subprotocols use Subprotocols", name)
		}
		for _, value := range values {
			if !isFieldValue(value) {
				return nil, fmt.Errorf("a value of the header %s has a control character", name)
			}
			header.Add(name, trimSpace(value))
		}
	}
	if cookies := header["Cookie"]; len(cookies) > 1 {
		header.Set("Cookie", strings.Join(cookies, "; ")) // RFC 6265, section 5.4: one field
	}
	if err := checkHost(header["Host"]); err != nil {
		return nil, err
	}
	return header, nil
}

func checkHost(values []string) error {
	switch len(values) {
	case 0:
		return nil
	case 1:
		if _, _, ok := splitHostPort(values[0]); ok {
			return nil
		}
	}
	return errors.New("the header Host must have one value, a host with a port or without")
}

// requestHeader returns the fields for a request to t beside those of the
// handshake: the program's, the credentials of the URL, and the jar's cookies.
func (c *client) requestHeader(t *target) http.Header {
	r := http.Request{Header: c.header.Clone()}
	if r.Header["Host"] == nil {
		r.Header.Set("Host", t.host)
	}
	setUserAgent(r.Header)
	if t.auth != "" && r.Header["Authorization"] == nil {
		r.Header.Set("Authorization", t.auth)
	}
	if c.cfg.Jar != nil {
		for _, cookie := range c.cfg.Jar.Cookies(t.cookieURL()) {
			r.AddCookie(cookie)
		}
	}
	return r.Header
}

// setUserAgent has an empty User-Agent not be sent, and one be sent where there is
// none.
func setUserAgent(header http.Header) {
	switch agent := header["User-Agent"]; {
	case agent == nil:
		header.Set("User-Agent", defaultUserAgent)
	case agent[0] == "":
		header.Del("User-Agent")
	}
}

// appendRequest appends the request of RFC 6455, section 4.1. The fields come in
// a fixed order: Host, those of the handshake, the others by name.
func appendRequest(dst []byte, uri, key string, cfg *ClientConfig, header http.Header) []byte {
	dst = append(dst, "GET "...)
	dst = append(dst, uri...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", header.Get("Host"))
	dst = append(dst, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"...)
	dst = appendField(dst, "Sec-WebSocket-Key", key)
	if len(cfg.Subprotocols) > 0 {
		dst = appendField(dst, "Sec-WebSocket-Protocol", strings.Join(cfg.Subprotocols, ", "))
	}
	if cfg.Deflate != nil {
		dst = append(dst, "Sec-WebSocket-Extensions: "...)
		dst = append(cfg.Deflate.offer().append(dst), "\r\n"...)
	}
	return append(appendSorted(dst, header), "\r\n"...)
}

// appendSorted appends the fields by name, but for the Host.
func appendSorted(dst []byte, header http.Header) []byte {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if name == "Host" {
			continue
		}
		for _, value := range header[name] {
			dst = appendField(dst, name, value)
		}
	}
	return dst
}
