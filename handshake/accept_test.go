package handshake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestRule09RawRequestIsBounded(t *testing.T) {
	field := func(n int) string { return "X-Long: " + strings.Repeat("a", n) }
	for _, tt := range []struct {
		name   string
		cfg    ServerConfig
		edits  []string
		status int
	}{
		{"bytes within the bound", ServerConfig{}, []string{field(15 << 10)}, 101},
		{"bytes", ServerConfig{}, []string{field(16 << 10)}, 431},
		{"bytes, chosen", ServerConfig{MaxHeaderBytes: 200}, []string{field(100)}, 431},
		{"bytes, more", ServerConfig{MaxHeaderBytes: 64 << 10}, []string{field(60 << 10)}, 101},
		{"request line", ServerConfig{}, []string{"GET /" + strings.Repeat("a", 17_000) + " HTTP/1.1"}, 431},
		{"count within the bound", ServerConfig{}, repeat("+X-A: b", 95), 101},
		{"count", ServerConfig{}, repeat("+X-A: b", 96), 431},
		{"count, chosen", ServerConfig{MaxHeaders: 4}, nil, 431},
		{"count, just enough", ServerConfig{MaxHeaders: 5}, nil, 101},
	} {
		o := serveRaw(t, &tt.cfg, aRequest(tt.edits...))
		require.NotNil(t, o.Response, tt.name)
		require.Equal(t, tt.status, o.StatusCode, tt.name)
		if tt.status != 101 {
			o.requireRejected(t, tt.status, tt.name)
		}
	}
}

// The bound is exact: a head of as many bytes passes, also with frames behind it.
func TestRule09TheLastByteCounts(t *testing.T) {
	head := aRequest()
	conn := &cannedConn{in: head + "\x81\x00"}
	_, err := Accept(conn, &ServerConfig{MaxHeaderBytes: len(head)})
	require.NoError(t, err)
	require.Equal(t, len(head), conn.pos, "the frame is left where it was")
	serveRaw(t, &ServerConfig{MaxHeaderBytes: len(head) - 1}, head).requireRejected(t, 431)
}

func TestRule09GarbageGets400(t *testing.T) {
	for name, garbage := range map[string]string{
		"a TLS hello":                   "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"some other protocol":           "EHLO example.com\r\n",
		"words":                         "hello there friend\r\n\r\n",
		"an empty line":                 "\r\n",
		"no version":                    "GET /\r\n\r\n",
		"an odd version":                "GET / HTTP/11\r\n",
		"two spaces":                    "GET  / HTTP/1.1\r\n",
		"a space more":                  "GET / HTTP/1.1 \r\n",
		"a method that is no token":     "G(T / HTTP/1.1\r\n",
		"a bare LF":                     "GET / HTTP/1.1\n",
		"a bare LF at the end":          "GET / HTTP/1.1\r\nHost: a\r\n\n",
		"a bare CR":                     "GET / HTTP/1.1\r\nHost: a\rb\r\n",
		"a folded line":                 "GET / HTTP/1.1\r\nHost: a\r\n b\r\n",
		"a space before the colon":      "GET / HTTP/1.1\r\nHost : a\r\n",
		"a line without colon":          "GET / HTTP/1.1\r\nHost\r\n",
		"no name":                       "GET / HTTP/1.1\r\n: a\r\n",
		"a name that is no token":       "GET / HTTP/1.1\r\nHö: a\r\n",
		"NUL in a value":                "GET / HTTP/1.1\r\nHost: a\x00b\r\n",
		"NUL in a line that is not yet": "GET / HTTP/1.1\r\nHost: a\x00",
		"no Host":                       aRequest("-Host"),
		"two Hosts":                     aRequest("+Host: example.com"),
		"an empty Host":                 aRequest("Host:"),
		"a Host with a path":            aRequest("Host: a/b"),
		"a Host with a user":            aRequest("Host: a@b"),
		"a bad port":                    aRequest("Host: a:99999"),
		"a star":                        aRequest("GET * HTTP/1.1"),
		"a fragment":                    aRequest("GET /#a HTTP/1.1"),
		"a relative path":               aRequest("GET a HTTP/1.1"),
		"a bad escape":                  aRequest("GET /%zz HTTP/1.1"),
		"another scheme":                aRequest("GET ftp://a/ HTTP/1.1"),
		"no authority":                  aRequest("GET http:///a HTTP/1.1"),
		"a target outside ASCII":        aRequest("GET /ä HTTP/1.1"),
		"a control character in it":     aRequest("GET /\x7f HTTP/1.1"),
	} {
		// Without a wait for more: the peer may well stay silent now.
		o := serveRaw(t, nil, garbage)
		o.requireRejected(t, 400, name)
		require.Equal(t, "HTTP/1.1 400 Bad Request", strings.SplitN(o.raw, "\r\n", 2)[0], name)
	}
}

