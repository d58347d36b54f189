package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// recorded is a handler that keeps what it is told.
type recorded struct {
	messages []string
	end      string
}

func (r *recorded) message(data []byte, binary bool) error {
	if string(data) == "wrong" {
		return errors.New("wrong")
	}
	r.messages = append(r.messages, string(data))
	return nil
}

func (r *recorded) closed(reason string) { r.end += reason }

// polled is a client that polls an engine, without a network.
type polled struct {
	t       *testing.T
	engine  *engine
	session *session
	heard   *recorded
	query   string
}

// inBubble opens a session by polling, where time is not real. All sessions have ended
// when f has returned, and every goroutine with them.
func inBubble(t *testing.T, change func(cfg *settings), f func(p *polled)) {
	synctest.Test(t, func(t *testing.T) {
		p := &polled{t: t, heard: new(recorded), query: "EIO=4&transport=polling"}
		p.engine = &engine{settings: defaults}
		p.engine.begin = func(s *session) handler { p.session = s; return p.heard }
		if change != nil {
			change(&p.engine.settings)
		}
		opened := p.do("GET", "")
		require.Contains(t, opened, `"upgrades":["websocket"]`)
		require.Equal(t, byte(packetOpen), opened[4])
		p.query += "&sid=" + p.session.id
		f(p)
		p.engine.shutdown()
		assert.NotEmpty(t, p.heard.end, "the handler is told of the end")
		assert.Empty(t, p.engine.sessions, "no session is left")
	})
}

// do makes a request, and returns its status and body.
func (p *polled) do(method, body string) string {
	return request(p.engine, method, "/socket.io/?"+p.query, body, "")
}

func request(h http.Handler, method, url, body, origin string) string {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return http.StatusText(w.Code)[:2] + "| " + w.Body.String()
}

// poll polls in the background.
func (p *polled) poll() <-chan string {
	answer := make(chan string, 1)
	go func() { answer <- p.do("GET", "") }()
	synctest.Wait()
	return answer
}

// websocket is a WebSocket that serve gets, and its client.
func (p *polled) websocket(serve func(*conn.Conn) error) *conn.Conn {
	ours, server := conn.Pipe(nil, nil)
	go func() {
		serve(server)
		server.Close(conn.StatusNormalClosure, "")
	}()
	p.t.Cleanup(func() { ours.CloseNow() })
	return ours
}

func (p *polled) want(c *conn.Conn, typ conn.MessageType, want string) {
	p.t.Helper()
	got, data, err := c.Read(context.Background())
	require.NoError(p.t, err)
	assert.Equal(p.t, typ, got)
	assert.Equal(p.t, want, string(data))
}

func (p *polled) write(c *conn.Conn, text string) {
	p.t.Helper()
	require.NoError(p.t, c.Write(context.Background(), conn.Text, []byte(text)))
}

func TestPolling(t *testing.T) {
	inBubble(t, nil, func(p *polled) {
		assert.Equal(t, "OK| ok", p.do("POST", "4one\x1e4two\x1ebdGhyZWU="))
		assert.Equal(t, []string{"one", "two", "three"}, p.heard.messages, "in order, and base64 is binary")

		answer := p.poll()
		assert.Empty(t, answer, "a poll waits as long as there is nothing")
		p.session.send(packet{typ: packetMessage, data: []byte("hello")}, packet{typ: packetMessage, data: []byte{1}, binary: true})
		assert.Equal(t, "OK| 4hello\x1ebAQ==", <-answer)

		start := time.Now()
		assert.Equal(t, "OK| 2", p.do("GET", ""), "a poll waits no longer than until the next ping")
		assert.LessOrEqual(t, time.Since(start), p.engine.pingInterval)
		p.do("POST", "3")

		answer = p.poll()
		assert.Equal(t, "OK| ok", p.do("POST", "4three\x1e1\x1e4four"), "a client may leave")
		assert.Equal(t, "OK| 1", <-answer, "and the poll that waits is let go")
		synctest.Wait()
		assert.Equal(t, "three", p.heard.messages[3])
		assert.Len(t, p.heard.messages, 4, "what comes after that is not read")
		assert.Equal(t, "transport close", p.heard.end)
		assert.Equal(t, `Ba| {"code":1,"message":"Session ID unknown"}`, p.do("GET", ""))
	})
}

