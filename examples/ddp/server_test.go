package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// scripted is a client that says one message after the other.
type scripted struct {
	t *testing.T
	c *conn.Conn
}

// inServer runs f where time is not real. dial connects a client, but does not say so.
func inServer(t *testing.T, f func(t *testing.T, srv *Server, dial func() scripted)) {
	synctest.Test(t, func(t *testing.T) {
		srv := newTasks(30 * time.Second)
		f(t, srv, func() scripted {
			ours, server := conn.Pipe(nil, &config)
			go func() {
				err := srv.serve(server.Context(), server)
				code := conn.CloseStatus(err)
				if err == nil {
					code = conn.StatusNormalClosure
				}
				server.Close(code, "")
			}()
			t.Cleanup(func() { ours.CloseNow() })
			return scripted{t, ours}
		})
		synctest.Wait()
		srv.Shutdown(context.Background())
		synctest.Wait()
		assert.Empty(t, srv.Store.views, "nobody looks any more")
	})
}

func (s scripted) send(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		require.NoError(s.t, s.c.Write(context.Background(), conn.Text, []byte(text)))
	}
}

func (s scripted) read() string {
	s.t.Helper()
	_, data, err := s.c.Read(context.Background())
	require.NoError(s.t, err)
	return string(data)
}

func (s scripted) want(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		require.Equal(s.t, text, s.read())
	}
}

func (s scripted) wantEnd(code conn.StatusCode, why string) {
	s.t.Helper()
	_, _, err := s.c.Read(context.Background())
	require.Equal(s.t, code, conn.CloseStatus(err), why)
}

func (s scripted) connect(version string) {
	s.t.Helper()
	s.send(`{"msg":"connect","version":"` + version + `","support":["1"]}`)
	require.Contains(s.t, s.read(), `{"msg":"connected","session":"`)
}

func TestConnecting(t *testing.T) {
	inServer(t, func(t *testing.T, _ *Server, dial func() scripted) {
		for _, version := range versions {
			c := dial()
			c.connect(version)
			c.send(`{"msg":"connect","version":"1"}`)
			c.want(`{"msg":"error","reason":"already connected"}`)
			c.send(`{"msg":"ping"}`, `{"msg":"ping","id":"x"}`)
			c.want(`{"msg":"pong"}`, `{"msg":"pong","id":"x"}`)
			c.c.CloseNow()
		}
		c := dial()
		c.send(`{"msg":"connect","version":"2","support":["2","pre2"]}`)
		c.want(`{"msg":"failed","version":"pre2"}`)
		c.wantEnd(conn.StatusNormalClosure, "and that was it")

		c = dial()
		c.send(`{"msg":"method","method":"echo","id":"1"}`)
		c.wantEnd(conn.StatusPolicyViolation, "connect comes first")

		c = dial()
		start := time.Now()
		c.wantEnd(conn.StatusPolicyViolation, "it says nothing")
		assert.Equal(t, connectTimeout, time.Since(start))
	})
}

func TestMethods(t *testing.T) {
	inServer(t, func(t *testing.T, srv *Server, dial func() scripted) {
		srv.Methods["secret"] = func(Params) (any, error) { return nil, fmt.Errorf("the password is 1234") }
		srv.Methods["nothing"] = func(Params) (any, error) { return nil, nil }
		c := dial()
		c.connect("1")
		for _, tt := range []struct{ method, params, want string }{
			{"echo", `[{"a":[1]},"b"]`, `"result":[{"a":[1]},"b"]`},
			{"echo", `[]`, `"result":[]`},
			{"nothing", `[]`, `"result":null`},
			{"nowhere", `[]`, `"error":{"error":404,"errorType":"Meteor.Error","message":"Method 'nowhere' not found [404]","reason":"Method 'nowhere' not found"}`},
			{"secret", `[]`, `"error":{"error":500,"errorType":"Meteor.Error","message":"Internal server error [500]","reason":"Internal server error"}`},
			{"addTask", `[]`, `"error":{"error":400,"errorType":"Meteor.Error","message":"wrong number of parameters [400]","reason":"wrong number of parameters"}`},
			{"addTask", `[{}]`, `"error":{"error":400,"errorType":"Meteor.Error","message":"a parameter is of the wrong type [400]","reason":"a parameter is of the wrong type"}`},
			{"addTask", `[""]`, `"error":{"error":400,"errorType":"Meteor.Error","message":"A title has from 1 to 200 bytes [400]","reason":"A title has from 1 to 200 bytes"}`},
			{"setDone", `["x",true]`, `"error":{"error":404,"errorType":"Meteor.Error","message":"No such task [404]","reason":"No such task"}`},
			{"removeTask", `["x"]`, `"error":{"error":404,"errorType":"Meteor.Error","message":"No such task [404]","reason":"No such task"}`},
		} {
			c.send(`{"msg":"method","id":"9","method":"` + tt.method + `","params":` + tt.params + `}`)
			c.want(`{"msg":"result","id":"9",`+tt.want+`}`, `{"msg":"updated","methods":["9"]}`)
		}
		for i := range maxTasks {
			_, err := addTask(srv.Store, Params{fmt.Appendf(nil, `"%d"`, i)})
			require.NoError(t, err)
		}
		_, err := addTask(srv.Store, Params{json.RawMessage(`"one more"`)})
		assert.Equal(t, &Error{429, "Too many tasks"}, err)
	})
}

