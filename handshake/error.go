package handshake

import (
	"net/http"
	"strconv"
	"strings"
)

// Error is the failure of an opening handshake, on either side.
//
// A callback of a [ServerConfig] may return one to choose the answer: Status,
// Header and Body are then sent as they are (RFC 6455, section 4.2.2).
type Error struct {
	// Status is the HTTP status of the response: on a server the one that was
	// sent, on a client the one that was received. 0: there was no response.
	Status int

	// Header holds the fields of that response. On a server these are the ones
	// that matter to the peer, such as Allow beside 405.
	Header http.Header

	// Body is the start of that response's body; the client keeps at most
	// ClientConfig.MaxBodyBytes of it. It belongs to the holder of the error.
	Body []byte

	// Proxy is "" or, on a client, the proxy that failed or refused, such as
	// "http://proxy.example:3128". Then it is the proxy who has sent the response, if
	// there was one: 407 and 502 are such answers.
	Proxy string

	// Reason says what happened and what was expected.
	Reason string

	// Err is the cause, if another error was the cause: the context's error, an
	// error of the network, what a callback returned.
	Err error
}

// Error returns the status if there is one, the reason, and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("websocket handshake: ")
	if e.Status != 0 {
		b.WriteString("status ")
		b.WriteString(strconv.Itoa(e.Status))
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause, so that errors.Is(err, context.Canceled) and the
// like see through e.
func (e *Error) Unwrap() error { return e.Err }

// quote returns s as a Go string literal for an error text, cut when it is
// long: the peer does not choose how long our log lines are.
func quote(s string) string {
	const limit = 64
	if len(s) > limit {
		return strconv.QuoteToASCII(s[:limit]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
