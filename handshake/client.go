package handshake

import (
	"context"
	"crypto/tls"
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
	// Upgrade, Sec-WebSocket-*) nor those that announce a body; Connect fails on
	// these, and on names and values that are not valid in HTTP. Without a
	// User-Agent it is "parley"; an empty one is not sent at all.
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
	u, failure := c.connect(ctx, t)
	if failure != nil {
		return nil, failure
	}
	return u, nil
}

// client is one call of Connect.
type client struct {
	cfg    *ClientConfig
	header http.Header // cfg.Header, checked and canonical; loses what must not cross origins
}

func newClient(cfg *ClientConfig) (*client, error) {
	if err := checkSubprotocols(cfg.Subprotocols); err != nil {
		return nil, err
	}
	if err := cfg.Deflate.check(); err != nil {
		return nil, err
	}
	header, err := canonicalHeader(cfg.Header)
	return &client{cfg, header}, err
}

// connect makes attempts until one is not redirected.
func (c *client) connect(ctx context.Context, t target) (*Upgraded, *Error) {
	var via []*url.URL
	for {
		u, failure := c.attempt(ctx, &t)
		if failure == nil || c.cfg.CheckRedirect == nil || !isRedirect(failure) {
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

// attempt makes one connection and one request.
func (c *client) attempt(ctx context.Context, t *target) (*Upgraded, *Error) {
	nc, failure := c.dial(ctx, t)
	if failure != nil {
		return nil, failure
	}
	release := watch(ctx, nc)
	u, failure := c.exchange(ctx, nc, t)
	if err := release(); err != nil {
		hangUp(nc)
		if failure == nil {
			failure = &Error{Reason: "cancelled just as the connection was open"}
		}
		failure.Err = err
		return nil, failure
	}
	if failure != nil {
		nc.Close()
		return nil, failure
	}
	nc.SetDeadline(time.Time{})
	return u, nil
}
