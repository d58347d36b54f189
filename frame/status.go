package frame

import "strconv"

// StatusCode is the number in a Close frame that says why a connection ends.
// RFC 6455, section 7.4. A status code is not an error: most connections end
// with StatusNormalClosure.
type StatusCode uint16

// The status codes of the IANA WebSocket Close Code Number Registry, RFC 6455,
// section 11.7. Three of them are never on the wire: they say what an endpoint
// saw where there was no code.
const (
	StatusNormalClosure      StatusCode = 1000 // the purpose is fulfilled
	StatusGoingAway          StatusCode = 1001 // a server goes down, or a browser leaves the page
	StatusProtocolError      StatusCode = 1002 // the peer broke a rule of the protocol
	StatusUnsupportedData    StatusCode = 1003 // the kind of data cannot be accepted
	StatusNoStatusReceived   StatusCode = 1005 // never sent: the Close frame had no code
	StatusAbnormalClosure    StatusCode = 1006 // never sent: the connection ended without a Close frame
	StatusInvalidPayload     StatusCode = 1007 // the data does not fit its type: text that is not UTF-8
	StatusPolicyViolation    StatusCode = 1008 // a message breaks a policy of the endpoint
	StatusMessageTooBig      StatusCode = 1009 // a message is too big to process
	StatusMandatoryExtension StatusCode = 1010 // the client needs an extension that the server did not agree to
	StatusInternalError      StatusCode = 1011 // the endpoint met a condition it did not expect
	StatusServiceRestart     StatusCode = 1012 // the service restarts: reconnect after a while
	StatusTryAgainLater      StatusCode = 1013 // the service is overloaded
	StatusBadGateway         StatusCode = 1014 // a gateway got an invalid response from upstream
	StatusTLSHandshake       StatusCode = 1015 // never sent: the TLS handshake failed
)

// Valid reports whether c may appear in a Close frame: 1000 to 1003, 1007 to
// 1014, and 3000 to 4999, which are for libraries and applications. RFC 6455,
// section 7.4.
func (c StatusCode) Valid() bool {
	return c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}

// String returns the number and, if c is registered, its name, as in
// "1001 going away".
func (c StatusCode) String() string {
	s := strconv.Itoa(int(c))
	if name := c.name(); name != "" {
		s += " " + name
	}
	return s
}

func (c StatusCode) name() string {
	switch c {
	case StatusNormalClosure:
		return "normal closure"
	case StatusGoingAway:
		return "going away"
	case StatusProtocolError:
		return "protocol error"
	case StatusUnsupportedData:
		return "unsupported data"
	case StatusNoStatusReceived:
		return "no status received"
	case StatusAbnormalClosure:
		return "abnormal closure"
	case StatusInvalidPayload:
		return "invalid payload"
	case StatusPolicyViolation:
		return "policy violation"
	case StatusMessageTooBig:
		return "message too big"
	case StatusMandatoryExtension:
		return "mandatory extension"
	case StatusInternalError:
		return "internal error"
	case StatusServiceRestart:
		return "service restart"
	case StatusTryAgainLater:
		return "try again later"
	case StatusBadGateway:
		return "bad gateway"
	case StatusTLSHandshake:
		return "TLS handshake"
	default:
		return ""
	}
}
