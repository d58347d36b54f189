package handshake

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// The tests here are RFC 6455, section 4.1, of clients that are configured to use a
// proxy. The proxies are scripted; the real ones are in internal/interop, and that
// every wait for a proxy can be cancelled is in cancel_test.go.

const (
	proxyURL    = "http://proxy.example:3128"
	established = "HTTP/1.1 200 Connection established\r\n\r\n"
)

func parseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

// proxied is a ClientConfig with that proxy.
func proxied(t testing.TB, proxy string) *ClientConfig {
	return &ClientConfig{Proxy: http.ProxyURL(parseURL(t, proxy))}
}

// passage is what was seen on the way through a scripted proxy.
type passage struct {
	mu       sync.Mutex
	dialled  []string
	requests []*http.Request // those to the proxy, and those through it
}

// through runs Connect with connections whose other end gives the answers, one for
// each request that comes, {accept} in them being replaced by the proper value, and
// then hangs up. The answers of the first connection are followed by those of the
// next one.
func through(t *testing.T, url string, cfg *ClientConfig, conns ...[]string) (*Upgraded, *passage, error) {
	t.Helper()
	var p passage
	conf := *cfg
	var serving sync.WaitGroup
	conf.NetDial = func(_ context.Context, network, addr string) (net.Conn, error) {
		p.dialled = append(p.dialled, network+" "+addr)
		client, server := wstest.Pipe()
		answers := conns[0]
		conns = conns[1:]
		serving.Go(func() { p.serve(server, answers) })
		return client, nil
	}
	u, err := Connect(t.Context(), url, &conf)
	if err == nil {
		u.Conn.Close()
	}
	serving.Wait()
	return u, &p, err
}