func TestPings(t *testing.T) {
	inBubble(t, nil, func(p *polled) {
		for range 3 {
			start := time.Now()
			assert.Equal(t, "OK| 2", p.do("GET", ""))
			assert.Equal(t, p.engine.pingInterval, time.Since(start))
			assert.Equal(t, "OK| ok", p.do("POST", "3"))
			p.do("POST", "3") // a second pong buys nothing
		}
		assert.Equal(t, "OK| 2", p.do("GET", ""))
		start := time.Now()
		assert.Equal(t, "OK| 1", p.do("GET", ""), "who does not pong is closed")
		assert.Equal(t, p.engine.pingTimeout, time.Since(start))
		synctest.Wait()
		assert.Equal(t, "ping timeout", p.heard.end)
	})
}

func TestUpgrade(t *testing.T) {
	inBubble(t, nil, func(p *polled) {
		answer := p.poll()
		c := p.websocket(p.session.upgrade)
		p.write(c, "2probe")
		p.want(c, conn.Text, "3probe")
		assert.Equal(t, "OK| 6", <-answer, "the poll is let go, so that the client can stop")

		p.session.send(packet{typ: packetMessage, data: []byte("queued")})
		p.session.send(packet{typ: packetMessage, data: []byte{0xFF}, binary: true})
		p.write(c, "5")
		p.want(c, conn.Text, "4queued")
		p.want(c, conn.Binary, "\xFF")
		p.write(c, "4hello")
		synctest.Wait()
		assert.Equal(t, []string{"hello"}, p.heard.messages)
		assert.Equal(t, `Ba| {"code":3,"message":"Bad request"}`, p.do("GET", ""), "polling is over")
		assert.Equal(t, `Ba| {"code":3,"message":"Bad request"}`, p.do("POST", "4x"))

		other := p.websocket(p.session.upgrade)
		_, _, err := other.Read(context.Background())
		assert.Equal(t, conn.StatusNormalClosure, conn.CloseStatus(err), "there is one WebSocket")
		p.want(c, conn.Text, "2") // after its interval
		p.write(c, "3")
		require.NoError(t, c.Close(conn.StatusNormalClosure, ""))
		synctest.Wait()
		assert.Equal(t, "transport close", p.heard.end)
	})
}

func TestUpgradesThatFail(t *testing.T) {
	for name, says := range map[string][]string{
		"not a probe":             {"4hello"},
		"a probe, but no upgrade": {"2probe", "4hello"},
		"nothing":                 {},
		"nothing after the probe": {"2probe"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(p *polled) {
				c := p.websocket(p.session.upgrade)
				for _, s := range says {
					p.write(c, s)
				}
				start := time.Now()
				var err error
				for err == nil {
					_, _, err = c.Read(context.Background())
				}
				assert.LessOrEqual(t, time.Since(start), p.engine.upgradeTimeout, "it has so much time")
				synctest.Wait()
				assert.Empty(t, p.heard.end, "the session goes on")
				answer := p.poll()
				assert.Empty(t, answer, "and polls wait again")
				p.session.send(packet{typ: packetMessage, data: []byte("still here")})
				assert.Equal(t, "OK| 4still here", <-answer)
			})
		})
	}
}

func TestAWebSocketFromTheBeginning(t *testing.T) {
	inBubble(t, nil, func(p *polled) {
		c := p.websocket(p.engine.serveNew)
		_, data, err := c.Read(context.Background())
		require.NoError(t, err)
		assert.Equal(t, byte(packetOpen), data[0])
		p.write(c, "4hello")
		p.write(c, "2")
		_, _, err = c.Read(context.Background())
		assert.Equal(t, conn.StatusNormalClosure, conn.CloseStatus(err), "a client sends no pings")
		synctest.Wait()
		assert.Equal(t, "parse error", p.heard.end)
	})
}

