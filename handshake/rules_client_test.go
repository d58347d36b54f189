package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// The tests here are the rules that clients get wrong. The cases of what a 101
// must say are in TestJudgeResponse; here they come over a connection.

const aURL = "ws://example.com/chat?room=1"

func TestRule01ResponseConnectionIsATokenListAndUpgradeOneValue(t *testing.T) {
	for _, edits := range [][]string{
		{"Connection: keep-alive, upgrade"},
		{"Connection: keep-alive", "+Connection: Upgrade"},
		{"Upgrade: WebSocket"},
	} {
		_, _, err := connect(t, aURL, nil, aResponse(edits...))
		require.NoError(t, err, edits)
	}
	for _, edits := range [][]string{
		{"-Connection"}, {"Connection: close"}, {"-Upgrade"}, {"Upgrade: h2c"},
		{"Upgrade: websocket, h2c"}, {"+Upgrade: websocket"},
	} {
		_, _, err := connect(t, aURL, nil, aResponse(edits...))
		failure := requireFailure(t, err, edits)
		require.Equal(t, 101, failure.Status, edits)
	}
}

func TestRule11OnlyWhatWasOffered(t *testing.T) {
	cfg := &ClientConfig{Subprotocols: []string{"chat", "superchat"}}
	for _, tt := range []struct{ header, want string }{
		{"Sec-WebSocket-Protocol: superchat", "superchat"},
		{"X-Nothing: at all", ""},
	} {
		u, d, err := connect(t, aURL, cfg, aResponse(tt.header))
		require.NoError(t, err)
		require.Equal(t, tt.want, u.Subprotocol)
		require.Equal(t, "chat, superchat", d.requests[0].Header.Get("Sec-WebSocket-Protocol"))
	}
	for _, edits := range [][]string{
		{"Sec-WebSocket-Protocol: soap"},
		{"Sec-WebSocket-Protocol: Chat"},
		{"Sec-WebSocket-Protocol: chat, superchat"},
		{"Sec-WebSocket-Protocol:"},
		{"Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Protocol: chat"},
		{"Sec-WebSocket-Extensions: permessage-deflate"},
		{"Sec-WebSocket-Extensions: foo", "+Sec-WebSocket-Extensions: foo"},
		{"Sec-WebSocket-Extensions: foo;"},
		{"-Sec-WebSocket-Accept"},
		{"Sec-WebSocket-Accept: " + sampleAccept},
		{"+Sec-WebSocket-Accept: {accept}"},
	} {
		_, _, err := connect(t, aURL, cfg, aResponse(edits...))
		require.Equal(t, 101, requireFailure(t, err, edits).Status, edits)
	}
	_, _, err := connect(t, aURL, nil, aResponse("Sec-WebSocket-Protocol: chat"))
	require.ErrorContains(t, err, "not offered", "none was offered")
}

func TestRule11OfferedSubprotocolsAreUniqueTokens(t *testing.T) {
	for _, names := range [][]string{{""}, {"a", "b", "a"}, {"a b"}, {"a,b"}, {"a\r\nX: y"}} {
		_, d, err := connect(t, aURL, &ClientConfig{Subprotocols: names})
		require.Error(t, err, names)
		require.Empty(t, d.dialled, "nothing is done before the configuration is found good")
	}
}

func TestRule12InterimResponses(t *testing.T) {
	interim := "HTTP/1.1 100 Continue\r\n\r\n" + "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
	u, _, err := connect(t, aURL, nil, interim+aResponse()+"\x81\x00")
	require.NoError(t, err)
	require.Equal(t, "\x81\x00", string(u.Buffered), "bytes after the blank line are frames")
	require.Empty(t, u.Header.Get("Link"), "the header is that of the 101")

	_, _, err = connect(t, aURL, nil, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim)+aResponse())
	require.NoError(t, err)
	_, _, err = connect(t, aURL, nil, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim+1)+aResponse())
	require.ErrorContains(t, err, "too many interim responses")
}