// bubble runs Accept in a synctest bubble and gives the test the client's end.
func bubble(t *testing.T, cfg *ServerConfig, test func(client *wstest.Conn, failed <-chan error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		failed := make(chan error, 1)
		go func() {
			u, err := Accept(server, cfg)
			if err == nil {
				u.Conn.Close()
			}
			failed <- err
		}()
		test(client, failed)
		client.Close()
	})
}

func TestRule09SlowLoris(t *testing.T) {
	bubble(t, nil, func(client *wstest.Conn, failed <-chan error) {
		start := time.Now()
		dripped := make(chan struct{})
		go func() { // a byte a second would take minutes, were the bound one for each read
			defer close(dripped)
			for _, c := range []byte(aRequest()) {
				if _, err := client.Write([]byte{c}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		raw, _ := io.ReadAll(client)
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Contains(t, string(raw), "HTTP/1.1 408 Request Timeout\r\n")
		client.Close()
		err := <-failed
		require.Equal(t, 408, requireFailure(t, err).Status)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		<-dripped
	})
}

func TestRule09ASilentPeerIsLeftWithoutAWord(t *testing.T) {
	bubble(t, &ServerConfig{Timeout: 3 * time.Second}, func(client *wstest.Conn, failed <-chan error) {
		start := time.Now()
		raw, err := io.ReadAll(client)
		require.NoError(t, err)
		require.Empty(t, raw)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Zero(t, requireFailure(t, <-failed).Status)
	})
}

// A peer that does not read the 101 does not hold Accept up.
func TestRule09APeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		server.SetBuffer(10)
		io.WriteString(client, aRequest())
		start := time.Now()
		_, err := Accept(server, nil)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(start))
		client.Close()
	})
}

func TestAPeerThatLeaves(t *testing.T) {
	for sent, want := range map[string]error{
		"":                io.EOF,
		"GET / HTTP/1.1":  io.ErrUnexpectedEOF,
		aRequest()[:100]:  io.ErrUnexpectedEOF,
		aRequest("-Host"): nil, // was answered
	} {
		bubble(t, nil, func(client *wstest.Conn, failed <-chan error) {
			io.WriteString(client, sent)
			client.CloseWrite()
			err := <-failed
			if want == nil {
				require.Equal(t, 400, requireFailure(t, err).Status)
			} else {
				require.ErrorIs(t, err, want, sent)
			}
		})
	}
}

// What the peer has sent and we did not read would make Close reset the
// connection, and the reset would destroy the rejection.
func TestRejectionSurvivesUnreadBytes(t *testing.T) {
	bubble(t, nil, func(client *wstest.Conn, failed <-chan error) {
		io.WriteString(client, aRequest("-Upgrade")+strings.Repeat("x", 50_000))
		synctest.Wait()
		raw, err := io.ReadAll(client)
		require.NoError(t, err)
		require.Contains(t, string(raw), "426 Upgrade Required")
		client.Close()
		require.Error(t, <-failed)
	})
}

