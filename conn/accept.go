package conn

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/parleyws/websocket/handshake"
)

// AcceptOptions says which requests are accepted, and what the connections may
// cost. The zero value is safe, and so is nil: requests of the server's own
// origin, no subprotocol. It must not be changed while it is in use.
//
// The fields but Config are those of [handshake.ServerConfig], which says more.
type AcceptOptions struct {
	// Subprotocols that the server speaks, in its order of preference.
	Subprotocols []string

	// SelectSubprotocol, if set, chooses in place of Subprotocols.
	SelectSubprotocol func(r *handshake.Request, offered []string) (string, error)

	// OriginPatterns allows browsers on other sites than the server's own, as in
	// "https://*.example.com" or "localhost:*".
	OriginPatterns []string

	// CheckOrigin, if set, decides in place of the same-origin rule and of
	// OriginPatterns.
	CheckOrigin func(r *handshake.Request, origin string) bool

	// InsecureSkipOriginCheck lets any web page open connections in the name of
	// its visitor, cookies included. See RFC 6455, section 10.2.
	InsecureSkipOriginCheck bool

	// Check, if set, has the last word on a request.
	Check func(r *handshake.Request) error

	// Header is sent with the 101 response, beside what w.Header() holds.
	Header http.Header

	// Timeout bounds the writing of the response. If zero, 10 seconds.
	Timeout time.Duration

	// Config is for the connections.
	Config Config
}

func (o *AcceptOptions) handshake() *handshake.ServerConfig {
	if o == nil {
		return nil
	}
	return &handshake.ServerConfig{
		Subprotocols: o.Subprotocols, SelectSubprotocol: o.SelectSubprotocol,
		OriginPatterns: o.OriginPatterns, CheckOrigin: o.CheckOrigin,
		InsecureSkipOriginCheck: o.InsecureSkipOriginCheck,
		Check:                   o.Check, Header: o.Header, Timeout: o.Timeout,
		Deflate: o.Config.Compression.handshake(),
	}
}

func (o *AcceptOptions) config() *Config {
	if o == nil {
		return nil
	}
	return &o.Config
}

// Accept answers the opening handshake in r and returns the connection, which
// lives on when the HTTP handler has returned; it is the caller's to close.
// r.Context() has no effect on it. Nil options mean the zero AcceptOptions.
//
// On an error, which is a [*handshake.Error], the request has been answered and
// the handler has only to return.
//
// A handler that stays for as long as the connection lives keeps the goroutine
// of net/http and what hangs on it, some 16 KiB. [Handler] does not.
//
// Over HTTP/2, which a program has to ask for (see package handshake/http2), a
// connection does not live on: it ends when the handler returns. One that gives the
// connection to somebody else waits for its end, which does no harm over HTTP/1.1:
//
//	<-c.Done()
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	u, err := handshake.Upgrade(w, r, opts.handshake())
	if err != nil {
		return nil, err
	}
	return New(u, opts.config()), nil
}

// DialOptions says how to connect, and what the connection may cost. The zero
// value will do, and so will nil. It must not be changed while it is in use.
//
// The fields but Config are those of [handshake.ClientConfig], which says more.
type DialOptions struct {
	// Subprotocols to offer, the preferred one first.
	Subprotocols []string

	// Header is sent with the request; Host, Origin, Cookie and Authorization
	// may be in it.
	Header http.Header

	// TLS is used for wss and https. Nil: the zero tls.Config.
	TLS *tls.Config

	// HTTP2, if set, has the connection opened over HTTP/2 where the server knows
	// that, together with others that are dialled with the same HTTP2.
	HTTP2 *handshake.HTTP2

	// NetDial opens the network connection in place of a net.Dialer;
	// [handshake.UnixDial] makes one for a Unix socket.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy chooses the proxy to connect through: http, https, or socks5. Nil: the
	// environment does (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), as for programs that use
	// net/http, but none with NetDial set. [handshake.NoProxy] is none at all,
	// [http.ProxyURL] always the same.
	Proxy func(*http.Request) (*url.URL, error)

	// ProxyHeader is sent to HTTP proxies.
	ProxyHeader http.Header

	// ProxyTLS is used for https proxies. Nil: the zero tls.Config.
	ProxyTLS *tls.Config

	// Jar gives cookies, and takes them.
	Jar http.CookieJar

	// CheckRedirect is asked before a redirect is followed. Nil: none is.
	CheckRedirect func(to *url.URL, via []*url.URL) error

	// Timeout bounds the opening handshake. If zero, 30 seconds. If negative,
	// only ctx does.
	Timeout time.Duration

	// Config is for the connection.
	Config Config
}

func (o *DialOptions) handshake() *handshake.ClientConfig {
	if o == nil {
		return nil
	}
	return &handshake.ClientConfig{
		Subprotocols: o.Subprotocols, Header: o.Header, TLS: o.TLS, HTTP2: o.HTTP2, NetDial: o.NetDial,
		Proxy: o.Proxy, ProxyHeader: o.ProxyHeader, ProxyTLS: o.ProxyTLS,
		Jar: o.Jar, CheckRedirect: o.CheckRedirect, Timeout: o.Timeout,
		Deflate: o.Config.Compression.handshake(),
	}
}

// Dial connects to a URL with the scheme ws, wss, http or https and performs the
// opening handshake (RFC 6455, section 4.1). Nil options mean the zero
// DialOptions. ctx bounds the dialling only: once Dial has returned, it has no
// effect on the connection.
//
// The error is a [*handshake.Error]; if the server refused, it has the status,
// the header and the beginning of the body. What is different in a browser is said in
// the package's documentation.
func Dial(ctx context.Context, url string, opts *DialOptions) (*Conn, error) {
	u, err := handshake.Connect(ctx, url, opts.handshake())
	if err != nil {
		return nil, err
	}
	var cfg *Config
	if opts != nil {
		cfg = &opts.Config
	}
	return New(u, cfg), nil
}