func (p *passage) serve(nc *wstest.Conn, answers []string) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	for _, answer := range answers {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.requests = append(p.requests, r)
		p.mu.Unlock()
		io.WriteString(nc, strings.ReplaceAll(answer, "{accept}", AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
	}
	nc.CloseWrite()
	io.Copy(io.Discard, in)
}

// What the proxy is asked, for each URL that it may have and each target.
func TestRule16CONNECT(t *testing.T) {
	for _, tt := range []struct{ proxy, url, dialled, authority, auth string }{
		{proxyURL, aURL, "proxy.example:3128", "example.com:80", ""},
		{"http://proxy.example", aURL, "proxy.example:80", "example.com:80", ""},
		{"HTTP://proxy.example:080/path?query#fragment", aURL, "proxy.example:80", "example.com:80", ""},
		{"//proxy.example:3128", aURL, "proxy.example:3128", "example.com:80", ""},
		{"http://[::1]:3128", "ws://[2001:db8::1]:8080/", "[::1]:3128", "[2001:db8::1]:8080", ""},
		{"http://[fe80::1%25eth0]:3128", "ws://[fe80::2%25eth0]/", "[fe80::1%eth0]:3128", "[fe80::2]:80", ""},
		{"http://me:pass@proxy.example:3128", aURL, "proxy.example:3128", "example.com:80", "Basic bWU6cGFzcw=="},
		{"http://me@proxy.example:3128", aURL, "proxy.example:3128", "example.com:80", "Basic bWU6"},
		{"http://:pass@proxy.example:3128", aURL, "proxy.example:3128", "example.com:80", "Basic OnBhc3M="},
		{"http://%C3%BC%20:%0D%0A@proxy.example:3128", aURL, "proxy.example:3128", "example.com:80", "Basic w7wgOg0K"},
		{"http://@proxy.example:3128", aURL, "proxy.example:3128", "example.com:80", ""},
	} {
		u, p, err := through(t, tt.url, proxied(t, tt.proxy), []string{established, aResponse()})
		require.NoError(t, err, tt.proxy)
		require.Equal(t, []string{"tcp " + tt.dialled}, p.dialled, tt.proxy)
		ask, request := p.requests[0], p.requests[1]
		require.Equal(t, []string{"CONNECT", tt.authority, tt.authority, "HTTP/1.1"},
			[]string{ask.Method, ask.RequestURI, ask.Host, ask.Proto}, tt.proxy)
		require.Equal(t, tt.auth, ask.Header.Get("Proxy-Authorization"), tt.proxy)
		require.Equal(t, "parley", ask.Header.Get("User-Agent"))
		require.Equal(t, "GET", request.Method)
		require.Empty(t, request.Header["Proxy-Authorization"], "it is not for the target")
		require.IsType(t, &wstest.Conn{}, u.Conn, "the connection is not wrapped in anything")
	}
}

// What goes to the proxy and what goes to the target are kept apart.
func TestRule16HeadersForTheProxy(t *testing.T) {
	cfg := proxied(t, "http://me:pass@proxy.example:3128")
	cfg.Header = http.Header{"Authorization": {"Bearer t"}, "Cookie": {"a=b"}, "User-Agent": {"mine"}, "X-Target": {"1"}}
	cfg.ProxyHeader = http.Header{"proxy-authorization": {"Bearer p"}, "X-Proxy": {"1", "2"}, "User-Agent": {""}}
	_, p, err := through(t, "ws://user:word@example.com", cfg, []string{established, aResponse()})
	require.NoError(t, err)
	require.Equal(t, http.Header{"Proxy-Authorization": {"Bearer p"}, "X-Proxy": {"1", "2"}}, p.requests[0].Header)
	for _, name := range []string{"Proxy-Authorization", "X-Proxy"} {
		require.Empty(t, p.requests[1].Header[name], name)
	}
	require.Equal(t, "Bearer t", p.requests[1].Header.Get("Authorization"))
	require.Equal(t, "mine", p.requests[1].Header.Get("User-Agent"))
	require.Len(t, cfg.ProxyHeader, 3, "the program's header is as it was")

	for _, tt := range []struct{ name, value, fault string }{
		{"Host", "a", "the Host of a CONNECT request"},
		{"Connection", "close", "Connection"},
		{"Content-Length", "1", "Content-Length"},
		{"X", "1\r\nY: 2", "header X"},
		{"X Y", "1", `"X Y"`},
	} {
		cfg := proxied(t, proxyURL)
		cfg.ProxyHeader = http.Header{tt.name: {tt.value}}
		_, p, err := through(t, aURL, cfg)
		require.ErrorContains(t, err, tt.fault)
		require.ErrorContains(t, err, "in ProxyHeader")
		require.Empty(t, p.dialled)
	}
}

// Any 2xx opens the tunnel. What such a response says of a body means nothing: "A
// client MUST ignore any Content-Length or Transfer-Encoding header fields received
// in a successful response to CONNECT" (RFC 9110, section 9.3.6).
func TestRule16WhatOpensTheTunnel(t *testing.T) {
	for _, answer := range []string{
		established,
		"HTTP/1.0 200 Connection established\r\n\r\n",
		"HTTP/1.1 200\r\n\r\n",
		"HTTP/1.1 299 \r\nVia: 1.1 proxy\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim) + established,
	} {
		_, _, err := through(t, aURL, proxied(t, proxyURL), []string{answer, aResponse()})
		require.NoError(t, err, answer)
	}
}

// A proxy that refuses is heard out, and not taken for the server.
func TestRule16RefusalsOfTheProxy(t *testing.T) {
	for _, tt := range []struct {
		status int
		proxy  string
		hint   string
	}{
		{407, proxyURL, "wants user and password"},
		{407, "http://me:pass@proxy.example:3128", "does not accept the Proxy-Authorization"},
		{101, proxyURL, ""}, {300, proxyURL, ""}, {302, proxyURL, ""}, {400, proxyURL, ""}, {403, proxyURL, ""},
		{405, proxyURL, ""}, {502, proxyURL, ""}, {503, proxyURL, ""}, {999, proxyURL, ""},
	} {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		cfg := proxied(t, tt.proxy)
		cfg.Jar, cfg.MaxBodyBytes = jar, 9
		cfg.CheckRedirect = func(*url.URL, []*url.URL) error { panic("a proxy does not redirect") }
		answer := fmt.Sprintf("HTTP/1.1 %d Whatever\r\nProxy-Authenticate: Basic realm=\"x\"\r\nLocation: ws://evil.example/\r\n"+
			"Set-Cookie: a=b\r\nContent-Length: 20\r\n\r\nno entry for anybody", tt.status)
		_, p, err := through(t, aURL, cfg, []string{answer, aResponse()})
		failure := requireFailure(t, err)
		require.Equal(t, tt.status, failure.Status)
		require.Equal(t, proxyURL, failure.Proxy)
		require.Equal(t, `Basic realm="x"`, failure.Header.Get("Proxy-Authenticate"))
		require.Equal(t, fmt.Sprintf("websocket handshake: status %d: the proxy %s refused to connect to example.com:80", tt.status, proxyURL),
			strings.SplitN(err.Error(), ": it ", 2)[0])
		require.ErrorContains(t, err, tt.hint)
		if tt.status != 101 { // which has no body
			require.Equal(t, "no entry ", string(failure.Body))
		}
		require.Len(t, p.requests, 1, "nothing is sent to a proxy that has refused")
		require.Empty(t, jar.Cookies(parseURL(t, "http://example.com/")), "the cookie is not the server's")
	}

	_, _, err := through(t, aURL, proxied(t, proxyURL), []string{established, "HTTP/1.1 403 Forbidden\r\n\r\n"})
	failure := requireFailure(t, err)
	require.Equal(t, 403, failure.Status)
	require.Empty(t, failure.Proxy, "that was the server")
}

// Whatever is no answer to CONNECT ends the attempt, with words that say who it was.
func TestRule16AnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct{ answer, fault string }{
		{"", "no response came"},
		{"HTTP/1.1 200 OK\r\n", "no response came"},
		{"HTTP/1.1 100 Continue\r\n\r\n", "no response came"},
		{"\x05\xff", "not acceptable"},
		{"\x15\x03\x01\x00\x02\x02\x16", "not acceptable"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "not an HTTP status line"},
		{"HTTP/1.1 200 OK\n\n", "LF without CR"},
		{"HTTP/1.1 200 OK\r\nno field\r\n\r\n", "without a colon"},
		{"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "not a token"},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 200) + "\r\n\r\n", "too large"},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 6) + "\r\n", "too many header fields"},
		{strings.Repeat("HTTP/1.1 100 \r\n\r\n", maxInterim+1) + established, "too many interim responses"},
	} {
		cfg := proxied(t, proxyURL)
		cfg.MaxHeaderBytes, cfg.MaxHeaders = 200, 5
		_, p, err := through(t, aURL, cfg, []string{tt.answer})
		failure := requireFailure(t, err, tt.answer)
		require.Contains(t, failure.Reason, tt.fault, "%q", tt.answer)
		require.Contains(t, failure.Reason, "from the proxy "+proxyURL)
		require.Equal(t, proxyURL, failure.Proxy)
		require.Zero(t, failure.Status)
		require.Len(t, p.requests, 1)
	}
}

// Bytes that come in one segment with the proxy's 200 are the target's.
func TestRule16BytesBehindThe200AreKept(t *testing.T) {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	for i := range len(hints) + 1 {
		u, _, err := through(t, aURL, proxied(t, proxyURL), []string{established + hints[:i], hints[i:] + aResponse() + "\x81\x00"})
		require.NoError(t, err, "%d bytes came early", i)
		require.Equal(t, "\x81\x00", string(u.Buffered))
	}
	_, _, err := through(t, aURL, proxied(t, proxyURL), []string{established + "x", aResponse()})
	require.ErrorContains(t, err, "not an HTTP status line", "x belongs to the first line")
	require.Empty(t, requireFailure(t, err).Proxy)

	// An alert of TLS: "handshake_failure(40)".
	alert := "\x15\x03\x03\x00\x02\x02\x28"
	for i := range len(alert) + 1 {
		cfg := proxied(t, proxyURL)
		cfg.NetDial = dialTo(t, func(nc net.Conn) {
			http.ReadRequest(bufio.NewReader(nc))
			io.WriteString(nc, established+alert[:i])
			nc.Read(make([]byte, 1)) // the hello of the client
			io.WriteString(nc, alert[i:])
			io.Copy(io.Discard, nc)
		})
		_, err := Connect(t.Context(), "wss://example.com", cfg)
		require.ErrorContains(t, err, "handshake failure", "%d bytes came early", i)
		require.ErrorContains(t, err, "the TLS handshake with example.com:443 failed")
	}
}

// secureTarget is a server, or a proxy, with that certificate. It keeps what clients
// ask for in TLS.
type secureTarget struct {
	cert  tls.Certificate
	names []string
	alpn  []string
}

func (s *secureTarget) shake(nc net.Conn) net.Conn {
	return tls.Server(nc, &tls.Config{
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			s.names = append(s.names, h.ServerName)
			s.alpn = append(s.alpn, h.SupportedProtos...)
			return &s.cert, nil
		},
	})
}