func TestLingeringIsBounded(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		bubble(t, nil, func(client *wstest.Conn, failed <-chan error) {
			start := time.Now()
			io.WriteString(client, "garbage\r\n")
			require.Error(t, <-failed)
			require.Equal(t, lingerTime, time.Since(start))
		})
	})
	t.Run("in bytes", func(t *testing.T) {
		bubble(t, nil, func(client *wstest.Conn, failed <-chan error) {
			start := time.Now()
			junk := bytes.Repeat([]byte("x"), 4096)
			for err := error(nil); err == nil; {
				_, err = client.Write(junk)
			}
			require.Error(t, <-failed)
			require.Less(t, time.Since(start), lingerTime)
			require.Less(t, client.Written(), int64(2*lingerBytes))
		})
	})
	t.Run("when the rejection cannot be sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := wstest.Pipe()
			server.SetBuffer(0)
			io.WriteString(client, "garbage\r\n")
			start := time.Now()
			_, err := Accept(server, nil)
			require.Equal(t, 400, requireFailure(t, err).Status)
			require.Equal(t, lingerTime, time.Since(start))
		})
	})
}

func TestAcceptClosesWhatItRefuses(t *testing.T) {
	client, server := wstest.Pipe()
	go io.WriteString(client, "garbage\r\n")
	client.CloseWrite()
	_, err := Accept(server, nil)
	require.Error(t, err)
	_, err = server.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	client.Close()
}

func TestAcceptOfAClosedConnection(t *testing.T) {
	client, server := wstest.Pipe()
	server.Close()
	_, err := Accept(server, nil)
	require.ErrorIs(t, err, net.ErrClosed)
	client.Close()
}

func TestAcceptWhateverTheSplit(t *testing.T) {
	text := aRequest("Sec-WebSocket-Protocol: chat", "Origin: http://example.com")
	for at := range text {
		client, server := wstest.Pipe()
		go func() {
			io.WriteString(client, text[:at])
			for client.Unread() == 0 && server.Unread() > 0 {
				runtime.Gosched() // so that the parts are read one by one
			}
			io.WriteString(client, text[at:])
		}()
		u, err := Accept(server, &ServerConfig{Subprotocols: []string{"chat"}})
		require.NoError(t, err, "cut at %d", at)
		require.Equal(t, "chat", u.Subprotocol)
		server.Close()
		client.Close()
	}
}

func TestAcceptLeavesNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := wstest.Pipe()
		io.WriteString(client, aRequest())
		u, err := Accept(server, nil)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		io.WriteString(client, "late")
		p := make([]byte, 4)
		_, err = io.ReadFull(u.Conn, p)
		require.NoError(t, err)
		client.Close()
		server.Close()
	})
}

func TestAcceptTellsWhatItWasAsked(t *testing.T) {
	cfg := &ServerConfig{KeepHeader: []string{"user-agent", "Cookie", "X-None", "host"}}
	onBothPaths(t, func(t *testing.T, serve server) {
		o := serve(t, cfg, aRequest("User-Agent: test", "Cookie: a", "+Cookie: b", "Host: EXAMPLE.com:81"))
		o.requireUpgraded(t)
		require.Equal(t, "/chat?room=1", o.upgraded.URI)
		require.Equal(t, "EXAMPLE.com:81", o.upgraded.Host)
		want := http.Header{"User-Agent": {"test"}, "Cookie": {"a", "b"}, "Host": {"EXAMPLE.com:81"}}
		require.Equal(t, want, o.upgraded.Header)
		require.Equal(t, frame.Server, o.upgraded.Role)

		o = serve(t, nil, aRequest("GET http://other.example:82?x HTTP/1.1"))
		o.requireUpgraded(t)
		require.Equal(t, "/?x", o.upgraded.URI)
		require.Equal(t, "other.example:82", o.upgraded.Host, "the authority of an absolute target takes the place of Host")
		require.Nil(t, o.upgraded.Header)
	})
}

