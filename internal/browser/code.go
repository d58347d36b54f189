package browser

import "github.com/parleyws/websocket/frame"

// closeCode returns the code to close with in place of one that scripts may not
// use. "If code is present, but is neither an integer equal to 1000 nor an integer
// in the range 3000 to 4999, inclusive, throw an "InvalidAccessError"
// DOMException." (WHATWG WebSockets Standard, section 3.1)
//
// The two codes of a normal end become the one of them that is allowed. All others
// move, number and reason, to where RFC 6455, section 7.4.2, leaves the meaning to
// the two sides: 1009 becomes 4009.
func closeCode(code frame.StatusCode) frame.StatusCode {
	switch {
	case code == frame.StatusNoStatusReceived, code >= 3000:
		return code
	case code == frame.StatusNormalClosure, code == frame.StatusGoingAway:
		return frame.StatusNormalClosure
	default:
		return 3000 + code
	}
}
