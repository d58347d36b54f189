package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/frame"
)

// maxLinks bounds how many connections one dial tries.
const maxLinks = 3

// attemptHTTP2 makes one request over HTTP/2, or over HTTP/1.1 where the server wants
// that.
func (c *client) attemptHTTP2(ctx context.Context, t *target) (*Upgraded, *Error) {
	p := c.cfg.HTTP2
	key := originKey{t.addr, t.name, c.cfg.TLS}
	var failure *Error
	for range maxLinks {
		l, found, err := p.get(ctx, key)
		switch {
		case err != nil:
			return nil, &Error{Reason: "cannot connect to " + t.addr, Err: err}
		case found == foundPlain:
			return c.attemptHTTP1(ctx, t)
		case found == foundNone:
			return c.openLink(ctx, t, key)
		}
		x := c.newExchange(t, l)
		var u *Upgraded
		if u, failure = x.run(ctx); failure == nil || !x.refused && x.sent.Load() || ctx.Err() != nil {
			return u, failure
		}
	}
	return nil, failure
}

// openLink dials, and makes the request over what comes of it.
func (c *client) openLink(ctx context.Context, t *target, key originKey) (*Upgraded, *Error) {
	p := c.cfg.HTTP2
	nc, early, failure := c.dial(ctx, t, "h2", "http/1.1")
	if failure != nil {
		p.opened(key, nil, false)
		return nil, failure
	}
	tc := nc.(*tls.Conn)
	if tc.ConnectionState().NegotiatedProtocol != "h2" {
		p.opened(key, nil, true)
		return c.attemptOver(ctx, nc, early, t)
	}
	l := p.newLink(key, tc, positiveOr(c.cfg.MaxHeaderBytes, defaultMaxResponseBytes))
	if l == nil {
		p.opened(key, nil, true)
		hangUp(nc)
		return c.attemptHTTP1(ctx, t)
	}
	x := c.newExchange(t, l)
	x.opens = true
	u, failure := x.run(ctx)
	if x.sent.Load() {
		return u, failure
	}
	// The request was not even sent: the server does not know extended CONNECT, as its
	// SETTINGS say, or has hung up.
	plain := failure.Err != nil && strings.Contains(failure.Err.Error(), "extended connect not supported")
	x.settle(nil, plain)
	l.discard()
	if ctx.Err() != nil {
		return nil, failure
	}
	return c.attemptHTTP1(ctx, t)
}

// h2exchange is one request over HTTP/2, and its response.
type h2exchange struct {
	c       *client
	t       *target
	link    *link
	header  http.Header
	opens   bool        // the link is not in the pool yet
	settled sync.Once   // whether it is to be
	sent    atomic.Bool // the request's header was written, after the SETTINGS have come
	refused bool        // the link took no more streams
}

func (c *client) newExchange(t *target, l *link) *h2exchange {
	return &h2exchange{c: c, t: t, link: l, header: c.requestHeader(t)}
}

// wasSent is called when the header of the request was written, or later.
func (x *h2exchange) wasSent() {
	x.sent.Store(true)
	x.settle(x.link, false)
}

// settle lets others have the link that was opened, if there is one.
func (x *h2exchange) settle(l *link, plain bool) {
	x.settled.Do(func() {
		if x.opens {
			x.link.pool.opened(x.link.key, l, plain)
		}
	})
}

// run makes the request.
func (x *h2exchange) run(ctx context.Context) (*Upgraded, *Error) {
	trace := &httptrace.ClientTrace{WroteHeaders: x.wasSent}
	own, cancel := context.WithCancel(httptrace.WithClientTrace(context.Background(), trace))
	stop := context.AfterFunc(ctx, cancel)
	s, out := newClientStream(x.link.nc.LocalAddr(), x.link.nc.RemoteAddr())
	r, err := x.link.rt.RoundTrip(x.request(own, out))
	if err != nil {
		stop()
		cancel()
		return nil, x.failed(ctx, err)
	}
	x.wasSent() // the response may be faster than the trace
	out.open(r, func() { cancel(); x.link.release() })
	u, failure := x.judge(r, s)
	if failure != nil && failure.Status != http.StatusOK {
		failure.Body = x.readBody(s)
	}
	switch {
	case !stop():
		s.Close()
		return nil, &Error{Reason: "cancelled just as the connection was open", Err: contextError(ctx)}
	case failure != nil:
		s.Close()
		return nil, failure
	}
	return u, nil
}

