package conn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/parleyws/websocket/handshake"
)

// Heals reports whether to dial again may help after err, which is the error of
// [Dial], or that of a connection. It is what [Redial] goes by. Nothing but what is
// known not to heal by itself does not:
//
//	how the opening handshake ended
//	  cannot connect, resolve, or finish in time    heals
//	  a certificate is not valid yet, or no longer  heals: clocks are set, certificates renewed
//	  a certificate is not to be trusted            does not
//	  no TLS, no HTTP, a 101 that breaks the rules  does not: this is no WebSocket server
//	  200 to 299                                    does not: a page, of the server or a portal
//	  300 to 399                                    does not: set DialOptions.CheckRedirect
//	  408 request timeout, 425 too early            heal
//	  429 too many requests                         heals, see Retry-After
//	  other 400 to 499 (400, 401, 403, 404, 405,
//	    410, 426, …)                                do not: the same request gets the same answer
//	  501 not implemented, 505 HTTP version         do not
//	  other 500 to 599 (500, 502, 503, 504, …)      heal, 503 with Retry-After
//
//	how the connection ended
//	  1000 normal closure                           does not: both have said all
//	  1001 going away, 1012 service restart         heal
//	  1002 protocol error, 1003 unsupported data,
//	    1007 invalid payload, 1009 message too big  do not, whoever found that: it would happen again
//	  1005 no status                                heals
//	  1006 abnormal closure, no sign of life        heals
//	  1008 policy violation                         does not
//	  1010 mandatory extension                      does not
//	  1011 internal error, 1014 bad gateway         heal
//	  1013 try again later                          heals
//	  3000 unauthorized, 3003 forbidden             do not
//	  other 3000 to 4999                            heal: what they mean is for the program to know
//	  closed by this side, but with 1000            heals
//
//	any other error                                 heals
//
// Of a context it knows nothing: an error of one that has ended heals, for its bound may
// have been a short one.
func Heals(err error) bool {
	if e, ok := errors.AsType[*handshake.Error](err); ok {
		return handshakeHeals(e)
	}
	code := CloseStatus(err)
	if errors.Is(err, net.ErrClosed) {
		return code != StatusNormalClosure
	}
	return codeHeals(code)
}

// handshakeHeals is Heals for an opening handshake.
func handshakeHeals(e *handshake.Error) bool {
	switch {
	case e.Status != 0:
		return statusHeals(e.Status)
	case e.Err == nil:
		return false // there was a response, but not one of HTTP
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](e); ok {
		return false
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](e); ok {
		return invalid.Reason == x509.Expired // not yet valid is the same
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](e)
	return !untrusted
}

// statusHeals is Heals for an HTTP status, 101 being one whose response was not
// acceptable.
func statusHeals(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	// RFC 9110, section 15: a status of 600 and more is to be treated "as if it had a
	// 5xx (Server Error) status code".
	return status >= 500
}

// Codes from the IANA registry that RFC 6455 leaves to libraries.
const (
	statusUnauthorized StatusCode = 3000
	statusForbidden    StatusCode = 3003
)

// codeHeals is Heals for a status code.
func codeHeals(code StatusCode) bool {
	switch code {
	case StatusNormalClosure, StatusProtocolError, StatusUnsupportedData, StatusInvalidPayload,
		StatusPolicyViolation, StatusMessageTooBig, StatusMandatoryExtension,
		statusUnauthorized, statusForbidden:
		return false
	}
	return true
}

// pleaOf returns what a server has asked for with err, at most limit of a Retry-After.
func pleaOf(err error, now time.Time, limit time.Duration) plea {
	if e, ok := errors.AsType[*handshake.Error](err); ok {
		if e.Status != http.StatusTooManyRequests && e.Status != http.StatusServiceUnavailable {
			return plea{}
		}
		return plea{after: min(retryAfter(e.Header, now), limit)}
	}
	code := CloseStatus(err)
	return plea{crowd: code == StatusServiceRestart || code == StatusTryAgainLater}
}

// retryAfter returns what a Retry-After field says, 0 if there is none that can be
// read. RFC 9110, section 10.2.3: "The Retry-After field value can be either an
// HTTP-date or a number of seconds to delay after receiving the response."
//
// A date is compared with the response's own if it has one: the server's clock, not
// ours, is what it was made by.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		const most = math.MaxInt64 / uint64(time.Second)
		return time.Duration(min(seconds, most)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(at.Sub(now), 0)
}