// The parser's strings point into memory that the next handshake uses. None of
// them may be left in what Accept returns.
func TestAcceptKeepsNoViewOfItsBuffer(t *testing.T) {
	var offered []string
	var origin, agent string
	var seen *Request
	cfg := &ServerConfig{
		KeepHeader: []string{"Cookie"},
		SelectSubprotocol: func(r *Request, names []string) (string, error) {
			offered, agent, seen = names, r.Get("User-Agent"), r
			return names[0], nil
		},
		CheckOrigin: func(_ *Request, o string) bool { origin = o; return true },
	}
	conn := &cannedConn{in: aRequest("Sec-WebSocket-Protocol: chat", "User-Agent: test",
		"Origin: http://a.example", "Cookie: a=b")}
	s := getScratch(conn, cfg)
	u := new(Upgraded)
	require.Nil(t, s.accept(u, conn, cfg))
	bad := &cannedConn{in: aRequest("Origin: http://b.example", "Sec-WebSocket-Extensions: !?")}
	s2 := getScratch(bad, new(ServerConfig))
	rejection := s2.accept(new(Upgraded), bad, cfg)

	for _, s := range []*scratch{s, s2} {
		for i := range s.array {
			s.array[i] = '#'
		}
	}
	require.Equal(t, "/chat?room=1 example.com chat", u.URI+" "+u.Host+" "+u.Subprotocol)
	require.Equal(t, http.Header{"Cookie": {"a=b"}}, u.Header)
	require.Equal(t, []string{"chat"}, offered)
	require.Equal(t, "http://a.example test", origin+" "+agent)
	require.Empty(t, seen.Get("User-Agent"), "the header is gone when the callback has returned")
	require.Equal(t, "/chat", seen.Path())
	require.NotContains(t, rejection.Error()+string(rejection.Body), "#")
	require.Contains(t, rejection.Error(), "?")
}

// cannedConn is a connection on which the peer has said all it will say.
type cannedConn struct {
	net.Conn
	in  string
	pos int
	out []byte
}

func (c *cannedConn) Read(p []byte) (int, error) {
	if c.pos == len(c.in) {
		return 0, io.EOF
	}
	n := copy(p, c.in[c.pos:])
	c.pos += n
	return n, nil
}

func (c *cannedConn) Write(p []byte) (int, error) {
	c.out = append(c.out[:0], p...)
	return len(p), nil
}

func (c *cannedConn) SetDeadline(time.Time) error { return nil }
func (c *cannedConn) Close() error                { return nil }

// One allocation holds the URI and the Host, and another is the Deflate if there is
// one. The Upgraded is on the stack of who does not keep it. It does not matter how
// much the client says.
func TestAllocationsOfARawAccept(t *testing.T) {
	plain := &ServerConfig{Subprotocols: []string{"chat"}, Header: http.Header{"Server": {"parley"}}}
	compressing := &ServerConfig{Deflate: new(DeflateConfig)}
	const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
	for _, tt := range []struct {
		cfg   *ServerConfig
		edits []string
		want  float64
	}{
		{plain, nil, 1},
		{plain, []string{"Origin: http://example.com", "Sec-WebSocket-Protocol: soap, chat",
			"User-Agent: " + strings.Repeat("a", 3000), offer}, 1},
		{plain, repeat("+Connection: a", 90), 1},
		{compressing, nil, 1},
		{compressing, []string{offer + strings.Repeat("; x", 900)}, 1},
		{compressing, []string{offer + strings.Repeat(", foo", 600)}, 2},
	} {
		conn := &cannedConn{in: aRequest(tt.edits...)}
		got := leastAllocs(func() {
			conn.pos = 0
			if _, err := Accept(conn, tt.cfg); err != nil {
				t.Fatal(err)
			}
		})
		require.Equal(t, tt.want, got, tt.edits)
	}
}

// leastAllocs is [testing.AllocsPerRun], but the least of many, since a sync.Pool
// may lose what it was given, and does under the race detector.
func leastAllocs(f func()) float64 {
	least := testing.AllocsPerRun(1, f)
	for range 50 {
		least = min(least, testing.AllocsPerRun(1, f))
	}
	return least
}

