package main

import (
	"bufio"
	"bytes"
	"maps"
	"net"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// stable replaces what is another with every run.
func stable(stderr string) string {
	for pattern, name := range map[string]string{
		`127\.0\.0\.1:\d+`:                "HOST",
		`(Sec-WebSocket-Accept: )\S+`:     "${1}ACCEPT",
		`(Sec-WebSocket-Key: )\S+`:        "${1}KEY",
		`( MASK len=\d+ key=)[0-9a-f]{8}`: "${1}KEY",
	} {
		stderr = regexp.MustCompile(pattern).ReplaceAllString(stderr, name)
	}
	return stderr
}

// exchange has the program and a scripted server talk, and returns what the
// program says about it.
func exchange(t *testing.T, verbose string) string {
	t.Helper()
	p, peer := scripted(t, newOutput(false), newOutput(false), nil, verbose, "-commands", "-H", "X-Token: abc", "-o", "https://example.com", "-s", "chat,other")
	p.wantIn(p.err, "connected")
	p.typeLines("hello")
	peer.Want("the line", wstest.Text("hello"))
	peer.Send(wstest.Text("Grü").NoFin(), wstest.Ping("are you there?"))
	peer.Want("the answer to the ping", wstest.Pong("are you there?"))
	peer.Send(wstest.Cont("ße\n"), wstest.Binary([]byte{0, 1, 0xfe}), wstest.Text(""))
	p.wantIn(p.out, "\x01\xfe\n")
	p.typeLines("/close 4000 enough")
	peer.Want("the wish of the user", wstest.Close(4000, "enough"))
	peer.Send(wstest.Close(4000, ""))
	peer.CloseWrite()
	require.Equal(t, exitOK, p.wait())
	require.Equal(t, "Grüße\n\n\x00\x01\xfe\n", p.out.String(), "standard output has messages alone")
	return stable(p.err.String())
}

func TestVerbose(t *testing.T) {
	require.Equal(t, `
> GET /chat?room=1 HTTP/1.1
> Connection: Upgrade
> Host: HOST
> Origin: https://example.com
> Sec-WebSocket-Protocol: chat, other
> Sec-WebSocket-Version: 13
> Upgrade: websocket
> User-Agent: parley-wscat
> X-Token: abc
< HTTP/1.1 101 Switching Protocols
< Connection: Upgrade
< Sec-WebSocket-Accept: ACCEPT
< Sec-WebSocket-Protocol: chat
< Upgrade: websocket
* connected to ws://HOST/chat?room=1, subprotocol chat
> TEXT FIN MASK len=5  "hello"
< TEXT len=4  "Grü"
< PING FIN len=14  "are you there?"
> PONG FIN MASK len=14  "are you there?"
< CONTINUATION FIN len=4  "ße\n"
< BINARY FIN len=3  0001fe
< TEXT FIN len=0
> CLOSE FIN MASK len=8  4000 "enough"
< CLOSE FIN len=2  4000
* closed with 4000
* sent 1 message, 5 bytes; received 3 messages, 11 bytes
`, "\n"+exchange(t, "-v"))
}

func TestVeryVerbose(t *testing.T) {
	_, frames, _ := strings.Cut(exchange(t, "-vv"), "subprotocol chat\n")
	require.Equal(t, `
> TEXT FIN MASK len=5 key=KEY  "hello"
    00000000  68 65 6c 6c 6f                                    |hello|
< TEXT len=4  "Grü"
    00000000  47 72 c3 bc                                       |Gr..|
< PING FIN len=14  "are you there?"
    00000000  61 72 65 20 79 6f 75 20  74 68 65 72 65 3f        |are you there?|
> PONG FIN MASK len=14 key=KEY  "are you there?"
    00000000  61 72 65 20 79 6f 75 20  74 68 65 72 65 3f        |are you there?|
< CONTINUATION FIN len=4  "ße\n"
    00000000  c3 9f 65 0a                                       |..e.|
< BINARY FIN len=3  0001fe
    00000000  00 01 fe                                          |...|
< TEXT FIN len=0
> CLOSE FIN MASK len=8 key=KEY  4000 "enough"
    00000000  0f a0 65 6e 6f 75 67 68                           |..enough|
< CLOSE FIN len=2  4000
    00000000  0f a0                                             |..|
* closed with 4000
* sent 1 message, 5 bytes; received 3 messages, 11 bytes
`, "\n"+frames)
}

// What -v says of the request is put together from the command line. This compares
// it with what is on the wire.
func TestTheRequestIsShownAsItIs(t *testing.T) {
	for name, args := range map[string][]string{
		"plain":      nil,
		"everything": {"-deflate", "-s", "a,b", "-o", "https://example.com", "-H", "x-many: 1", "-H", "X-Many: 2", "-H", "Host: example.com", "-H", "Authorization: Bearer t"},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer ln.Close()
			p := start(t, nil, append(args, "-v", "ws://"+ln.Addr().String()+"/a?b=%20c")...)
			nc, err := ln.Accept()
			require.NoError(t, err)
			defer nc.Close()
			r := textproto.NewReader(bufio.NewReader(nc))
			first, err := r.ReadLine()
			require.NoError(t, err)
			h, err := r.ReadMIMEHeader()
			require.NoError(t, err)
			nc.Close()
			require.Equal(t, exitUnreachable, p.wait())

			require.NotEmpty(t, h.Get("Sec-WebSocket-Key"))
			h.Del("Sec-WebSocket-Key") // a new one every time
			var wire strings.Builder
			wire.WriteString("> " + first + "\n")
			for _, name := range slices.Sorted(maps.Keys(h)) {
				for _, value := range h[name] {
					wire.WriteString("> " + strings.Replace(name, "Websocket", "WebSocket", 1) + ": " + value + "\n")
				}
			}
			shown, _, _ := strings.Cut(p.err.String(), "wscat: ")
			require.Equal(t, wire.String(), shown)
		})
	}
}

func TestLongFramesAreCutShort(t *testing.T) {
	p, peer := scripted(t, newOutput(false), newOutput(false), nil, "-vv")
	peer.Send(wstest.Text(strings.Repeat("x", 5000)), wstest.Binary(bytes.Repeat([]byte{0xab}, 5000)), wstest.Close(1000, ""))
	peer.WantClose("the echo", 1000)
	peer.CloseWrite()
	require.Equal(t, exitOK, p.wait())
	stderr := p.err.String()
	require.Contains(t, stderr, `< TEXT FIN len=5000  "`+strings.Repeat("x", maxExcerpt)+"…\"\n")
	require.Contains(t, stderr, "< BINARY FIN len=5000  "+strings.Repeat("ab", maxExcerpt/3)+"…\n")
	require.Equal(t, 2, strings.Count(stderr, "… 904 bytes more\n"))
}

func TestABadCloseFrameIsShown(t *testing.T) {
	p, peer := scripted(t, newOutput(false), newOutput(false), nil, "-v")
	peer.Send(wstest.Close(1005, ""))
	peer.WantClose("no code that may be sent", 1002)
	peer.Close()
	require.Equal(t, exitClosed, p.wait())
	require.Regexp(t, `< CLOSE FIN len=2  .*1005`, p.err.String())
}
