package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// serving starts a server with the limits given, and returns the URL of its WebSocket.
func serving(t *testing.T, l limits) (url string, h *hub) {
	h = newHub(l)
	srv := httptest.NewUnstartedServer(h.handler(""))
	srv.Config.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		nc.(*net.TCPConn).SetWriteBuffer(32 << 10) // or the kernel would take megabytes for one who does not read
		return ctx
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		h.close(ctx)
	})
	return srv.URL + "/ws", h
}

// client is what a page is, for a server.
type client struct {
	t *testing.T
	c *conn.Conn
	welcome
}

// knock connects, and says nothing yet.
func knock(t *testing.T, url string, opts *conn.DialOptions) *client {
	t.Helper()
	c, err := conn.Dial(within(t), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { c.CloseNow() })
	return &client{t: t, c: c}
}

// join connects and joins a room. The session is made of the name.
func join(t *testing.T, url, room, name string) *client {
	t.Helper()
	p := knock(t, url, nil)
	p.send(request{Type: typeJoin, Room: room, Name: name, Session: session(name)})
	p.welcome = next[welcome](p, typeWelcome)
	return p
}

func session(name string) string { return (name + "................")[:max(16, len(name))] }

func (p *client) send(r request) {
	p.t.Helper()
	require.NoError(p.t, conn.WriteJSON(within(p.t), p.c, r))
}

func (p *client) say(id uint64, text string) {
	p.t.Helper()
	p.send(request{Type: typeSay, ID: id, Text: text})
}

// wantSaid wants the next message to be that.
func (p *client) wantSaid(name string, id uint64, text string) {
	p.t.Helper()
	m := next[message](p, typeMessage)
	require.Equal(p.t, []any{name, id, text}, []any{m.Name, m.ID, m.Text})
}

// wantCount waits until so many are there.
func (p *client) wantCount(n int) presence {
	p.t.Helper()
	for {
		if v := next[presence](p, typePresence); v.Count == n {
			return v
		}
	}
}

// wantClosed skips what comes before the end, and wants it to have the code.
func (p *client) wantClosed(sentence string, code conn.StatusCode) {
	p.t.Helper()
	for {
		if _, _, err := p.c.Read(within(p.t)); err != nil {
			require.Equal(p.t, code, conn.CloseStatus(err), "%s: %v", sentence, err)
			return
		}
	}
}

// next returns the next message of a type, and skips those of others.
func next[T any](p *client, typ string) (v T) {
	p.t.Helper()
	for {
		kind, data, err := p.c.Read(within(p.t))
		require.NoError(p.t, err, "while it waits for a %s", typ)
		require.Equal(p.t, conn.Text, kind)
		var head struct{ Type string }
		require.NoError(p.t, json.Unmarshal(data, &head))
		if head.Type == typ {
			require.NoError(p.t, json.Unmarshal(data, &v))
			return v
		}
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// without pace, for tests that say much.
func eager() limits {
	l := defaults
	l.Burst = 1 << 30
	return l
}
