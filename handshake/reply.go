package handshake

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// appendSwitching appends the 101 response of RFC 6455, section 4.2.2.
func appendSwitching(dst []byte, g *grant, headers ...http.Header) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = appendAccept(dst, g.key)
	dst = append(dst, "\r\n"...)
	if g.subprotocol != "" {
		dst = appendField(dst, "Sec-WebSocket-Protocol", g.subprotocol)
	}
	if g.deflate != nil {
		dst = append(dst, "Sec-WebSocket-Extensions: "...)
		dst = append(g.answer.append(dst), "\r\n"...)
	}
	for _, header := range headers {
		dst = appendHeader(dst, header)
	}
	return append(dst, "\r\n"...)
}

// appendRejection appends the response that refuses a request of that method.
func appendRejection(dst []byte, rejection *Error, method string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(rejection.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(rejection.Status)...)
	dst = append(dst, "\r\nDate: "...)
	dst = time.Now().UTC().AppendFormat(dst, http.TimeFormat)
	dst = append(dst, "\r\nX-Content-Type-Options: nosniff\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(rejection.Body)), 10)
	dst = append(dst, "\r\n"...)
	if rejection.Header.Get("Content-Type") == "" {
		dst = appendField(dst, "Content-Type", "text/plain; charset=utf-8")
	}
	for name, values := range rejection.Header {
		for _, value := range values {
			dst = appendField(dst, name, value)
		}
	}
	dst = append(dst, "\r\n"...)
	if method == "HEAD" {
		return dst
	}
	return append(dst, rejection.Body...)
}

// appendHeader appends the fields that a program may add to ours.
func appendHeader(dst []byte, header http.Header) []byte {
	for name, values := range header {
		if isReserved(name) {
			continue
		}
		for _, value := range values {
			dst = appendField(dst, name, value)
		}
	}
	return dst
}

// appendField appends a field line; none if the name is not a token.
//
// RFC 9110, section 5.5: "a recipient of CR, LF, or NUL within a field value MUST
// either reject the message or replace each of those characters with SP". Ours
// is never put to that test.
func appendField(dst []byte, name, value string) []byte {
	if !isToken(name) {
		return dst
	}
	dst = appendName(dst, name)
	dst = append(dst, ": "...)
	for i := range len(value) {
		dst = append(dst, harmless(value[i]))
	}
	return append(dst, "\r\n"...)
}

func harmless(c byte) byte {
	if c == '\r' || c == '\n' || c == 0 {
		return ' '
	}
	return c
}

// cleanValue returns a field value as appendField writes it.
func cleanValue(value string) string {
	p := []byte(value)
	for i, c := range p {
		p[i] = harmless(c)
	}
	return string(p)
}

// appendName appends a field's name, and spells ours as the RFC does:
// http.Header makes it Sec-Websocket.
func appendName(dst []byte, name string) []byte {
	if rest, ok := strings.CutPrefix(name, "Sec-Websocket-"); ok {
		return append(append(dst, "Sec-WebSocket-"...), rest...)
	}
	return append(dst, name...)
}

// isReserved reports whether a field is not for the program to set: either the
// handshake decides it, or it would announce a body that does not come.
func isReserved(name string) bool {
	const prefix = "Sec-WebSocket-"
	if len(name) >= len(prefix) && equalFold(name[:len(prefix)], prefix) {
		return true
	}
	for _, reserved := range [...]string{"Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Trailer"} {
		if equalFold(name, reserved) {
			return true
		}
	}
	return false
}