func TestSubscriptions(t *testing.T) {
	inServer(t, func(t *testing.T, srv *Server, dial func() scripted) {
		one, two := dial(), dial()
		one.connect("1")
		two.connect("1")
		two.send(`{"msg":"sub","id":"s","name":"tasks"}`, `{"msg":"sub","id":"s","name":"tasks"}`)
		two.want(`{"msg":"ready","subs":["s"]}`)
		one.send(`{"msg":"sub","id":"s","name":"none"}`)
		one.want(`{"msg":"nosub","id":"s","error":{"error":404,"errorType":"Meteor.Error","message":"Subscription 'none' not found [404]","reason":"Subscription 'none' not found"}}`)
		one.send(`{"msg":"method","id":"m","method":"addTask","params":["x"]}`)
		assert.Contains(t, two.read(), `{"msg":"added","id":"`, "others see it")
		assert.Contains(t, one.read(), `"result"`)

		for i := range maxSubs {
			two.send(fmt.Sprintf(`{"msg":"sub","id":"%d","name":"tasks"}`, i))
			if i < maxSubs-1 {
				two.want(fmt.Sprintf(`{"msg":"ready","subs":["%d"]}`, i))
			}
		}
		assert.Contains(t, two.read(), `"Too many subscriptions"`)
	})
}

func TestPings(t *testing.T) {
	inServer(t, func(t *testing.T, _ *Server, dial func() scripted) {
		c := dial()
		c.connect("1")
		start := time.Now()
		for range 3 {
			c.want(`{"msg":"ping"}`)
			c.send(`{"msg":"pong"}`)
		}
		assert.Equal(t, 90*time.Second, time.Since(start))
		c.want(`{"msg":"ping"}`)
		c.wantEnd(conn.StatusPolicyViolation, "no pong came")
		assert.Equal(t, 150*time.Second, time.Since(start))
	})
}

func TestWhatIsNoDDP(t *testing.T) {
	inServer(t, func(t *testing.T, _ *Server, dial func() scripted) {
		c := dial()
		c.connect("1")
		c.send(`{`, `{"msg":"added"}`)
		c.want(`{"msg":"error","reason":"the message is not what DDP has"}`, `{"msg":"error","reason":"no such message"}`)
		require.NoError(t, c.c.Write(context.Background(), conn.Binary, []byte(`{"msg":"ping"}`)))
		c.want(`{"msg":"error","reason":"DDP is text"}`)
		c.send(`"` + strings.Repeat("x", maxMessage) + `"`)
		c.wantEnd(conn.StatusMessageTooBig, "there is a limit")
	})
}

// The program itself, with its page, until it is interrupted.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"-addr", "127.0.0.1:0"}, w) }()
	log := bufio.NewScanner(r)
	require.True(t, log.Scan())
	_, url, _ := strings.Cut(log.Text(), "listening on ")

	resp, err := http.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.NoError(t, err)
	assert.Equal(t, page, body)

	timeout, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	ws, err := conn.Dial(timeout, "ws"+strings.TrimPrefix(url, "http")+"websocket", nil)
	require.NoError(t, err)
	defer ws.CloseNow()
	c := scripted{t, ws}
	c.connect("1")
	cancel()
	c.wantEnd(conn.StatusGoingAway, "the server says goodbye")
	assert.NoError(t, <-done, "an interrupt is no failure")
	assert.Error(t, run(t.Context(), []string{"-no-such-flag"}, io.Discard))
	assert.Error(t, run(t.Context(), []string{"-addr", "127.0.0.1:none"}, io.Discard))
}