// tunnelFor answers CONNECT. Nothing more has come yet, for a client waits for the
// answer.
func tunnelFor(nc net.Conn) {
	http.ReadRequest(bufio.NewReader(nc))
	io.WriteString(nc, established)
}

// serve accepts a WebSocket and says hello in an empty message.
func (s *secureTarget) serve(nc net.Conn, secure bool) {
	if secure {
		nc = s.shake(nc)
	}
	if u, err := Accept(nc, nil); err == nil {
		io.WriteString(u.Conn, "\x81\x00")
		io.Copy(io.Discard, u.Conn)
		u.Conn.Close()
	}
}

// TLS to the proxy, to the target, to both. Each has a configuration of its own.
func TestRule16TLSToTheProxyAndToTheTarget(t *testing.T) {
	certProxy, rootsProxy := selfSigned(t, "proxy.example")
	certTarget, rootsTarget := selfSigned(t, "example.com")
	for _, tt := range []struct {
		proxy, url string
		dialled    string
		names      []string
	}{
		{"http://proxy.example:3128", "wss://example.com", "proxy.example:3128", []string{"example.com"}},
		{"https://proxy.example", "ws://example.com", "proxy.example:443", []string{"proxy.example"}},
		{"https://proxy.example:8443", "wss://example.com", "proxy.example:8443", []string{"proxy.example", "example.com"}},
	} {
		toProxy, toTarget := &secureTarget{cert: certProxy}, &secureTarget{cert: certTarget}
		cfg := proxied(t, tt.proxy)
		cfg.TLS, cfg.ProxyTLS = &tls.Config{RootCAs: rootsTarget}, &tls.Config{RootCAs: rootsProxy}
		dialled := ""
		dial := dialTo(t, func(nc net.Conn) {
			if strings.HasPrefix(tt.proxy, "https") {
				nc = toProxy.shake(nc)
			}
			tunnelFor(nc)
			toTarget.serve(nc, strings.HasPrefix(tt.url, "wss"))
		})
		cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled = addr
			return dial(ctx, network, addr)
		}
		u, err := Connect(t.Context(), tt.url, cfg)
		require.NoError(t, err, "%s through %s", tt.url, tt.proxy)
		require.IsType(t, &tls.Conn{}, u.Conn)
		got := make([]byte, 2-len(u.Buffered))
		_, err = io.ReadFull(u.Conn, got)
		require.NoError(t, err)
		require.Equal(t, "\x81\x00", string(append(u.Buffered, got...)))
		u.Conn.Close() // of two layers; the peer may be gone before the second
		require.Equal(t, tt.dialled, dialled)
		require.Equal(t, tt.names, append(toProxy.names, toTarget.names...))
		for _, proto := range append(toProxy.alpn, toTarget.alpn...) {
			require.Equal(t, "http/1.1", proto)
		}
	}
}

