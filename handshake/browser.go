package handshake

import (
	"errors"
	"fmt"
)

// checkBrowser returns why a browser cannot do what is asked of it, or nil. What is
// not asked about does no harm there: the browser has bounds of its own for a
// response, and offers compression as it sees fit.
func (c *client) checkBrowser(t *target) error {
	cannot := func(what, why string) error {
		return fmt.Errorf("%s: %w in a browser, %s; a NetDial would do without the browser", what, errors.ErrUnsupported, why)
	}
	switch cfg := c.cfg; {
	case len(cfg.Header) > 0:
		return cannot("Header is set", "which writes the header of the request itself, Origin and cookies included")
	case t.auth != "":
		return cannot("the URL has user information", "which lets no script send an Authorization field")
	case cfg.TLS != nil:
		return cannot("TLS is set", "which decides by itself whom to trust")
	case cfg.Proxy != nil:
		return cannot("Proxy is set", "which has a proxy of its own, or none")
	case cfg.Jar != nil:
		return cannot("Jar is set", "which has a jar of its own")
	case cfg.CheckRedirect != nil:
		return cannot("CheckRedirect is set", "which follows no redirect of a WebSocket")
	default:
		return nil
	}
}

// browserURL is the URL as a browser wants it.
func (t *target) browserURL() string { return t.scheme() + "://" + t.host + t.uri }
