package handshake

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests here are the rules that servers get wrong, each on both paths.

func TestRule01ConnectionAndUpgradeAreTokenLists(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, edits := range [][]string{
			{"Connection: upgrade", "Upgrade: WebSocket"},
			{"Connection: keep-alive, Upgrade"},
			{"Connection: keep-alive,\tUPGRADE ,"},
			{"Connection: keep-alive", "+Connection: Upgrade"},
			{"Upgrade: h2c, websocket"},
			{"Upgrade: h2c", "+Upgrade: websocket"},
			{"Upgrade: , websocket"},
		} {
			serve(t, nil, aRequest(edits...)).requireUpgraded(t, edits)
		}
		for _, edits := range [][]string{
			{"Connection: keep-alive"},
			{"Connection: Upgrades"},
			{"Connection: keep-alive Upgrade"},
			{"-Connection"},
			{"Upgrade: h2c"},
			{"Upgrade: websocket/13"},
			{"Upgrade: webso\u212aet"}, // a Kelvin sign folds to k outside ASCII
			{"-Upgrade"},
		} {
			serve(t, nil, aRequest(edits...)).requireRejected(t, 426, edits)
		}
	})
}

func TestRule02KeyIsOneOf16Bytes(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, nil, aRequest("Sec-WebSocket-Key:  \t"+sampleKey+" \t "))
		o.requireUpgraded(t, "white space around the key is none of it")

		o = serve(t, nil, aRequest("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB=="))
		require.Equal(t, AcceptKey("AAAAAAAAAAAAAAAAAAAAAB=="), o.Header.Get("Sec-WebSocket-Accept"),
			"the accept value answers the text of the key, whatever its spare bits")

		for _, edits := range [][]string{
			{"-Sec-WebSocket-Key"},
			{"Sec-WebSocket-Key:"},
			{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"},
			{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== x"},
			{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=a"},
			{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA"},
			{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"},
			{"Sec-WebSocket-Key: dGhlIHNhbXBs_SBub25jZQ=="},
			{"+Sec-WebSocket-Key: " + sampleKey},
			{"+Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=="},
		} {
			serve(t, nil, aRequest(edits...)).requireRejected(t, 400, edits)
		}
	})
}

func TestRule03VersionAndRejections(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, edit := range []string{
			"Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 013", "Sec-WebSocket-Version: 13, 8",
			"Sec-WebSocket-Version: 99", "-Sec-WebSocket-Version", "Sec-WebSocket-Version:",
		} {
			o := serve(t, nil, aRequest(edit))
			o.requireRejected(t, 426, edit)
			require.Equal(t, []string{"13"}, o.Header["Sec-Websocket-Version"], edit)
			require.Equal(t, []string{"websocket"}, o.Header["Upgrade"], edit)
			require.Contains(t, o.raw, "\r\nConnection: Upgrade\r\n", edit)
		}
		serve(t, nil, aRequest("+Sec-WebSocket-Version: 13")).requireRejected(t, 400)
	})
}

func TestRule03APlainGetLearnsWhatThisIs(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, nil, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		o.requireRejected(t, 426)
		require.Equal(t, "websocket", o.Header.Get("Upgrade"))
		require.Equal(t, "13", o.Header.Get("Sec-WebSocket-Version"))
		require.Equal(t, "text/plain; charset=utf-8", o.Header.Get("Content-Type"))
		require.Contains(t, o.body, "WebSocket")
		require.NotEmpty(t, o.Header.Get("Date"))
	})
}

func TestRule03OnlyGet(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, method := range []string{"POST", "HEAD", "PUT", "OPTIONS", "get", "PRI"} {
			o := serve(t, nil, aRequest(method+" / HTTP/1.1"))
			o.requireRejected(t, 405, method)
			require.Equal(t, "GET", o.Header.Get("Allow"), method)
		}
		o := serve(t, nil, aRequest("HEAD / HTTP/1.1"))
		require.True(t, strings.HasSuffix(o.raw, "\r\n\r\n"), "an answer to HEAD has no body")
	})
}