// Trust in the target is no trust in the proxy, nor the other way round.
func TestRule16TrustIsNotShared(t *testing.T) {
	cert, roots := selfSigned(t, "example.com")
	certProxy, rootsProxy := selfSigned(t, "proxy.example")
	serve := func(proxyCert, targetCert tls.Certificate) func(net.Conn) {
		return func(nc net.Conn) {
			nc = (&secureTarget{cert: proxyCert}).shake(nc)
			tunnelFor(nc)
			(&secureTarget{cert: targetCert}).serve(nc, true)
		}
	}
	for _, tt := range []struct {
		name            string
		toProxy, target *tls.Config
		who             string
		proxy           string
	}{
		{"the proxy's is not known", nil, &tls.Config{RootCAs: roots, InsecureSkipVerify: true}, "with the proxy https://proxy.example:443", "https://proxy.example:443"},
		{"the target's is not known", &tls.Config{RootCAs: rootsProxy, InsecureSkipVerify: true}, nil, "with example.com:443", ""},
		{"the proxy has another name", &tls.Config{RootCAs: roots}, &tls.Config{RootCAs: roots}, "with the proxy", "https://proxy.example:443"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := proxied(t, "https://proxy.example")
			cfg.TLS, cfg.ProxyTLS, cfg.NetDial = tt.target, tt.toProxy, dialTo(t, serve(certProxy, cert))
			if tt.name == "the proxy has another name" {
				cfg.NetDial = dialTo(t, serve(cert, cert))
			}
			_, err := Connect(t.Context(), "wss://example.com", cfg)
			var bad *tls.CertificateVerificationError
			require.ErrorAs(t, err, &bad)
			require.ErrorContains(t, err, "the TLS handshake "+tt.who)
			require.Equal(t, tt.proxy, requireFailure(t, err).Proxy)
		})
	}
}

// The function sees the request as one made for net/http expects it.
func TestRule16TheProxyIsChosenByARequest(t *testing.T) {
	type key struct{}
	for _, tt := range []struct{ url, want string }{
		{"ws://example.com/chat?room=1", "http://example.com/chat?room=1"},
		{"http://example.com:81", "http://example.com:81"},
		{"https://user:pass@example.com/", "https://example.com/"},
		{"wss://[::1]:8443/", "https://[::1]:8443/"},
	} {
		var seen *http.Request
		stop := errors.New("stop")
		ctx := context.WithValue(t.Context(), key{}, "value")
		_, err := Connect(ctx, tt.url, &ClientConfig{
			Header: http.Header{"X-Tenant": {"a"}},
			Proxy: func(r *http.Request) (*url.URL, error) {
				seen = r
				r.Header.Set("X-Tenant", "b")
				return nil, stop
			},
			NetDial: func(context.Context, string, string) (net.Conn, error) { panic("it is not known whom to dial") },
		})
		require.ErrorIs(t, err, stop)
		require.ErrorContains(t, err, "no proxy could be chosen")
		require.Equal(t, tt.want, seen.URL.String())
		require.Equal(t, []string{"GET", seen.URL.Host}, []string{seen.Method, seen.Host})
		require.Equal(t, "value", seen.Context().Value(key{}))
	}

	none := func(*http.Request) (*url.URL, error) { return nil, nil }
	for name, choose := range map[string]func(*http.Request) (*url.URL, error){"nil, with NetDial": nil, "none": none, "NoProxy": NoProxy} {
		_, d, err := connect(t, aURL, &ClientConfig{Proxy: choose}, aResponse())
		require.NoError(t, err, name)
		require.Equal(t, []string{"tcp example.com:80"}, d.dialled, name)
	}
}