func TestCheckHasTheLastWord(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		secret := errors.New("user 17 is not in the database")
		for _, tt := range []struct {
			name   string
			err    error
			status int
			body   string
		}{
			{"any error", secret, 403, "refused\n"},
			{"a status", &Error{Status: 404}, 404, "Not Found\n"},
			{"a whole answer", &Error{
				Status: 401, Body: []byte("who?"),
				Header: http.Header{"Www-Authenticate": {"Basic"}, "Content-Length": {"99"}, "Content-Type": {"text/x"}},
			}, 401, "who?"},
			{"no status to refuse with", &Error{Status: 101}, 403, "refused\n"},
			{"no status at all", &Error{Reason: "x"}, 403, "refused\n"},
			{"no such status", &Error{Status: 7000}, 403, "refused\n"},
		} {
			o := serve(t, &ServerConfig{Check: func(r *Request) error {
				require.Equal(t, "/chat", r.Path())
				require.Equal(t, "/chat?room=1", r.URI)
				require.Equal(t, "example.com", r.Host)
				require.Equal(t, sampleKey, r.Get("sec-websocket-key"))
				require.Equal(t, []string{"a", "b"}, r.Values("x-tag"))
				require.Empty(t, r.Get("X-None"))
				require.False(t, r.TLS)
				return tt.err
			}}, aRequest("+X-Tag: a", "+X-Tag: b"))
			o.requireRejected(t, tt.status, tt.name)
			require.Equal(t, tt.body, o.body, tt.name)
			require.ErrorIs(t, o.err, tt.err, tt.name)
			if tt.status == 401 {
				require.Equal(t, "Basic", o.Header.Get("WWW-Authenticate"))
				require.Equal(t, "text/x", o.Header.Get("Content-Type"))
			}
		}
		called := false
		cfg := &ServerConfig{Check: func(*Request) error { called = true; return nil }}
		serve(t, cfg, aRequest()).requireUpgraded(t)
		require.True(t, called)
		called = false
		serve(t, cfg, aRequest("Origin: null")).requireRejected(t, 403)
		require.False(t, called, "the protocol and the origin come first")
	})
}

func TestSelectSubprotocolDecides(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		ask := func(chosen string, err error) *ServerConfig {
			return &ServerConfig{
				Subprotocols: []string{"never"},
				SelectSubprotocol: func(r *Request, offered []string) (string, error) {
					require.Equal(t, []string{"v2", "v1"}, offered)
					offered[0] = "mine"
					return chosen, err
				},
			}
		}
		offer := aRequest("Sec-WebSocket-Protocol: v2, v1")
		o := serve(t, ask("v1", nil), offer)
		o.requireUpgraded(t)
		require.Equal(t, "v1", o.upgraded.Subprotocol)
		o = serve(t, ask("", nil), offer)
		o.requireUpgraded(t)
		require.Empty(t, o.upgraded.Subprotocol)
		serve(t, ask("mine", nil), offer).requireRejected(t, 500, "not on offer")
		serve(t, ask("", &Error{Status: 400}), offer).requireRejected(t, 400)
		serve(t, ask("", nil), aRequest()).requireUpgraded(t, "not asked if nothing is offered")
	})
}

func TestCheckOriginDecides(t *testing.T) {
	onBothPaths(t, func(t *testing.T, serve server) {
		cfg := &ServerConfig{CheckOrigin: func(r *Request, origin string) bool {
			return origin == "null" && r.Host == "example.com"
		}}
		serve(t, cfg, aRequest("Origin: null")).requireUpgraded(t)
		serve(t, cfg, aRequest("Origin: http://example.com")).requireRejected(t, 403)
		serve(t, cfg, aRequest()).requireUpgraded(t, "not asked without an Origin")
		serve(t, cfg, aRequest("Origin: null", "+Origin: null")).requireRejected(t, 403, "nor with two")
	})
}