func TestRule03ARequestBehindARejectedOneIsNotServed(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, nil, aRequest("-Upgrade")+aRequest()+"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n")
		o.requireRejected(t, 426)
		require.Equal(t, 1, strings.Count(o.raw, "HTTP/1.1 "), "one answer only")
	})
}

func TestRule04NoBodyNoOldVersion(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, edits := range [][]string{
			{"Content-Length: 5"},
			{"Content-Length: -0"},
			{"Content-Length: 0, 5"},
			{"Content-Length: 0", "+Content-Length: 5"},
			{"Content-Length: 0", "Transfer-Encoding: chunked"},
			{"Transfer-Encoding: chunked"},
		} {
			serve(t, nil, aRequest(edits...)+"0\r\n\r\n").requireRejected(t, 400, edits)
		}
		o := serve(t, nil, aRequest("GET / HTTP/1.0"))
		o.requireRejected(t, 505)
		require.Contains(t, o.body, "proxy", "which is where such requests come from")
		serve(t, nil, aRequest("GET / HTTP/1.2")).requireUpgraded(t, "1.1 or later")
		serve(t, nil, aRequest("GET / HTTP/2.0")).requireRejected(t, 505)
	})
}

// Some clients and proxies announce a body of no bytes. What follows are frames.
func TestRule04ABodyOfNoBytesIsNone(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, edits := range [][]string{
			{"Content-Length: 0"},
			{"Content-Length: 0", "+Content-Length: 0"},
		} {
			o := serve(t, nil, aRequest(edits...)+"\x81\x80\x00\x00\x00\x00")
			o.requireUpgraded(t, edits)
			require.Equal(t, "\x81\x80\x00\x00\x00\x00", string(o.upgraded.Buffered), edits)
		}
	})
}

func TestRule05SubprotocolsAreCaseSensitiveTokens(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		cfg := &ServerConfig{Subprotocols: []string{"chat", "superchat"}}
		for _, tt := range []struct {
			name  string
			edits []string
			want  string
		}{
			{"the server's order counts", []string{"Sec-WebSocket-Protocol: superchat, chat"}, "chat"},
			{"several lines", []string{"Sec-WebSocket-Protocol: x", "+Sec-WebSocket-Protocol: superchat"}, "superchat"},
			{"case counts", []string{"Sec-WebSocket-Protocol: Chat"}, ""},
			{"no match", []string{"Sec-WebSocket-Protocol: soap, wamp"}, ""},
			{"none offered", nil, ""},
			{"empty elements", []string{"Sec-WebSocket-Protocol: , ,superchat,,"}, "superchat"},
			{"an empty list", []string{"Sec-WebSocket-Protocol: "}, ""},
		} {
			o := serve(t, cfg, aRequest(tt.edits...))
			o.requireUpgraded(t, tt.name)
			require.Equal(t, tt.want, o.upgraded.Subprotocol, tt.name)
			require.Equal(t, tt.want, o.Header.Get("Sec-WebSocket-Protocol"), tt.name)
			if tt.want == "" {
				require.NotContains(t, strings.ToLower(o.raw), "protocol:", "no match: no header at all")
			}
		}
		for _, bad := range []string{"chat room", "chat;x", "\"chat\"", "chät"} {
			serve(t, cfg, aRequest("Sec-WebSocket-Protocol: "+bad)).requireRejected(t, 400, bad)
		}
	})
}

func TestRule05ManySpacesTakeLinearTime(t *testing.T) {
	spaces := strings.Repeat(" ", 32_000)
	cfg := &ServerConfig{Subprotocols: []string{"chat"}, MaxHeaderBytes: 1 << 20}
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, cfg, aRequest("Sec-WebSocket-Protocol: a"+spaces+","+spaces+"chat"))
		o.requireUpgraded(t)
		require.Equal(t, "chat", o.upgraded.Subprotocol)
		o = serve(t, cfg, aRequest("Sec-WebSocket-Protocol: a"+spaces+"b"))
		o.requireRejected(t, 400)
	})
}

