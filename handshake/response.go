package handshake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// response is a parsed response: what judgeResponse needs to know.
type response struct {
	major, minor, status int
	header               http.Header
}

// newResponse makes a response of a head, with no views in it.
func newResponse(h *head) *response {
	var r response
	r.major, r.minor, r.status, _ = cutStatusLine(h.start)
	r.header = make(http.Header, len(h.fields))
	for _, f := range h.fields {
		r.header.Add(strings.Clone(f.name), strings.Clone(f.value))
	}
	return &r
}

// isInterim reports whether another response follows (RFC 9110, section 15.2).
func (r *response) isInterim() bool {
	return 100 <= r.status && r.status < 200 && r.status != 101
}

// checkStatusLine refuses a line that is no status line.
func checkStatusLine(line string) error {
	if _, _, _, ok := cutStatusLine(line); !ok {
		return malformed("the first line is not an HTTP status line")
	}
	return nil
}

// cutStatusLine cuts "HTTP/1.1 101 Switching Protocols" (RFC 9112, section 4).
// Some servers leave out the space before an empty reason.
func cutStatusLine(line string) (major, minor, status int, ok bool) {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	major, minor, ok = parseVersion(version)
	if len(code) != 3 || !isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]) {
		return 0, 0, 0, false
	}
	status, _ = strconv.Atoi(code)
	return major, minor, status, ok && status >= 100
}

// granted is what a response has agreed to.
type granted struct {
	subprotocol string
	deflate     *Deflate
}

// judgeResponse decides about a 101 response by the rules of RFC 6455, section
// 4.1: what was agreed, or why the client "MUST _Fail the WebSocket Connection_".
// Whatever the response says of a body, there is none: frames follow.
func judgeResponse(r *response, key string, cfg *ClientConfig) (g granted, fault string) {
	upgrade, accept := r.header["Upgrade"], r.header["Sec-Websocket-Accept"]
	switch {
	case r.major != 1 || r.minor < 1:
		return granted{}, "a 101 response must be HTTP/1.1"
	// "contains a value that is not an ASCII case-insensitive match for the
	// value 'websocket'"
	case len(upgrade) != 1 || !equalFold(upgrade[0], "websocket"):
		return granted{}, "the response must have the Upgrade header with the one value websocket"
	// "doesn't contain a token that is an ASCII case-insensitive match for the
	// value 'Upgrade'"
	case !hasToken(r.header["Connection"], "upgrade"):
		return granted{}, "the Connection header of the response must have upgrade"
	case len(accept) != 1 || accept[0] != AcceptKey(key):
		return granted{}, "the Sec-WebSocket-Accept header of the response must answer our key; the server does not speak WebSocket, or a cache answered"
	}
	return judgeAgreement(r.header, cfg)
}

// judgeAgreement looks at what the response has agreed to, over HTTP/1.1 and HTTP/2.
func judgeAgreement(header http.Header, cfg *ClientConfig) (g granted, fault string) {
	if g.deflate, fault = judgeExtensions(header["Sec-Websocket-Extensions"], cfg.Deflate); fault != "" {
		return granted{}, fault
	}
	if g.subprotocol, fault = judgeSubprotocol(header["Sec-Websocket-Protocol"], cfg.Subprotocols); fault != "" {
		return granted{}, fault
	}
	return g, ""
}

// judgeExtensions: "If the response includes a |Sec-WebSocket-Extensions| header
// field and this header field indicates the use of an extension that was not
// present in the client's handshake". All there may be is one permessage-deflate:
// it was offered once.
func judgeExtensions(header []string, offered *DeflateConfig) (d *Deflate, fault string) {
	exts, err := ParseExtensions(header)
	if err != nil {
		return nil, "malformed Sec-WebSocket-Extensions header in the response: " + err.Error()
	}
	for i, ext := range exts {
		switch {
		case offered == nil || ext.Name != deflateName:
			return nil, "the response has the extension " + quote(ext.Name) + ", which was not offered"
		case i > 0:
			return nil, "the response has the extension permessage-deflate twice"
		}
		if d, fault = offered.judge(ext); fault != "" {
			return nil, fault
		}
	}
	return d, ""
}

// judgeSubprotocol: "If the response includes a |Sec-WebSocket-Protocol| header
// field and this header field indicates the use of a subprotocol that was not
// present in the client's handshake".
func judgeSubprotocol(chosen, offered []string) (subprotocol, fault string) {
	switch {
	case len(chosen) == 0:
		return "", ""
	case len(chosen) > 1:
		return "", "the response has more than one Sec-WebSocket-Protocol header"
	case !slices.Contains(offered, chosen[0]):
		return "", "the response has the subprotocol " + quote(chosen[0]) + ", which was not offered"
	}
	return chosen[0], ""
}