func TestRule12A101HasNoBody(t *testing.T) {
	for _, edit := range []string{"Content-Length: 5", "Transfer-Encoding: chunked", "X-None: 1"} {
		u, d, err := connect(t, aURL, nil, aResponse(edit)+"\x81\x03abc")
		require.NoError(t, err, edit)
		require.Equal(t, "\x81\x03abc", string(u.Buffered), edit)
		require.Empty(t, d.after, "nothing is sent before the 101, nor by us after it")
	}
	_, _, err := connect(t, aURL, nil, aResponse("HTTP/1.0 101 Switching Protocols"))
	require.ErrorContains(t, err, "HTTP/1.1")
}

// RFC 9112, section 5.2.
func TestFoldedResponse(t *testing.T) {
	u, _, err := connect(t, aURL, nil, aResponse("Connection: keep-alive,\r\n\tUpgrade", "X-Long: a\r\n  b"))
	require.NoError(t, err)
	require.Equal(t, "a    b", u.Header.Get("X-Long"))

	_, _, err = connect(t, aURL, nil, "HTTP/1.1 401 Unauthorized\r\nX-Long: a\r\n b\r\nContent-Length:\r\n 4\r\n\r\nno!\n")
	require.Equal(t, "no!\n", string(requireFailure(t, err).Body))
}

func TestRule12ResponseHeaderIsBounded(t *testing.T) {
	long := "X-Long: " + strings.Repeat("a", 1000)
	for _, tt := range []struct {
		name     string
		cfg      *ClientConfig
		response string
		fault    string
	}{
		{"within the bounds", nil, aResponse("X-Long: " + strings.Repeat("a", 60<<10)), ""},
		{"bytes", nil, aResponse("X-Long: " + strings.Repeat("a", 64<<10)), "too large"},
		{"bytes, chosen", &ClientConfig{MaxHeaderBytes: 1000}, aResponse(long), "too large"},
		{"bytes, interim responses too", &ClientConfig{MaxHeaderBytes: 2000},
			"HTTP/1.1 103 Early Hints\r\n" + long + "\r\n\r\n" + aResponse(long), "too large"},
		{"count", nil, aResponse(repeat("+X-A: b", 254)...), "too many header fields"},
		{"count, chosen", &ClientConfig{MaxHeaders: 3}, aResponse("X-A: b"), "too many header fields"},
		{"count, just enough", &ClientConfig{MaxHeaders: 4}, aResponse("X-A: b"), ""},
		{"endless", nil, "HTTP/1.1 101 " + strings.Repeat("a", 70<<10), "too large"},
	} {
		_, _, err := connect(t, aURL, tt.cfg, tt.response)
		if tt.fault == "" {
			require.NoError(t, err, tt.name)
			continue
		}
		require.ErrorContains(t, err, tt.fault, tt.name)
		require.Zero(t, requireFailure(t, err).Status, tt.name)
	}
}

func repeat(s string, n int) []string {
	return strings.Fields(strings.Repeat(strings.ReplaceAll(s, " ", "")+" ", n))
}

func TestRule13RefusalsReachTheCaller(t *testing.T) {
	for _, status := range []int{200, 301, 400, 401, 403, 404, 407, 426, 429, 500, 503, 599} {
		answer := fmt.Sprintf("HTTP/1.1 %d %s\r\nX-Why: because\r\nContent-Length: 4\r\n\r\nno!\n", status, http.StatusText(status))
		_, d, err := connect(t, aURL, nil, answer)
		failure := requireFailure(t, err)
		require.Equal(t, status, failure.Status)
		require.Equal(t, "because", failure.Header.Get("X-Why"))
		require.Equal(t, "no!\n", string(failure.Body))
		require.Len(t, d.requests, 1)
	}
}