// What ends a session, and what the client that did it is told.
func TestHostileClients(t *testing.T) {
	small := func(cfg *settings) { cfg.maxPayload, cfg.maxQueue = 100, 1000 }
	for _, tt := range []struct {
		name string
		do   func(p *polled) string
		told string
		end  string
	}{
		{"two polls at once", func(p *polled) string { p.poll(); return p.do("GET", "") }, `Ba| {"code":3,"message":"Bad request"}`, "transport error"},
		{"a body that is too large", func(p *polled) string { return p.do("POST", "4"+strings.Repeat("x", 100)) }, "Re| too large\n", "transport error"},
		{"a body that is none", func(p *polled) string { return p.do("POST", "") }, `Ba| {"code":3,"message":"Bad request"}`, "parse error"},
		{"a message that is wrong", func(p *polled) string { return p.do("POST", "4wrong\x1e4more") }, `Ba| {"code":3,"message":"Bad request"}`, "parse error"},
		{"an open of the client's", func(p *polled) string { return p.do("POST", "0{}") }, `Ba| {"code":3,"message":"Bad request"}`, "parse error"},
		{"a client that does not poll", func(p *polled) string {
			for p.session.send(packet{typ: packetMessage, data: make([]byte, 100)}) == nil {
			}
			return p.do("GET", "")
		}, `Ba| {"code":1,"message":"Session ID unknown"}`, "transport error"},
		{"a poll that is broken off", func(p *polled) string {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			w := httptest.NewRecorder()
			p.engine.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/socket.io/?"+p.query, nil))
			return w.Body.String()
		}, "", "transport close"},
		{"a POST that is broken off", func(p *polled) string {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", "/socket.io/?"+p.query, io.MultiReader(strings.NewReader("4x"), broken{}))
			p.engine.ServeHTTP(w, r)
			return w.Body.String()
		}, "", "transport error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, small, func(p *polled) {
				assert.Equal(t, tt.told, tt.do(p))
				synctest.Wait()
				assert.Equal(t, tt.end, p.heard.end)
				assert.Empty(t, p.heard.messages)
			})
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRequestsThatAreRefused(t *testing.T) {
	inBubble(t, func(cfg *settings) { cfg.maxSessions = 1 }, func(p *polled) {
		for _, tt := range []struct{ name, method, url, origin, want string }{
			{"no version", "GET", "?transport=polling", "", `Ba| {"code":5,"message":"Unsupported protocol version"}`},
			{"version 3", "GET", "?EIO=3&transport=polling", "", `Ba| {"code":5,"message":"Unsupported protocol version"}`},
			{"no transport", "GET", "?EIO=4", "", `Ba| {"code":0,"message":"Transport unknown"}`},
			{"another transport", "GET", "?EIO=4&transport=carrier-pigeon", "", `Ba| {"code":0,"message":"Transport unknown"}`},
			{"opening by POST", "POST", "?EIO=4&transport=polling", "", `Ba| {"code":2,"message":"Bad handshake method"}`},
			{"an unknown session", "GET", "?EIO=4&transport=polling&sid=x", "", `Ba| {"code":1,"message":"Session ID unknown"}`},
			{"an unknown session for a WebSocket", "GET", "?EIO=4&transport=websocket&sid=x", "", `Ba| {"code":1,"message":"Session ID unknown"}`},
			{"a method for neither", "PUT", "?" + p.query, "", `Ba| {"code":3,"message":"Bad request"}`},
			{"a page of another site", "GET", "?EIO=4&transport=polling", "https://evil.example", `Fo| {"code":4,"message":"Forbidden"}`},
			{"a page of no site", "GET", "?EIO=4&transport=polling", "null", `Fo| {"code":4,"message":"Forbidden"}`},
			{"one session too many", "GET", "?EIO=4&transport=polling", "http://example.com", `Se| {"code":4,"message":"Forbidden"}`},
		} {
			assert.Equal(t, tt.want, request(p.engine, tt.method, "/socket.io/"+tt.url, "", tt.origin), tt.name)
		}
		c := p.websocket(p.engine.serveNew)
		_, _, err := c.Read(context.Background())
		assert.Error(t, err, "no session for a WebSocket either")
		assert.Empty(t, p.heard.end, "the session that there is does not mind")
	})
}
