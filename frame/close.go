package frame

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	utf8stream "github.com/parleyws/websocket/internal/utf8"
)

// maxReason is what the two bytes of the code leave of a control payload.
const maxReason = MaxControlPayload - 2

// AppendClose appends the payload of a Close frame to dst, not masked, and
// returns the extended slice. It allocates only if dst has no room.
//
// code must be Valid, or [StatusNoStatusReceived] with no reason, which is an
// empty payload. Otherwise AppendClose returns dst as it was and an [*Error].
//
// reason is made fit to be sent, so that a long or broken text never stands in
// the way of closing: each byte that is not UTF-8 becomes U+FFFD, and what goes
// past 123 bytes is cut off before the code point that would cross. RFC 6455,
// sections 5.5 and 5.5.1.
func AppendClose(dst []byte, code StatusCode, reason string) ([]byte, error) {
	if code == StatusNoStatusReceived && reason == "" {
		return dst, nil
	}
	if !code.Valid() {
		return dst, errCode(code)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	limit := len(dst) + maxReason
	for _, r := range reason {
		if len(dst)+utf8.RuneLen(r) > limit {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, nil
}

// ParseClose parses the payload of a Close frame, already unmasked. An empty
// one has the code [StatusNoStatusReceived]. The reason is a copy: p may be
// used again.
//
// The error is an [*Error]: with [StatusProtocolError] for a payload of one
// byte or of more than MaxControlPayload, and for a code that may not be sent;
// with [StatusInvalidPayload] for a reason that is not UTF-8.
func ParseClose(p []byte) (code StatusCode, reason string, err error) {
	switch {
	case len(p) == 0:
		return StatusNoStatusReceived, "", nil
	case len(p) > MaxControlPayload:
		return 0, "", errControlLength()
	case len(p) == 1:
		// RFC 6455, section 5.5.1: "If there is a body, the first two bytes of
		// the body MUST be a 2-byte unsigned integer".
		return 0, "", violation("5.5.1", "the body of a Close frame is one byte, it must be empty or begin with a code of two")
	}
	code = StatusCode(binary.BigEndian.Uint16(p))
	if !code.Valid() {
		return 0, "", errCode(code)
	}
	if !utf8stream.Valid(p[2:]) {
		// RFC 6455, section 8.1: "When an endpoint is to interpret a byte stream
		// as UTF-8 but finds that the byte stream is not, in fact, a valid UTF-8
		// stream, that endpoint MUST _Fail the WebSocket Connection_."
		return 0, "", &Error{StatusInvalidPayload, "8.1", "the reason of a Close frame is not UTF-8"}
	}
	return code, string(p[2:]), nil
}

// RFC 6455, section 7.4.1, of 1005, 1006 and 1015: it "MUST NOT be set as a
// status code in a Close control frame by an endpoint". Section 7.4.2 reserves
// the rest.
func errCode(code StatusCode) error {
	return violation("7.4", "status code "+strconv.Itoa(int(code))+
		" may not be sent, use 1000 to 1003, 1007 to 1014 or 3000 to 4999")
}
