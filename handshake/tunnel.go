package handshake

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/parleyws/websocket/internal/socks"
)

// dialThrough opens a connection to the target that leads through the proxy. What
// the target has said already is early.
func (c *client) dialThrough(ctx context.Context, p *proxy, t *target) (nc net.Conn, early []byte, failure *Error) {
	ask := func(nc net.Conn) *Error {
		early, failure = c.askCONNECT(ctx, nc, p, t)
		return failure
	}
	if p.isSOCKS() {
		s, err := newSOCKS(p, t)
		if err != nil {
			return nil, nil, p.failure("the proxy "+p.String()+" cannot be asked for "+t.authority(), err)
		}
		ask = func(nc net.Conn) *Error { return askSOCKS(nc, s, p, t) }
	}
	if nc, failure = c.dialProxy(ctx, p); failure != nil {
		return nil, nil, failure
	}
	failure = attend(ctx, nc, func() *Error { return ask(nc) })
	if failure != nil {
		failure.Proxy = p.String()
		return nil, nil, failure
	}
	return nc, early, nil
}

// dialProxy opens a connection to the proxy itself.
func (c *client) dialProxy(ctx context.Context, p *proxy) (net.Conn, *Error) {
	nc, err := c.netDial(ctx, p.addr)
	if err != nil {
		return nil, p.failure("cannot connect to the proxy "+p.String(), cause(ctx, err))
	}
	if p.scheme != "https" {
		return nc, nil
	}
	tc, err := shakeTLS(ctx, nc, c.cfg.ProxyTLS, p.name, "http/1.1")
	if err != nil {
		return nil, p.failure("the TLS handshake with the proxy "+p.String()+" failed", err)
	}
	return tc, nil
}

// authority is host:port as a proxy is asked for it, without a zone, which means
// something on this machine only.
func (t *target) authority() string {
	_, port, _ := net.SplitHostPort(t.addr)
	return net.JoinHostPort(t.name, port)
}

// askCONNECT has an HTTP proxy open the tunnel (RFC 9110, section 9.3.6).
func (c *client) askCONNECT(ctx context.Context, nc net.Conn, p *proxy, t *target) (early []byte, failure *Error) {
	header := c.proxyHeader.Clone()
	if auth := p.authorization(); auth != "" && header["Proxy-Authorization"] == nil {
		header.Set("Proxy-Authorization", auth)
	}
	if _, err := nc.Write(appendCONNECT(nil, t.authority(), header)); err != nil {
		return nil, p.failure("cannot send the request to the proxy "+p.String(), err)
	}
	in := c.newReader(nc)
	r, n, err := readResponse(in)
	if err != nil {
		failure := unreadableResponse(err)
		failure.Reason = "from the proxy " + p.String() + ": " + failure.Reason
		return nil, failure
	}
	// "Any 2xx (Successful) response indicates that the sender (and all inbound
	// proxies) will switch to tunnel mode immediately after the response header
	// section". Whatever it says of a body, there is none.
	if r.status/100 == 2 {
		return in.rest(n), nil
	}
	failure = p.failure(refusedBy(p, t), nil)
	failure.Status, failure.Header = r.status, r.header
	switch {
	case r.status != http.StatusProxyAuthRequired:
	case header["Proxy-Authorization"] != nil:
		failure.Reason += ": it does not accept the Proxy-Authorization"
	default:
		failure.Reason += ": it wants user and password, which belong in its URL, or Proxy-Authorization in ProxyHeader"
	}
	failure.Body = c.readBody(ctx, nc, in)
	return nil, failure
}

// appendCONNECT: "A client MUST send the port number even if the CONNECT request is
// based on a URI reference that contains an authority component with an elided port".
func appendCONNECT(dst []byte, authority string, header http.Header) []byte {
	dst = append(dst, "CONNECT "...)
	dst = append(dst, authority...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", authority)
	return append(appendSorted(dst, header), "\r\n"...)
}

func refusedBy(p *proxy, t *target) string {
	return "the proxy " + p.String() + " refused to connect to " + t.authority()
}

func newSOCKS(p *proxy, t *target) (*socks.Client, error) {
	_, s, _ := net.SplitHostPort(t.addr)
	port, _ := strconv.ParseUint(s, 10, 16)
	return socks.New(p.user, p.pass, t.name, uint16(port))
}

// askSOCKS has a SOCKS proxy open the tunnel. It reads not a byte too many.
func askSOCKS(nc net.Conn, s *socks.Client, p *proxy, t *target) *Error {
	var answer []byte
	for {
		send, want, err := s.Next(answer)
		switch {
		case err != nil:
			return p.failure(refusedBy(p, t), err)
		case want == 0:
			return nil
		}
		if send != nil {
			if _, err := nc.Write(send); err != nil {
				return p.failure("cannot send the request to the proxy "+p.String(), err)
			}
		}
		answer = make([]byte, want)
		if _, err := io.ReadFull(nc, answer); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return p.failure("no answer came from the proxy "+p.String(), err)
		}
	}
}

// tunnel is the stream through a proxy, beneath the target's TLS. There is one only
// where the plain connection will not do: with bytes that came early, or over TLS
// with the proxy.
type tunnel struct {
	net.Conn
	early  []byte
	shaken bool // TLS with the target is established
}

// beneathTLS returns what to lay TLS over.
func beneathTLS(nc net.Conn, early []byte) net.Conn {
	if _, ok := nc.(*tls.Conn); !ok && len(early) == 0 {
		return nc
	}
	return &tunnel{Conn: nc, early: early}
}

func (t *tunnel) Read(p []byte) (int, error) {
	if len(t.early) > 0 {
		n := copy(p, t.early)
		t.early = t.early[n:]
		return n, nil
	}
	return t.Conn.Read(p)
}

// Close takes leave of the proxy, unless it is a handshake that is broken off, which
// must not wait for the proxy to take anything.
func (t *tunnel) Close() error {
	if !t.shaken {
		return t.CloseNow()
	}
	return t.Conn.Close()
}

// CloseNow closes the socket and sends nothing.
func (t *tunnel) CloseNow() error {
	if tc, ok := t.Conn.(*tls.Conn); ok {
		return tc.NetConn().Close()
	}
	return t.Conn.Close()
}