func TestRule13BodyOfARefusal(t *testing.T) {
	for _, tt := range []struct {
		name, response, want string
		cfg                  *ClientConfig
	}{
		{"length", "Content-Length: 3\r\n\r\nabcdef", "abc", nil},
		{"chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nf", "abcde", nil},
		{"until the end", "\r\nabcdef", "abcdef", nil},
		{"cut short", "Content-Length: 9\r\n\r\nabc", "abc", nil},
		{"chunks, broken", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz", "abc", nil},
		{"too long", "\r\n" + strings.Repeat("a", 100_000), strings.Repeat("a", 16<<10), nil},
		{"too long, chosen", "Content-Length: 6\r\n\r\nabcdef", "ab", &ClientConfig{MaxBodyBytes: 2}},
		{"not to be understood", "Content-Length: x\r\n\r\nabc", "", nil},
		{"none", "Content-Length: 0\r\n\r\n", "", nil},
	} {
		_, _, err := connect(t, aURL, tt.cfg, "HTTP/1.1 403 Forbidden\r\n"+tt.response)
		failure := requireFailure(t, err, tt.name)
		require.Equal(t, 403, failure.Status, tt.name)
		require.Equal(t, tt.want, string(failure.Body), tt.name)
	}
}

func TestRule13RedirectsAreNotFollowedUnlessAsked(t *testing.T) {
	_, d, err := connect(t, aURL, nil, redirectTo("ws://example.com/there"))
	failure := requireFailure(t, err)
	require.Equal(t, 302, failure.Status)
	require.Equal(t, "ws://example.com/there", failure.Header.Get("Location"))
	require.NoError(t, failure.Err)
	require.ErrorContains(t, err, `redirects to "ws://example.com/there"; set CheckRedirect`)
	require.Len(t, d.requests, 1)
}

func redirectTo(location string) string {
	return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n"
}

func follow(*url.URL, []*url.URL) error { return nil }

func TestRule13RedirectsFollowed(t *testing.T) {
	var asked []string
	cfg := &ClientConfig{CheckRedirect: func(to *url.URL, via []*url.URL) error {
		asked = append(asked, fmt.Sprint(via, " -> ", to))
		via[0], to.Host = nil, "evil.example" // theirs to spoil
		return nil
	}}
	u, d, err := connect(t, "http://example.com/a", cfg,
		redirectTo("b?x=1#y"), redirectTo("http://other.example:81/c"), aResponse())
	require.NoError(t, err)
	require.Equal(t, []string{
		"[ws://example.com/a] -> ws://example.com/b?x=1",
		"[ws://example.com/a ws://example.com/b?x=1] -> ws://other.example:81/c",
	}, asked)
	require.Equal(t, []string{"tcp example.com:80", "tcp example.com:80", "tcp other.example:81"}, d.dialled)
	require.Equal(t, "/c", u.URI)
	require.Equal(t, "other.example:81", u.Host)
	keys := map[string]bool{}
	for _, r := range d.requests {
		keys[r.Header.Get("Sec-WebSocket-Key")] = true
	}
	require.Len(t, keys, 3, "every attempt has a fresh key")
}

func TestRule13RedirectsRefused(t *testing.T) {
	no := errors.New("no")
	for _, tt := range []struct {
		name, location, fault string
		check                 func(*url.URL, []*url.URL) error
	}{
		{"asked", "/b", "no", func(*url.URL, []*url.URL) error { return no }},
		{"no location", "", "Location", follow},
		{"no URL", "http://[", "Location", follow},
		{"another scheme", "ftp://example.com/", "ftp", follow},
		{"a bad port", "ws://example.com:0/", "port", follow},
	} {
		_, d, err := connect(t, aURL, &ClientConfig{CheckRedirect: tt.check}, redirectTo(tt.location))
		failure := requireFailure(t, err, tt.name)
		require.Equal(t, 302, failure.Status, tt.name)
		require.ErrorContains(t, failure.Err, tt.fault, tt.name)
		require.Len(t, d.requests, 1, tt.name)
	}
}

func TestRule13RedirectsAreBounded(t *testing.T) {
	answers := slices.Repeat([]string{redirectTo("/again")}, 20)
	_, d, err := connect(t, aURL, &ClientConfig{CheckRedirect: follow}, answers...)
	require.Equal(t, 302, requireFailure(t, err).Status)
	require.Len(t, d.requests, 11, "the first, and ten redirects")
}

func TestRule13OnlyStatusesThatRedirect(t *testing.T) {
	for status, followed := range map[int]bool{
		300: false, 301: true, 302: true, 303: true, 304: false, 305: false, 307: true, 308: true, 200: false,
	} {
		answer := strings.Replace(redirectTo("/b"), "302", fmt.Sprint(status), 1)
		_, _, err := connect(t, aURL, &ClientConfig{CheckRedirect: follow}, answer, aResponse())
		require.Equal(t, followed, err == nil, status)
	}
}

func TestRule13CredentialsDoNotCrossOrigins(t *testing.T) {
	secrets := http.Header{
		"Authorization": {"Bearer secret"},
		"Cookie":        {"id=secret"},
		"Host":          {"virtual.example"},
		"X-Other":       {"stays"},
	}
	names := []string{"Authorization", "Cookie"}
	for _, tt := range []struct {
		location string
		kept     bool
	}{
		{"/b", true},
		{"ws://example.com:80/b", true},
		{"http://EXAMPLE.com/b", true},
		{"ws://example.com:81/b", false},
		{"ws://www.example.com/b", false},
		{"//other.example/b", false},
	} {
		cfg := &ClientConfig{Header: secrets, CheckRedirect: follow}
		_, d, err := connect(t, "ws://example.com/a", cfg, redirectTo(tt.location), redirectTo("ws://example.com/a"), aResponse())
		require.NoError(t, err, tt.location)
		first, second, third := d.requests[0], d.requests[1], d.requests[2]
		require.Equal(t, "virtual.example", first.Host)
		require.Equal(t, tt.kept, second.Host == "virtual.example", tt.location)
		for _, name := range names {
			require.NotEmpty(t, first.Header.Get(name))
			require.Equal(t, tt.kept, second.Header.Get(name) != "", "%s %s", tt.location, name)
			require.Equal(t, tt.kept, third.Header.Get(name) != "", "what was dropped once does not come back")
		}
		require.Equal(t, "stays", second.Header.Get("X-Other"))
	}
	require.Len(t, secrets, 4, "the program's header is as it was")
}

func TestRule13UserInfoDoesNotCrossOrigins(t *testing.T) {
	cfg := &ClientConfig{CheckRedirect: follow}
	_, d, err := connect(t, "ws://user:pass@example.com/a", cfg, redirectTo("/b"), redirectTo("//other.example/c"), aResponse())
	require.NoError(t, err)
	require.Equal(t, "Basic dXNlcjpwYXNz", d.requests[0].Header.Get("Authorization"))
	require.Equal(t, "Basic dXNlcjpwYXNz", d.requests[1].Header.Get("Authorization"), "same origin")
	require.Empty(t, d.requests[2].Header.Get("Authorization"))
}

func TestRule13CookiesComeAndGoByTheJar(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	jar.SetCookies(&url.URL{Scheme: "http", Host: "example.com", Path: "/"}, []*http.Cookie{
		{Name: "a", Value: "1"}, {Name: "s", Value: "2", Secure: true},
	})
	cfg := &ClientConfig{
		Jar: jar, CheckRedirect: follow,
		Header: http.Header{"Cookie": {"own=0", "more=00"}},
	}
	set := strings.Replace(redirectTo("/b"), "Location", "Set-Cookie: b=3; Path=/\r\nLocation", 1)
	_, d, err := connect(t, "ws://example.com/a", cfg, set, aResponse("Set-Cookie: c=4; Path=/"))
	require.NoError(t, err)
	require.Equal(t, []string{"own=0; more=00; a=1"}, d.requests[0].Header["Cookie"], "no secure cookie for ws")
	require.Equal(t, []string{"own=0; more=00; a=1; b=3"}, d.requests[1].Header["Cookie"])
	kept := jar.Cookies(&url.URL{Scheme: "https", Host: "example.com", Path: "/"})
	require.Len(t, kept, 4, "%v: those of the 101 are stored too", kept)
}

func TestRule14RequestFollowsTheURL(t *testing.T) {
	for _, tt := range []struct{ url, dialled, line, host string }{
		{"ws://example.com", "example.com:80", "GET / HTTP/1.1", "example.com"},
		{"ws://example.com?a=b", "example.com:80", "GET /?a=b HTTP/1.1", "example.com"},
		{"http://example.com:80/x", "example.com:80", "GET /x HTTP/1.1", "example.com"},
		{"ws://user:pass@example.com:8080/a%20b", "example.com:8080", "GET /a%20b HTTP/1.1", "example.com:8080"},
		{"ws://[::1]:81/", "[::1]:81", "GET / HTTP/1.1", "[::1]:81"},
		{"ws://[fe80::1%25eth0]/", "[fe80::1%eth0]:80", "GET / HTTP/1.1", "[fe80::1]"},
	} {
		u, d, err := connect(t, tt.url, nil, aResponse())
		require.NoError(t, err, tt.url)
		require.Equal(t, "tcp "+tt.dialled, d.dialled[0], tt.url)
		r := d.requests[0]
		require.Equal(t, tt.line, r.Method+" "+r.RequestURI+" "+r.Proto, tt.url)
		require.Equal(t, tt.host, r.Host, tt.url)
		require.Equal(t, tt.host, u.Host, tt.url)
		require.Equal(t, r.RequestURI, u.URI, tt.url)
		require.Equal(t, frame.Client, u.Role)
	}
	_, d, err := connect(t, "ws://example.com/#", nil)
	require.ErrorContains(t, err, "fragment")
	require.Empty(t, d.dialled)
}

func TestRule14HeaderOfTheRequest(t *testing.T) {
	cfg := &ClientConfig{Header: http.Header{
		"host":          {"virtual.example:99"},
		"Origin":        {"https://example.com"},
		"Authorization": {"Bearer x"},
		"x-a":           {" 1\t", "2"},
	}}
	_, d, err := connect(t, "ws://u:p@example.com/", cfg, aResponse())
	require.NoError(t, err)
	r := d.requests[0]
	require.Equal(t, "virtual.example:99", r.Host)
	require.Equal(t, "Bearer x", r.Header.Get("Authorization"), "the header goes before the URL")
	require.Equal(t, []string{"1", "2"}, r.Header["X-A"])
	require.Equal(t, []string{"13"}, r.Header["Sec-Websocket-Version"])
	require.True(t, validKey(r.Header.Get("Sec-WebSocket-Key")))
	require.NotContains(t, r.Header, "Sec-Websocket-Protocol", "none offered: no header")
	require.NotContains(t, r.Header, "Sec-Websocket-Extensions")
}

// RFC 9110, section 10.1.5.
func TestUserAgent(t *testing.T) {
	for _, tt := range []struct{ own, want []string }{
		{nil, []string{"parley"}},
		{[]string{}, []string{"parley"}},
		{[]string{"robot/1.0"}, []string{"robot/1.0"}},
		{[]string{""}, nil},
	} {
		cfg := &ClientConfig{Header: http.Header{"User-Agent": tt.own}}
		_, d, err := connect(t, aURL, cfg, aResponse())
		require.NoError(t, err)
		require.Equal(t, tt.want, d.requests[0].Header["User-Agent"], "%q", tt.own)
	}
}

func TestRule14HeadersThatAreNotTheProgramsToSet(t *testing.T) {
	for _, tt := range []struct{ name, value, fault string }{
		{"Connection", "close", "Connection"},
		{"upgrade", "h2c", "upgrade"},
		{"Sec-WebSocket-Key", sampleKey, "Sec-WebSocket-Key"},
		{"sec-websocket-protocol", "chat", "Subprotocols"},
		{"Sec-WebSocket-Extensions", "x", "Sec-WebSocket-Extensions"},
		{"Content-Length", "5", "Content-Length"},
		{"Transfer-Encoding", "chunked", "Transfer-Encoding"},
		{"Proxy-Authorization", "Basic eA==", "ProxyHeader"},
		{"X Y", "1", `"X Y"`},
		{"", "1", `""`},
		{"X", "1\r\nY: 2", "header X"},
		{"X", "1\x00", "header X"},
		{"Host", "a b", "Host"},
		{"Host", "", "Host"},
	} {
		cfg := &ClientConfig{Header: http.Header{tt.name: {tt.value}}}
		_, d, err := connect(t, aURL, cfg)
		require.ErrorContains(t, err, tt.fault, tt.name)
		require.Empty(t, d.dialled, tt.name)
	}
	_, _, err := connect(t, aURL, &ClientConfig{Header: http.Header{"Host": {"a", "b"}}})
	require.ErrorContains(t, err, "Host")
}

func TestRule15TLSOffersHTTP11Only(t *testing.T) {
	cert, roots := selfSigned(t, "example.com")
	for _, tt := range []struct {
		url, name string
		protos    []string
		ok        bool
	}{
		{"wss://example.com/", "", nil, true},
		{"https://example.com/", "", []string{"h2", "http/1.1"}, true},
		{"wss://127.0.0.1/", "example.com", nil, true},
		{"wss://other.example/", "", nil, false},
	} {
		var hello *tls.ClientHelloInfo
		own := &tls.Config{RootCAs: roots, ServerName: tt.name, NextProtos: tt.protos}
		cfg := &ClientConfig{TLS: own, NetDial: dialTo(t, func(nc net.Conn) {
			server := tls.Server(nc, &tls.Config{
				Certificates: []tls.Certificate{cert},
				NextProtos:   []string{"h2", "http/1.1"},
				GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
					hello = h
					return nil, nil
				},
			})
			if u, err := Accept(server, nil); err == nil {
				io.Copy(io.Discard, u.Conn)
				u.Conn.Close()
			}
		})}
		u, err := Connect(t.Context(), tt.url, cfg)
		require.Equal(t, tt.ok, err == nil, "%s: %v", tt.url, err)
		require.Equal(t, []string{"http/1.1"}, hello.SupportedProtos, tt.url)
		require.Equal(t, tt.protos, own.NextProtos, "the program's own config is left alone")
		if !tt.ok {
			var bad *tls.CertificateVerificationError
			require.ErrorAs(t, err, &bad)
			continue
		}
		require.IsType(t, &tls.Conn{}, u.Conn)
		require.Equal(t, "example.com", hello.ServerName, tt.url)
		u.Conn.Close()
	}
}

func TestRule13NeverFromTLSToPlainText(t *testing.T) {
	cert, roots := selfSigned(t, "example.com")
	cfg := &ClientConfig{
		TLS: &tls.Config{RootCAs: roots}, CheckRedirect: follow,
		NetDial: dialTo(t, func(nc net.Conn) {
			server := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}})
			Accept(server, &ServerConfig{Check: func(*Request) error {
				return &Error{Status: 301, Header: http.Header{"Location": {"ws://example.com/"}}}
			}})
		}),
	}
	_, err := Connect(context.Background(), "wss://example.com/", cfg)
	failure := requireFailure(t, err)
	require.Equal(t, 301, failure.Status)
	require.ErrorContains(t, failure.Err, "from TLS to plain text")
}
