package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	defaultMaxResponseBytes = 64 << 10
	defaultMaxResponseLines = 256
	defaultMaxBodyBytes     = 16 << 10
	defaultClientTimeout    = 30 * time.Second
)

// ClientConfig says how a client connects and what it sends. The zero value is
// safe, and so is a nil *ClientConfig. It must not be changed while a handshake
// uses it.
type ClientConfig struct {
	// Subprotocols are offered to the server, the preferred one first. They are
	// tokens, none twice (RFC 6455, section 4.1).
	Subprotocols []string

	// Deflate, if set, offers compression, which the server may decline. If nil,
	// nothing is offered, and a response that agrees to it is an error.
	Deflate *DeflateConfig

	// Header is sent with the request. It may set Host, Origin, Cookie and
	// Authorization, but not the fields of the handshake itself (Connection,
	// Upgrade, Sec-WebSocket-*) nor those that announce a body, nor
	// Proxy-Authorization, which is for ProxyHeader; Connect fails on
	// these, and on names and values that are not valid in HTTP. Without a
	// User-Agent it is "parley"; an empty one is not sent at all.
	Header http.Header

	// TLS is used for wss and https; it is cloned. If ServerName is empty it is
	// the URL's host. NextProtos is always "http/1.1" alone, or with HTTP2 "h2" and
	// that.
	TLS *tls.Config

	// HTTP2, if set, has connections to wss and https URLs opened over HTTP/2 where
	// the server knows that, and otherwise over HTTP/1.1. All dials with the same
	// HTTP2 share its TCP connections. Upgraded.Conn is then a *Stream.
	HTTP2 *HTTP2

	// NetDial opens the network connection, "tcp" to "host:port", in place of
	// a [net.Dialer]; TLS is laid over it. It must return when ctx is done. With a
	// proxy, it is the proxy that it connects to. [UnixDial] makes one for a Unix
	// socket.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy returns the URL of the proxy to connect through, nil for none, given a
	// request whose URL has the scheme http for ws and https for wss, as functions
	// made for net/http expect. It is asked again for every redirect, must not change
	// the request, and must return when the request's context is done. An error ends
	// the attempt.
	//
	// If nil, it is [http.ProxyFromEnvironment], which reads HTTP_PROXY for ws,
	// HTTPS_PROXY for wss, and NO_PROXY: what gets other programs, and those that use
	// net/http, out of a network gets this one out too. Servers on this machine are
	// never asked for through such a proxy. But with NetDial set, nil is none: a
	// program that says itself how the server is reached has not meant a proxy in
	// between. [NoProxy] is none in any case, [http.ProxyURL] makes it always the same,
	// and http.ProxyFromEnvironment may be given beside NetDial.
	//
	// The schemes are http (which no scheme means too), https, socks5 and socks5h.
	// HTTP proxies are asked with CONNECT, for ws also; SOCKS proxies resolve the
	// target's name, with either scheme. User information in the URL becomes Basic
	// authorization, or the user name and password of SOCKS. It goes into no error
	// text, and never to the target.
	Proxy func(*http.Request) (*url.URL, error)

	// ProxyHeader is sent with CONNECT requests, to every proxy that Proxy chooses.
	// Proxy-Authorization in it takes the place of what the proxy's URL has. Host, and
	// what Header must not have, must not be in it.
	ProxyHeader http.Header

	// ProxyTLS is used for https proxies; it is cloned. It is not TLS, so that
	// certificates, pinned roots and exceptions that are meant for the target mean
	// nothing to a proxy. If ServerName is empty it is the proxy's host. NextProtos is
	// always "http/1.1" alone.
	ProxyTLS *tls.Config

	// Jar, if set, gives the request its cookies and takes those of every
	// response. It sees URLs with the schemes http and https.
	Jar http.CookieJar

	// CheckRedirect is asked before a redirect is followed to another URL; via
	// holds the URLs tried so far, the oldest first. The schemes are ws and wss.
	// An error stops there and is the cause of the *Error, which holds the
	// response. If nil, no redirect is followed.
	//
	// Whatever it says, at most 10 redirects are followed, none from wss to ws,
	// and once the origin has changed the Authorization, Cookie and Host fields of
	// Header are not sent any more. What a proxy answers is never a redirect.
	CheckRedirect func(to *url.URL, via []*url.URL) error

	// MaxHeaderBytes bounds the response from its first byte to the blank line,
	// interim responses (1xx) included, and likewise that of a proxy. 0 or less: 64 KiB.
	MaxHeaderBytes int

	// MaxHeaders bounds the header fields of one response. 0 or less: 256.
	MaxHeaders int

	// MaxBodyBytes bounds what is kept of the body of a response that opens no
	// connection (Error.Body). 0 or less: 16 KiB.
	MaxBodyBytes int

	// Timeout bounds Connect, redirects included, beside the context's own
	// deadline; the error is then context.DeadlineExceeded. 0: 30 s. Negative:
	// no bound but the context.
	Timeout time.Duration
}