// failed makes the failure of a request without a response, and gives back the stream.
func (x *h2exchange) failed(ctx context.Context, err error) *Error {
	_, x.refused = errors.AsType[interface {
		error
		IsHTTP2NoCachedConnError()
	}](err)
	switch {
	case x.refused || !x.sent.Load() && ctx.Err() == nil:
		x.link.refused()
	default:
		x.link.release()
	}
	return &Error{Reason: "no response came", Err: cause(ctx, err)}
}

// request makes the extended CONNECT of RFC 8441, section 5.
func (x *h2exchange) request(ctx context.Context, out *clientOut) *http.Request {
	u := x.t.cookieURL()
	u.Host, u.RawQuery = x.t.addr, escape(u.RawQuery)
	h := x.header.Clone()
	h.Del("Host")
	if h["User-Agent"] == nil {
		h["User-Agent"] = []string{""} // net/http has one of its own otherwise
	}
	h[":protocol"] = []string{"websocket"}
	h.Set("Sec-WebSocket-Version", "13")
	if names := x.c.cfg.Subprotocols; len(names) > 0 {
		h.Set("Sec-WebSocket-Protocol", strings.Join(names, ", "))
	}
	if d := x.c.cfg.Deflate; d != nil {
		h.Set("Sec-WebSocket-Extensions", string(d.offer().append(nil)))
	}
	body, _ := out.newBody()
	r := &http.Request{
		Method: http.MethodConnect, URL: u, Host: x.header.Get("Host"), Header: h,
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Body: body, GetBody: out.newBody, ContentLength: -1,
	}
	return r.WithContext(ctx)
}

// judge decides about the response.
func (x *h2exchange) judge(r *http.Response, s *Stream) (*Upgraded, *Error) {
	x.c.takeCookies(x.t, r.Header)
	failure := &Error{Status: r.StatusCode, Header: r.Header}
	if r.StatusCode != http.StatusOK {
		failure.Reason = "the server did not open a WebSocket, which would be status 200 over HTTP/2"
		failure.noteRedirect()
		return nil, failure
	}
	granted, fault := judgeAgreement(r.Header, x.c.cfg)
	if fault == "" {
		fault = judgeSize(r.Header, x.c.cfg)
	}
	if fault != "" {
		failure.Reason = fault
		return nil, failure
	}
	return &Upgraded{
		Conn:        s,
		Role:        frame.Client,
		Subprotocol: granted.subprotocol,
		Deflate:     granted.deflate,
		URI:         x.t.uri,
		Host:        x.header.Get("Host"),
		Header:      r.Header,
	}, nil
}

// judgeSize applies the bounds of cfg to a header that net/http has read within its own.
func judgeSize(h http.Header, cfg *ClientConfig) (fault string) {
	size, count := 0, 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
			count++
		}
	}
	switch {
	case size > positiveOr(cfg.MaxHeaderBytes, defaultMaxResponseBytes):
		return "the response is not acceptable: the header is too large"
	case count > positiveOr(cfg.MaxHeaders, defaultMaxResponseLines):
		return "the response is not acceptable: too many header fields"
	}
	return ""
}

// readBody returns the start of the body, as much as comes within bounds.
func (x *h2exchange) readBody(s *Stream) []byte {
	s.SetReadDeadline(time.Now().Add(bodyTime))
	limit := int64(positiveOr(x.c.cfg.MaxBodyBytes, defaultMaxBodyBytes))
	body, _ := io.ReadAll(io.LimitReader(s, limit))
	return body
}
