package handshake

import (
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// target is what a URL means to a client (RFC 6455, section 3).
type target struct {
	url    *url.URL // scheme ws or wss; without user information and fragment
	secure bool
	name   string // the host to verify, without brackets and zone
	addr   string // host:port to dial, with the zone
	host   string // for the Host field
	uri    string // for the request line
	auth   string // Basic credentials for the Authorization field, "" if none
}

func parseTarget(raw string) (target, error) {
	// "Fragment identifiers are meaningless in the context of WebSocket URIs and
	// MUST NOT be used on these URIs." An empty one is gone after url.Parse.
	if strings.Contains(raw, "#") {
		return target{}, errors.New("it has a fragment, which a WebSocket URL must not have; write %23 for a #")
	}
	u, err := url.Parse(raw)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // without the URL, in which there may be a password
		}
		return target{}, err
	}
	return newTarget(u)
}

// newTarget makes a target of u, whose fragment is ignored.
func newTarget(u *url.URL) (t target, err error) {
	switch u.Scheme {
	case "ws", "http":
	case "wss", "https":
		t.secure = true
	case "ws+unix", "wss+unix", "http+unix", "https+unix":
		// What other libraries make of these differs: where the path of the socket
		// ends, and what goes into the Host field.
		return t, errors.New("its scheme is " + quote(u.Scheme) + "; for a Unix socket set NetDial to UnixDial(path), and let the URL say the rest")
	default:
		return t, errors.New("its scheme is " + quote(u.Scheme) + "; it must be ws, wss, http or https")
	}
	if u.Host == "" {
		return t, errors.New("it has no host")
	}
	port, err := t.port(u.Port())
	if err != nil {
		return t, err
	}
	if err := t.setHost(u.Hostname(), port); err != nil {
		return t, err
	}
	t.setURL(u)
	return t, nil
}

func (t *target) scheme() string {
	if t.secure {
		return "wss"
	}
	return "ws"
}

func (t *target) port(s string) (string, error) {
	if s == "" {
		return defaultPort(t.scheme()), nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("its port is not within 1 and 65535")
	}
	return strconv.FormatUint(n, 10), nil
}

// setHost takes the host of a URL, without its brackets.
func (t *target) setHost(hostname, port string) error {
	t.addr = net.JoinHostPort(hostname, port)
	t.name, t.host = hostname, hostname
	if strings.Contains(hostname, ":") {
		// RFC 6874, section 4: "An HTTP client, proxy, or other intermediary
		// MUST remove any ZoneID attached to an outgoing URI".
		t.name, _, _ = strings.Cut(hostname, "%")
		t.host = "[" + t.name + "]"
	}
	if !isHost(t.host) {
		return errors.New("its host " + quote(hostname) + " is not a name or an address; " +
			"a name outside ASCII must be in its xn-- form")
	}
	if port != defaultPort(t.scheme()) {
		t.host += ":" + port
	}
	return nil
}

func (t *target) setURL(u *url.URL) {
	clean := *u
	clean.Scheme, clean.User, clean.Fragment, clean.RawFragment = t.scheme(), nil, "", ""
	t.url = &clean
	t.uri = escape(clean.RequestURI())
	if u.User.String() != "" {
		password, _ := u.User.Password()
		t.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
}

// escape percent-encodes what must not stand in a request line, as browsers do:
// url.Parse lets a space or a letter outside ASCII pass in a query.
func escape(uri string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(uri) {
		if c := uri[i]; c > ' ' && c < 0x7f {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// cookieURL is the URL as an http.CookieJar knows it.
func (t *target) cookieURL() *url.URL {
	u := *t.url
	u.Scheme = "http"
	if t.secure {
		u.Scheme = "https"
	}
	return &u
}

// isSameOrigin compares scheme, host and port (RFC 6454, section 5).
func (t *target) isSameOrigin(o *target) bool {
	return t.secure == o.secure && equalFold(t.addr, o.addr)
}