// Each redirect may lead through another proxy, or through none, with no word of
// the first to the second.
func TestRule16RedirectsChooseTheProxyAnew(t *testing.T) {
	proxies := map[string]string{"a.example": "http://u:p@one.example", "b.example": "", "c.example": "http://two.example"}
	cfg := &ClientConfig{CheckRedirect: follow, Proxy: func(r *http.Request) (*url.URL, error) {
		if s := proxies[r.URL.Hostname()]; s != "" {
			return url.Parse(s)
		}
		return nil, nil
	}}
	_, p, err := through(t, "ws://a.example", cfg,
		[]string{established, redirectTo("ws://b.example/")},
		[]string{redirectTo("ws://c.example/")},
		[]string{established, aResponse()})
	require.NoError(t, err)
	require.Equal(t, []string{"tcp one.example:80", "tcp b.example:80", "tcp two.example:80"}, p.dialled)
	var lines []string
	for i, r := range p.requests {
		lines = append(lines, r.Method+" "+r.Host)
		require.Equal(t, i == 0, r.Header["Proxy-Authorization"] != nil, "request %d", i)
	}
	require.Equal(t, []string{"CONNECT a.example:80", "GET a.example", "GET b.example", "CONNECT c.example:80", "GET c.example"}, lines)
}

// A URL that is no proxy's, and what is wrong with it, without what is secret in it.
func TestRule16URLsOfProxies(t *testing.T) {
	for _, tt := range []struct{ url, fault string }{
		{"ftp://u:secret@proxy.example", `"ftp"`},
		{"socks4://u:secret@proxy.example", `"socks4"`},
		{"ws://u:secret@proxy.example", "must be http, https, socks5 or socks5h"},
		{"http://u:secret@", "its host"},
		{"http://u:secret@:3128", "its host"},
		{"http:proxy.example:3128", "its host"},
		{"http://u:secret@pröxy.example", "its host"},
		{"http://u:secret@proxy.example:0", "port"},
		{"http://u:secret@proxy.example:65536", "port"},
		{"http://u%3a:secret@proxy.example", "colon"},
		{"socks5://:secret@proxy.example", "without a user name"},
		{"socks5://u:secret" + strings.Repeat("x", 255) + "@proxy.example", "255 bytes"},
	} {
		_, p, err := through(t, aURL, proxied(t, tt.url))
		require.ErrorContains(t, err, tt.fault, tt.url)
		require.ErrorContains(t, err, "proxy")
		require.NotContains(t, err.Error(), "secret")
		require.Empty(t, p.dialled, tt.url)
	}
	for _, bad := range []string{"http://u:s/ecret@proxy.example:3128", "http://u:%secret@proxy.example", ":secret"} {
		_, err := Connect(t.Context(), aURL, &ClientConfig{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(bad) }})
		require.ErrorContains(t, err, "no proxy could be chosen: its URL does not parse")
		require.NotContains(t, err.Error(), "ecret")
		require.NotContains(t, err.Error(), ":s")
	}
}

// No failure tells what only the proxy may know.
func TestRule16NoSecretIsToldByAnError(t *testing.T) {
	for _, scheme := range []string{"http", "https", "socks5"} {
		for _, answer := range []string{
			"", "x", "HTTP/1.1 407 No\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200\n", "\x05\xff", "\x05\x02\x01\x01", "\x05\x02\x01\x00\x05\x05",
		} {
			cfg := proxied(t, scheme+"://zaphod:secret@proxy.example:3128")
			cfg.NetDial = dialTo(t, func(nc net.Conn) {
				io.WriteString(nc, answer)
				nc.(*wstest.Conn).CloseWrite()
				io.Copy(io.Discard, nc)
			})
			_, err := Connect(t.Context(), aURL, cfg)
			failure := requireFailure(t, err)
			for _, secret := range []string{"zaphod", "secret", "emFwaG9kOnNlY3JldA"} {
				require.NotContains(t, err.Error(), secret)
				require.NotContains(t, failure.Proxy, secret)
			}
		}
	}
}

