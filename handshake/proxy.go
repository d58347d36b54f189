package handshake

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// NoProxy is a ClientConfig.Proxy that never wants one, whatever the environment
// says.
func NoProxy(*http.Request) (*url.URL, error) { return nil, nil }

// proxy is what the URL of a proxy means.
type proxy struct {
	scheme     string // http, https, socks5 or socks5h
	name       string // the host to verify, without brackets and zone
	addr       string // host:port to dial
	user, pass string // "" if there are none
}

// String says which proxy it is, and not its password.
func (p *proxy) String() string { return p.scheme + "://" + p.addr }

func (p *proxy) isSOCKS() bool { return strings.HasPrefix(p.scheme, "socks5") }

// failure is an Error that the proxy has to do with.
func (p *proxy) failure(reason string, err error) *Error {
	return &Error{Proxy: p.String(), Reason: reason, Err: err}
}

// proxyFor returns the proxy to the target, nil for none. RFC 6455, section 4.1: "If
// the user agent is configured to use a proxy when using the WebSocket Protocol to
// connect to host /host/ and port /port/, then the user agent SHOULD connect to that
// proxy and ask it to open a TCP connection".
func (c *client) proxyFor(ctx context.Context, t *target) (*proxy, *Error) {
	choose := c.cfg.Proxy
	switch {
	case choose == nil && c.cfg.NetDial != nil:
		return nil, nil
	case choose == nil:
		choose = http.ProxyFromEnvironment
	}
	r := &http.Request{
		Method: "GET", URL: t.cookieURL(), Host: t.host, Header: c.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if own := c.header.Get("Host"); own != "" {
		r.Host = own
	}
	u, err := choose(r.WithContext(ctx))
	if err != nil {
		if bad, ok := err.(*url.Error); ok && bad.Op == "parse" {
			err = errors.New("its URL does not parse") // that, and all that net/url says, may quote a password
		}
		return nil, &Error{Reason: "no proxy could be chosen", Err: cause(ctx, err)}
	}
	if u == nil {
		return nil, nil
	}
	p, err := newProxy(u)
	if err != nil {
		return nil, &Error{Reason: "the URL of the proxy cannot be used", Err: err}
	}
	return p, nil
}

// newProxy makes a proxy of its URL, as net/http does: without a scheme it is http,
// and socks5 is socks5h, which has the proxy resolve names. A path, a query and a
// fragment mean nothing.
func newProxy(u *url.URL) (*proxy, error) {
	p := &proxy{scheme: strings.ToLower(u.Scheme)}
	port := ""
	switch p.scheme {
	case "", "http":
		p.scheme, port = "http", "80"
	case "https":
		port = "443"
	case "socks5", "socks5h":
		port = "1080"
	default:
		return nil, errors.New("its scheme is " + quote(u.Scheme) + "; it must be http, https, socks5 or socks5h")
	}
	if s := u.Port(); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return nil, errors.New("its port is not within 1 and 65535")
		}
		port = strconv.FormatUint(n, 10)
	}
	if err := p.setHost(u.Hostname(), port); err != nil {
		return nil, err
	}
	return p, p.setUser(u.User)
}

// setHost takes the host of a URL, without its brackets.
func (p *proxy) setHost(hostname, port string) error {
	p.name, p.addr = hostname, net.JoinHostPort(hostname, port)
	bracketed := hostname
	if strings.Contains(hostname, ":") {
		p.name, _, _ = strings.Cut(hostname, "%")
		bracketed = "[" + hostname + "]"
	}
	if !isHost(bracketed) {
		return errors.New("its host is not a name or an address")
	}
	return nil
}

func (p *proxy) setUser(u *url.Userinfo) error {
	p.user = u.Username()
	p.pass, _ = u.Password()
	// RFC 7617, section 2: "a user-id containing a colon character is invalid, as the
	// first colon in a user-pass string separates user-id and password".
	if !p.isSOCKS() && strings.Contains(p.user, ":") {
		return errors.New("its user name has a colon, which Basic authorization does not allow")
	}
	return nil
}

// authorization is the value of the Proxy-Authorization field (RFC 9110, section
// 11.7.2), "" if there is none.
func (p *proxy) authorization() string {
	if p.user == "" && p.pass == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.pass))
}

// proxyHeader returns a copy of h for CONNECT requests, or says what in it cannot be
// sent.
func proxyHeader(h http.Header) (http.Header, error) {
	header, err := canonicalHeader(h)
	if err != nil {
		return nil, errors.New("in ProxyHeader: " + err.Error())
	}
	if header["Host"] != nil {
		return nil, errors.New("in ProxyHeader: the Host of a CONNECT request is always the target")
	}
	setUserAgent(header)
	return header, nil
}
