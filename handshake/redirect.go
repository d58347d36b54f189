package handshake

import (
	"errors"
	"net/url"
	"slices"
)

const maxRedirects = 10

// isRedirect reports whether the response names another URL for a GET request
// (RFC 9110, section 15.4).
func isRedirect(failure *Error) bool {
	switch failure.Status {
	case 301, 302, 303, 307, 308:
		return failure.Err == nil
	}
	return false
}

// noteRedirect says of a redirect where it leads.
func (e *Error) noteRedirect() {
	if isRedirect(e) {
		e.Reason = "the server redirects to " + quote(e.Header.Get("Location")) + "; set CheckRedirect to follow"
	}
}

// redirect returns the target of a redirect from t, or why it is not followed.
// via ends with t. If the origin changes, the credentials meant for the old one
// are dropped for good.
func (c *client) redirect(t *target, location string, via []*url.URL) (target, error) {
	if len(via) > maxRedirects {
		return target{}, errors.New("there were 10 before it")
	}
	if location == "" {
		return target{}, errors.New("it has no Location header")
	}
	u, err := t.url.Parse(location)
	if err != nil {
		return target{}, errors.New("its Location header is not a URL")
	}
	next, err := newTarget(u)
	if err != nil {
		return target{}, errors.New("its URL cannot be used: " + err.Error())
	}
	if t.secure && !next.secure {
		return target{}, errors.New("it leads from TLS to plain text")
	}
	to := *next.url
	if err := c.cfg.CheckRedirect(&to, slices.Clone(via)); err != nil {
		return target{}, err
	}
	if !t.isSameOrigin(&next) {
		for _, name := range []string{"Authorization", "Cookie", "Host"} {
			c.header.Del(name)
		}
	} else if next.auth == "" {
		next.auth = t.auth
	}
	return next, nil
}