// The environment is read by net/http, once in a process: this one starts another.
func TestRule16TheEnvironment(t *testing.T) {
	if os.Getenv("PROXY_CHILD") != "" {
		asked := func(url string) string {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // nothing is dialled; the error says who would have been
			_, err := Connect(ctx, url, nil)
			return requireFailure(t, err).Proxy
		}
		require.Equal(t, "http://for-ws.example:1", asked("ws://example.com"))
		require.Equal(t, "socks5://for-wss.example:2", asked("wss://example.com"))
		require.Empty(t, asked("wss://direct.example"), "NO_PROXY")
		require.Empty(t, asked("ws://localhost:3"), "never through a proxy")
		require.Empty(t, asked("ws://127.0.0.1:3"), "never through a proxy")
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run=^TestRule16TheEnvironment$", "-test.v")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.Contains(strings.ToLower(s), "_proxy=") })
	cmd.Env = append(cmd.Env, "PROXY_CHILD=1", "HTTP_PROXY=u:p@for-ws.example:1", "HTTPS_PROXY=socks5://for-wss.example:2",
		"NO_PROXY=direct.example", "REQUEST_METHOD=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestRule16TheEnvironment")
}

// A proxy that talks without end is heard for a bounded while, in little memory.
func TestFloodsOfProxies(t *testing.T) {
	eachFlood(t, "HTTP/1.1 200 OK", func(t *testing.T, e *endless) {
		cfg := dialling(e)
		cfg.Proxy = http.ProxyURL(parseURL(t, proxyURL))
		var err error
		allocated := allocatedBy(func() { _, err = Connect(t.Context(), aURL, cfg) })
		require.Equal(t, proxyURL, requireFailure(t, err).Proxy)
		require.LessOrEqual(t, e.read, defaultMaxResponseBytes)
		require.Less(t, allocated, uint64(512<<10))
	})
	for name, e := range map[string]endless{
		"interim responses":     {again: "HTTP/1.1 100 Continue\r\n\r\n"},
		"a body":                {first: "HTTP/1.1 407 No\r\n\r\n", again: "no "},
		"chunks":                {first: "HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n", again: "1\r\nx\r\n"},
		"what should be ours":   {first: established, again: "x"},
		"SOCKS versions":        {again: "\x05"},
		"SOCKS names":           {first: "\x05\x00\x05\x00\x00\x03\xff", again: "\x05"},
		"SOCKS, then the floor": {first: "\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", again: "x"},
	} {
		for _, e.piece = range []int{1, 4096} {
			t.Run(fmt.Sprintf("%s/%d", name, e.piece), func(t *testing.T) {
				cfg := dialling(&e)
				cfg.Proxy = http.ProxyURL(parseURL(t, proxyURL))
				if strings.HasPrefix(name, "SOCKS") {
					cfg.Proxy = http.ProxyURL(parseURL(t, "socks5://proxy.example"))
				}
				var err error
				allocated := allocatedBy(func() { _, err = Connect(t.Context(), aURL, cfg) })
				requireFailure(t, err)
				require.LessOrEqual(t, e.read, 2*defaultMaxResponseBytes+defaultMaxBodyBytes*8)
				require.Less(t, allocated, uint64(512<<10))
			})
		}
	}
}

// proxyStages are the moments at which a proxy, or a server behind it, can leave a
// client waiting.
func proxyStages(t *testing.T) []stage {
	cert, _ := selfSigned(t, "example.com")
	overTLS := func(then func(nc net.Conn)) func(*wstest.Conn) {
		return func(server *wstest.Conn) {
			go func() {
				nc := (&secureTarget{cert: cert}).shake(server)
				if nc.(*tls.Conn).Handshake() == nil {
					then(nc)
				}
			}()
		}
	}
	var client *wstest.Conn
	keepClient := func(_ context.Context, nc net.Conn) error {
		client = nc.(*wstest.Conn)
		return nil
	}
	const socks, noLogin = "socks5://proxy.example", "\x05\x00"
	return []stage{
		{name: "connecting to a proxy", url: "ws://example.com/", proxy: proxyURL, dial: stuck},
		{name: "sending CONNECT", url: "ws://example.com/", proxy: proxyURL, dial: takingNothing},
		{name: "waiting for the proxy's answer", url: "ws://example.com/", proxy: proxyURL},
		{name: "in the proxy's header", url: "ws://example.com/", proxy: proxyURL, serve: saying("HTTP/1.1 200 OK\r\nVia: ")},
		{name: "after a proxy's interim response", url: "ws://example.com/", proxy: proxyURL, serve: saying("HTTP/1.1 100 \r\n\r\n")},
		{name: "in the body of a proxy's refusal", url: "ws://example.com/", proxy: proxyURL,
			serve: saying("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nabc")},
		{name: "behind a proxy, waiting for the response", url: "ws://example.com/", proxy: proxyURL, serve: saying(established)},
		{name: "behind a proxy, TLS", url: "wss://example.com/", proxy: proxyURL, serve: saying(established)},
		{name: "behind a proxy, TLS, with early bytes", url: "wss://example.com/", proxy: proxyURL, serve: saying(established + "\x16")},

		{name: "TLS with a proxy", url: "ws://example.com/", proxy: "https://proxy.example"},
		{name: "over TLS, waiting for the proxy's answer", url: "wss://example.com/", proxy: "https://proxy.example",
			serve: overTLS(func(nc net.Conn) { io.Copy(io.Discard, nc) })},
		{name: "TLS over TLS", url: "wss://example.com/", proxy: "https://proxy.example",
			serve: overTLS(func(nc net.Conn) {
				tunnelFor(nc)
				io.Copy(io.Discard, nc)
			})},
		// To close these, both layers would send an alert.
		{name: "TLS over TLS, when nothing more is taken", url: "wss://example.com/", proxy: "https://proxy.example", dial: keepClient,
			serve: overTLS(func(nc net.Conn) {
				tunnelFor(nc)
				nc.Read(make([]byte, 1)) // of the hello
				client.SetBuffer(0)
			})},
		{name: "over TLS over TLS, when nothing more is taken", url: "wss://example.com/", proxy: "https://proxy.example", dial: keepClient,
			serve: overTLS(func(nc net.Conn) {
				tunnelFor(nc)
				http.ReadRequest(bufio.NewReader((&secureTarget{cert: cert}).shake(nc)))
				client.SetBuffer(0)
			})},

		{name: "sending to a SOCKS proxy", url: "ws://example.com/", proxy: socks, dial: takingNothing},
		{name: "waiting for a SOCKS proxy", url: "ws://example.com/", proxy: socks},
		{name: "in its first answer", url: "ws://example.com/", proxy: socks, serve: saying("\x05")},
		{name: "waiting for its verdict on the password", url: "ws://example.com/", proxy: "socks5://u:p@proxy.example", serve: saying("\x05\x02")},
		{name: "waiting for its reply", url: "ws://example.com/", proxy: socks, serve: saying(noLogin)},
		{name: "in its reply", url: "ws://example.com/", proxy: socks, serve: saying(noLogin + "\x05\x00\x00")},
		{name: "in its address", url: "ws://example.com/", proxy: socks, serve: saying(noLogin + "\x05\x00\x00\x03\xffabc")},
		{name: "behind it, waiting for the response", url: "ws://example.com/", proxy: socks, serve: saying(noLogin + "\x05\x00\x00\x03\x00\x00\x50")},
		{name: "behind it, TLS", url: "wss://example.com/", proxy: socks, serve: saying(noLogin + "\x05\x00\x00\x03\x00\x00\x50")},
	}
}

// The words of SOCKS are in internal/socks; here they go over a connection, and what
// comes after them is the target's.
func TestRule16SOCKS(t *testing.T) {
	const (
		request = "\x05\x01\x00\x03\x0bexample.com\x00\x50"
		reply   = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	)
	for _, tt := range []struct{ proxy, url, dialled, asked, answers string }{
		{"socks5://proxy.example", aURL, "proxy.example:1080", "\x05\x01\x00" + request, "\x05\x00" + reply},
		{"socks5h://proxy.example:1081", aURL, "proxy.example:1081", "\x05\x01\x00" + request, "\x05\x00" + reply},
		{"SOCKS5://u:p%3A@proxy.example", aURL, "proxy.example:1080", "\x05\x02\x00\x02\x01\x01u\x02p:" + request, "\x05\x02\x01\x00" + reply},
		{"socks5://u:p@proxy.example", aURL, "proxy.example:1080", "\x05\x02\x00\x02" + request, "\x05\x00" + reply},
		{"socks5://[::1]", "ws://192.0.2.1:8080/", "[::1]:1080", "\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x01\x1f\x90", "\x05\x00" + reply},
		{"socks5://[::1]", "ws://[fe80::1%25eth0]/", "[::1]:1080",
			"\x05\x01\x00\x05\x01\x00\x04\xfe\x80" + strings.Repeat("\x00", 13) + "\x01\x00\x50", "\x05\x00" + reply},
	} {
		var dialled, asked string
		var request *http.Request
		dial := dialTo(t, func(nc net.Conn) {
			io.WriteString(nc, tt.answers)
			got := make([]byte, len(tt.asked))
			io.ReadFull(nc, got)
			asked = string(got)
			in := bufio.NewReader(nc)
			request, _ = http.ReadRequest(in)
			io.WriteString(nc, strings.ReplaceAll(aResponse()+"\x81\x00", "{accept}", AcceptKey(request.Header.Get("Sec-WebSocket-Key"))))
			io.Copy(io.Discard, in)
		})
		cfg := proxied(t, tt.proxy)
		cfg.ProxyHeader = http.Header{"X-Proxy": {"1"}}
		cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled = network + " " + addr
			return dial(ctx, network, addr)
		}
		u, err := Connect(t.Context(), tt.url, cfg)
		require.NoError(t, err, tt.proxy)
		require.Equal(t, "tcp "+tt.dialled, dialled)
		require.Equal(t, tt.asked, asked)
		require.Equal(t, "\x81\x00", string(u.Buffered))
		require.IsType(t, &wstest.Conn{}, u.Conn, "the connection is not wrapped in anything")
		require.Empty(t, request.Header["X-Proxy"])
		u.Conn.Close()
	}
}