func (c *ClientConfig) orDefault() *ClientConfig {
	if c == nil {
		return &ClientConfig{}
	}
	return c
}

// withTimeout returns ctx bounded by c.Timeout.
func (c *ClientConfig) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, positiveOr(c.Timeout, defaultClientTimeout))
}

// Connect dials rawURL, whose scheme is ws, wss, http or https, and performs the
// opening handshake (RFC 6455, section 4.1). User information in the URL becomes
// Basic authorization; a fragment is an error.
//
// The error is an [*Error]: with the response if there was one that is not
// acceptable, with ctx's error as its cause if ctx was done. Once Connect has
// returned, ctx has no effect on the connection.
//
// In a browser (GOOS=js), where scripts have no network, it is the browser that
// connects, unless the ClientConfig has a NetDial; see the package's documentation.
func Connect(ctx context.Context, rawURL string, cfg *ClientConfig) (*Upgraded, error) {
	cfg = cfg.orDefault()
	c, err := newClient(cfg)
	if err != nil {
		return nil, &Error{Reason: "the ClientConfig cannot be used", Err: err}
	}
	t, err := parseTarget(rawURL)
	if err != nil {
		return nil, &Error{Reason: "the URL cannot be used", Err: err}
	}
	ctx, cancel := cfg.withTimeout(ctx)
	defer cancel()
	u, failure := c.open(ctx, t)
	if failure != nil {
		return nil, failure
	}
	return u, nil
}

// client is one call of Connect.
type client struct {
	cfg         *ClientConfig
	header      http.Header // cfg.Header, checked and canonical; loses what must not cross origins
	proxyHeader http.Header // for proxies, likewise
}

func newClient(cfg *ClientConfig) (*client, error) {
	if err := checkSubprotocols(cfg.Subprotocols); err != nil {
		return nil, err
	}
	if err := cfg.Deflate.check(); err != nil {
		return nil, err
	}
	header, err := canonicalHeader(cfg.Header)
	if err != nil {
		return nil, err
	}
	if header["Proxy-Authorization"] != nil {
		return nil, errors.New("the header Proxy-Authorization is not for the server; set it in ProxyHeader")
	}
	toProxies, err := proxyHeader(cfg.ProxyHeader)
	return &client{cfg, header, toProxies}, err
}

// connect makes attempts until one is not redirected.
func (c *client) connect(ctx context.Context, t target) (*Upgraded, *Error) {
	var via []*url.URL
	for {
		u, failure := c.attempt(ctx, &t)
		if failure == nil || c.cfg.CheckRedirect == nil || !isRedirect(failure) || failure.Proxy != "" {
			return u, failure
		}
		via = append(via, t.url)
		next, err := c.redirect(&t, failure.Header.Get("Location"), via)
		if err != nil {
			failure.Reason, failure.Err = "the redirect is not followed", err
			return nil, failure
		}
		t = next
	}
}

// attempt makes one request, over a connection of its own or a stream of one.
func (c *client) attempt(ctx context.Context, t *target) (*Upgraded, *Error) {
	if c.cfg.HTTP2 != nil && t.secure {
		return c.attemptHTTP2(ctx, t)
	}
	return c.attemptHTTP1(ctx, t)
}

// attemptHTTP1 makes one connection and one request.
func (c *client) attemptHTTP1(ctx context.Context, t *target) (*Upgraded, *Error) {
	nc, early, failure := c.dial(ctx, t, "http/1.1")
	if failure != nil {
		return nil, failure
	}
	return c.attemptOver(ctx, nc, early, t)
}

// attemptOver makes one request over HTTP/1.1. What the server has said before that is
// early.
func (c *client) attemptOver(ctx context.Context, nc net.Conn, early []byte, t *target) (*Upgraded, *Error) {
	var u *Upgraded
	failure := attend(ctx, nc, func() (failure *Error) {
		u, failure = c.exchange(ctx, nc, early, t)
		return failure
	})
	if failure != nil {
		return nil, failure
	}
	nc.SetDeadline(time.Time{})
	return u, nil
}
