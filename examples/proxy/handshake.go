package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// proxy is the HTTP half: it passes requests on, and opening handshakes among them.
type proxy struct {
	ctx       context.Context // of the program
	backend   *url.URL
	transport *http.Transport
	plain     *httputil.ReverseProxy // for requests that are no handshakes
	log       *log.Logger
	dump      int
	slots     chan struct{} // holds one for each WebSocket connection
	count     atomic.Int64
}

func newProxy(ctx context.Context, backend *url.URL, logger *log.Logger, dump, most int) *proxy {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 10 * time.Second,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true,
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
	}
	return &proxy{
		ctx: ctx, backend: backend, transport: t, log: logger, dump: dump,
		slots: make(chan struct{}, most),
		plain: &httputil.ReverseProxy{
			Transport: t,
			ErrorLog:  logger,
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(backend)
				r.Out.Host = r.In.Host
				r.SetXForwarded()
			},
		},
	}
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Upgrade") == "":
		p.plain.ServeHTTP(w, r)
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Method != http.MethodGet || r.ContentLength != 0:
		// What would follow is not known to be frames.
		w.Header().Set("Connection", "close")
		http.Error(w, "the only upgrade is that of a GET without a body to websocket", http.StatusBadRequest)
	default:
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
			p.upgrade(w, r)
		default:
			w.Header().Set("Retry-After", "10")
			http.Error(w, "too many connections", http.StatusServiceUnavailable)
		}
	}
}

// upgrade passes the handshake on. The keys, subprotocols, and extensions are for the
// two ends to agree on.
func (p *proxy) upgrade(w http.ResponseWriter, r *http.Request) {
	resp, err := p.transport.RoundTrip(p.request(r))
	if err != nil {
		p.log.Printf("%v: %v", r.RemoteAddr, err)
		http.Error(w, "no answer from the backend", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		refuse(w, resp)
		return
	}
	stream, ok := resp.Body.(stream)
	deflate, known := agreed(resp.Header)
	if !ok || !known || !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "the backend speaks something else than WebSocket with compression at most", http.StatusBadGateway)
		return
	}
	client, err := takeOver(w, resp)
	if err != nil {
		p.log.Printf("%v: %v", r.RemoteAddr, err)
		return
	}
	s := newSession(p.count.Add(1), client, stream, deflate, p.log, p.dump)
	p.log.Printf("#%d open %s from %v", s.id, r.URL.Path, r.RemoteAddr)
	s.run(p.ctx)
}

// request is r as it goes to the backend. Host and Origin stay, so that a backend which
// asks whether they are the same gets the right answer.
func (p *proxy) request(r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.backend.Scheme, p.backend.Host
	out.URL.Path = strings.TrimSuffix(p.backend.Path, "/") + r.URL.Path
	out.URL.RawPath = strings.TrimSuffix(p.backend.EscapedPath(), "/") + r.URL.EscapedPath()
	out.RequestURI = ""
	for _, line := range r.Header["Connection"] {
		for name := range strings.SplitSeq(line, ",") { // RFC 9110, section 7.6.1: they are for this hop
			out.Header.Del(textproto.TrimString(name))
		}
	}
	for _, name := range []string{"Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer"} {
		out.Header.Del(name)
	}
	out.Header.Set("Connection", "Upgrade")
	out.Header.Set("Upgrade", "websocket")
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		out.Header.Set("X-Forwarded-For", ip)
	}
	out.Header.Set("X-Forwarded-Host", r.Host)
	return out
}

// agreed tells whether the two have agreed on compression, which gives RSV1 a meaning. An
// extension that is not known may give one to anything.
func agreed(h http.Header) (deflate, known bool) {
	all := strings.Join(h.Values("Sec-Websocket-Extensions"), ",")
	name, _, _ := strings.Cut(all, ";")
	switch strings.TrimSpace(name) {
	case "":
		return false, strings.TrimSpace(all) == ""
	case "permessage-deflate":
		return true, !strings.Contains(all, ",")
	default:
		return false, false
	}
}

// refuse passes on an answer that opens no connection.
func refuse(w http.ResponseWriter, resp *http.Response) {
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Connection", "close")
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

// takeOver takes the connection over from net/http, and answers 101.
func takeOver(w http.ResponseWriter, resp *http.Response) (*client, error) {
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(buffered, "HTTP/1.1 101 Switching Protocols\r\n")
	resp.Header.Write(buffered)
	fmt.Fprint(buffered, "\r\n")
	if err := buffered.Flush(); err != nil {
		nc.Close()
		return nil, err
	}
	nc.SetWriteDeadline(time.Time{})
	return &client{nc, buffered}, nil
}

// client is a connection of which net/http may have read a little already.
type client struct {
	net.Conn
	r io.Reader
}

func (c *client) Read(p []byte) (int, error) { return c.r.Read(p) }

// CloseWrite ends the half of the connection that is ours to end.
func (c *client) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