// wss through a SOCKS proxy, which reads nothing of it.
func TestRule16TLSThroughSOCKS(t *testing.T) {
	cert, roots := selfSigned(t, "example.com")
	cfg := proxied(t, "socks5://proxy.example")
	cfg.TLS = &tls.Config{RootCAs: roots}
	target := &secureTarget{cert: cert}
	cfg.NetDial = dialTo(t, func(nc net.Conn) {
		io.WriteString(nc, "\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		io.ReadFull(nc, make([]byte, len("\x05\x01\x00\x05\x01\x00\x03\x0bexample.com\x01\xbb")))
		target.serve(nc, true)
	})
	u, err := Connect(t.Context(), "wss://example.com", cfg)
	require.NoError(t, err)
	require.IsType(t, &tls.Conn{}, u.Conn)
	require.IsType(t, &wstest.Conn{}, u.Conn.(*tls.Conn).NetConn())
	u.Conn.Close()
	require.Equal(t, []string{"example.com"}, target.names)
}

func TestRule16SOCKSRefusals(t *testing.T) {
	for _, tt := range []struct{ answers, fault string }{
		{"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", "the proxy socks5://proxy.example:1080 refused to connect to example.com:80: the target refused the connection (SOCKS reply 5)"},
		{"\x05\xff", "the proxy socks5://proxy.example:1080 refused to connect to example.com:80: it wants to be told who asks"},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", "it answers in HTTP"},
		{"", "no answer came from the proxy socks5://proxy.example:1080: unexpected EOF"},
		{"\x05", "unexpected EOF"},
		{"\x05\x00\x05\x00\x00\x03\x05abc", "unexpected EOF"},
	} {
		cfg := proxied(t, "socks5://proxy.example")
		cfg.NetDial = dialTo(t, func(nc net.Conn) {
			io.WriteString(nc, tt.answers)
			nc.(*wstest.Conn).CloseWrite()
			io.Copy(io.Discard, nc)
		})
		_, err := Connect(t.Context(), aURL, cfg)
		failure := requireFailure(t, err)
		require.ErrorContains(t, err, tt.fault)
		require.Equal(t, "socks5://proxy.example:1080", failure.Proxy)
		require.Zero(t, failure.Status)
	}
	long := "ws://" + strings.Repeat("a", 256) + "/"
	_, p, err := through(t, long, proxied(t, "socks5://proxy.example"))
	require.ErrorContains(t, err, "1 to 255 bytes")
	require.Empty(t, p.dialled)
}

// The network between us and the proxy fails, before and within the exchange.
func TestRule16TheWayToTheProxyFails(t *testing.T) {
	refused := errors.New("refused")
	for _, proxy := range []string{"http://proxy.example:1", "https://proxy.example:1", "socks5://proxy.example:1"} {
		cfg := proxied(t, proxy)
		cfg.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, refused }
		_, err := Connect(t.Context(), aURL, cfg)
		require.ErrorIs(t, err, refused)
		require.ErrorContains(t, err, "cannot connect to the proxy "+proxy)
		require.Equal(t, proxy, requireFailure(t, err).Proxy)

		for name, faults := range map[string]wstest.Faults{
			"a reset while sending":   {Write: []wstest.Fault{wstest.ResetAt(2)}},
			"a reset while receiving": {Read: []wstest.Fault{wstest.ResetAt(1)}},
		} {
			client, server := wstest.Pipe()
			io.WriteString(server, "\x05\x00\x05")
			cfg.NetDial = func(context.Context, string, string) (net.Conn, error) { return wstest.Faulty(client, faults), nil }
			_, err := Connect(t.Context(), aURL, cfg)
			require.Equal(t, proxy, requireFailure(t, err).Proxy, name)
			if name == "a reset while sending" && !strings.HasPrefix(proxy, "https") { // which shakes hands first
				require.ErrorContains(t, err, "cannot send the request to the proxy "+proxy)
			}
			if !strings.HasPrefix(proxy, "http:") || name == "a reset while sending" { // else the byte before it was garbage
				var netErr *net.OpError
				require.ErrorAs(t, err, &netErr, "%s, %s", proxy, name)
			}
			_, err = client.Read(nil)
			require.ErrorIs(t, err, net.ErrClosed, "the connection is closed")
			server.Close()
		}
	}
}