func TestRule06ExtensionOffersAreDeclined(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		for _, offer := range []string{
			"permessage-deflate; client_max_window_bits",
			`foo; a="b,c;d\"e", bar`,
			"foo; a=1; a=2", // the offer is void, which is no worse than declined
			", ,foo,,",
			"",
		} {
			o := serve(t, nil, aRequest("Sec-WebSocket-Extensions: "+offer))
			o.requireUpgraded(t, offer)
			require.Empty(t, o.Header["Sec-Websocket-Extensions"], offer)
		}
		for _, offer := range []string{"foo;", "foo; a=", `foo; a="`, "foo bar", "=", `foo; a="b"c`} {
			serve(t, nil, aRequest("Sec-WebSocket-Extensions: "+offer)).requireRejected(t, 400, offer)
		}
	})
}

func TestRule07SameOriginByDefault(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		serve(t, nil, aRequest()).requireUpgraded(t, "no Origin: not a browser")
		serve(t, nil, aRequest("Origin: https://EXAMPLE.com")).requireUpgraded(t)
		for _, edits := range [][]string{
			{"Origin: https://evil.example"},
			{"Origin: null"},
			{"Origin:"},
			{"Origin: https://example.com", "+Origin: https://example.com"},
		} {
			serve(t, nil, aRequest(edits...)).requireRejected(t, 403, edits)
		}
		evil := aRequest("Origin: https://evil.example")
		serve(t, &ServerConfig{OriginPatterns: []string{"evil.*"}}, evil).requireUpgraded(t)
		serve(t, &ServerConfig{InsecureSkipOriginCheck: true}, evil).requireUpgraded(t)
		o := serve(t, &ServerConfig{OriginPatterns: []string{"[a-"}}, evil)
		o.requireRejected(t, 500, "a bad pattern is the server's fault")
		require.ErrorContains(t, o.err, `"[a-"`)
	})
}

func TestRule08BytesBehindTheRequestAreKept(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, nil, aRequest()+"\x81\x80\x00\x00\x00\x00")
		o.requireUpgraded(t)
		require.Equal(t, "\x81\x80\x00\x00\x00\x00", string(o.upgraded.Buffered))
		o = serve(t, nil, aRequest())
		require.Nil(t, o.upgraded.Buffered)
	})
}

func TestRule08HeadersReachThe101AndNothingIsInjected(t *testing.T) {
	cfg := &ServerConfig{
		Subprotocols: []string{"chat"},
		Header: http.Header{
			"Set-Cookie":             {"a=1", "b=2"},
			"X-Evil":                 {"1\r\nX-Injected: 1\x00"},
			"X Evil\r\nX-Injected: ": {"2"},
			"":                       {"3"},
			"Sec-Websocket-Protocol": {"soap"},
			"sec-websocket-accept":   {"mine"},
			"Connection":             {"close"},
			"content-length":         {"7"},
		},
	}
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, cfg, aRequest("Sec-WebSocket-Protocol: chat"))
		o.requireUpgraded(t)
		require.Equal(t, []string{"a=1", "b=2"}, o.Header["Set-Cookie"])
		require.Equal(t, []string{"1  X-Injected: 1"}, o.Header["X-Evil"], "a field on its own line would be a new one")
		require.Empty(t, o.Header["X-Injected"])
		require.Equal(t, []string{"chat"}, o.Header["Sec-Websocket-Protocol"])
		require.Equal(t, []string{"Upgrade"}, o.Header["Connection"])
		require.NotContains(t, o.raw, "\x00")
		require.NotContains(t, o.raw, "ontent-")
	})
}
