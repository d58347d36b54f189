package handshake

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

// ClientConfig says how a client connects and what it sends. The zero value is
// safe, and so is a nil *ClientConfig. It must not be changed while a handshake
// uses it.
type ClientConfig struct {
	// Subprotocols are offered to the server, the preferred one first. They are
	// tokens, none twice (RFC 6455, section 4.1).
	Subprotocols []string

	// Header is sent with the request. It may set Host, Origin, Cookie and
	// Authorization, but not the fields of the handshake itself (Connection,
	// Upgrade, Sec-WebSocket-*) nor those that announce a body; Connect fails on
	// these, and on names and values that are not valid in HTTP.
	Header http.Header

	// TLS is used for wss and https; it is cloned. If ServerName is empty it is
	// the URL's host. NextProtos is always "http/1.1" alone.
	TLS *tls.Config

	// NetDial opens the network connection, "tcp" to "host:port", in place of
	// a [net.Dialer]; TLS is laid over it. It must return when ctx is done.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Jar, if set, gives the request its cookies and takes those of every
	// response. It sees URLs with the schemes http and https.
	Jar http.CookieJar

	// CheckRedirect is asked before a redirect is followed to another URL; via
	// holds the URLs tried so far, the oldest first. The schemes are ws and wss.
	// An error stops there and is the cause of the *Error, which holds the
	// response. If nil, no redirect is followed.
	//
	// Whatever it says, at most 10 redirects are followed, none from wss to ws,
	// and once the origin has changed the Authorization, Cookie,
	// Proxy-Authorization and Host fields of Header are not sent any more.
	CheckRedirect func(to *url.URL, via []*url.URL) error

	// MaxHeaderBytes bounds the response from its first byte to the blank line,
	// interim responses (1xx) included. 0 or less: 64 KiB.
	MaxHeaderBytes int

	// MaxHeaders bounds the header fields of one response. 0 or less: 256.
	MaxHeaders int

	// MaxBodyBytes bounds what is kept of the body of a response that is not 101
	// (Error.Body). 0 or less: 16 KiB.
	MaxBodyBytes int

	// Timeout bounds Connect, redirects included, beside the context's own
	// deadline; the error is then context.DeadlineExceeded. 0: 30 s. Negative:
	// no bound but the context.
	Timeout time.Duration
}

// Connect dials rawURL, whose scheme is ws, wss, http or https, and performs the
// opening handshake (RFC 6455, section 4.1).
func Connect(ctx context.Context, rawURL string, cfg *ClientConfig) (*Upgraded, error) {
	return nil, &Error{Reason: "not yet"}
}