// A request is one write, with no line that a value could have added.
func TestAppendCONNECT(t *testing.T) {
	got := appendCONNECT([]byte("before "), "[::1]:443", http.Header{"X-B": {"2"}, "X-A": {"1", "evil\r\nX: y"}})
	require.Equal(t, "before CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nX-A: 1\r\nX-A: evil  X: y\r\nX-B: 2\r\n\r\n", string(got))
	require.Equal(t, 1, bytes.Count(got, []byte("CONNECT")))
}

// A proxy may be as slow as it likes, a byte a second, within Timeout.
func TestRule16SlowProxies(t *testing.T) {
	for proxy, answer := range map[string]string{
		proxyURL:                     "HTTP/1.1 100 \r\n\r\n" + established,
		"socks5://u:p@proxy.example": "\x05\x02\x01\x00\x05\x00\x00\x03\x05slow.\x00\x50",
	} {
		for _, enough := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				cfg := proxied(t, proxy)
				cfg.Timeout = time.Duration(len(answer)+1) * time.Second
				if !enough {
					cfg.Timeout -= 3 * time.Second // the last byte comes a second later
				}
				client, server := wstest.Pipe()
				cfg.NetDial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
				serving := make(chan struct{})
				go func() {
					defer close(serving)
					defer server.Close()
					drip(server, answer, true)
					in := bufio.NewReader(server)
					for r, err := http.ReadRequest(in); err == nil; r, err = http.ReadRequest(in) {
						if r.Method == http.MethodGet {
							io.WriteString(server, strings.ReplaceAll(aResponse(), "{accept}", AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
						}
					}
				}()
				if strings.HasPrefix(proxy, "socks") {
					go func() {
						io.ReadFull(server, make([]byte, len("\x05\x02\x00\x02\x01\x01u\x01p\x05\x01\x00\x03\x0bexample.com\x00\x50")))
					}()
				}
				u, err := Connect(t.Context(), aURL, cfg)
				if enough {
					require.NoError(t, err)
					u.Conn.Close()
				} else {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.NotEmpty(t, requireFailure(t, err).Proxy)
				}
				<-serving
			})
		}
	}
}
