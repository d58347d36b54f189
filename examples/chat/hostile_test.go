package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// What is against the rules ends the connection, with the code that says not to come
// back, and a reason that a user can read.
func TestRulesAreKept(t *testing.T) {
	l := defaults
	l.Join = patience
	url, _ := serving(t, l)
	joined := fmt.Sprintf(`{"type":"join","room":"lobby","name":"Ada","session":%q}`, session("Ada"))
	huge := strings.Repeat("a", 10<<10)
	for _, tt := range []struct {
		name string
		sent []string
		code conn.StatusCode
	}{
		{"no JSON", []string{"hello"}, statusRule},
		{"no JSON, later", []string{joined, `{"type":`}, statusRule},
		{"talks before it joins", []string{`{"type":"say","id":1,"text":"x"}`}, statusRule},
		{"pings before it joins", []string{`{"type":"ping"}`}, statusRule},
		{"joins twice", []string{joined, joined}, statusRule},
		{"a huge name", []string{`{"type":"join","room":"lobby","session":"0123456789abcdef","name":"` + huge + `"}`}, statusRule},
		{"a huge room", []string{`{"type":"join","name":"Ada","session":"0123456789abcdef","room":"` + huge + `"}`}, statusRule},
		{"an empty name", []string{`{"type":"join","room":"lobby","session":"0123456789abcdef"}`}, statusRule},
		{"a long text", []string{joined, `{"type":"say","id":1,"text":"` + huge + `"}`}, statusRule},
		{"an empty text", []string{joined, `{"type":"say","id":1,"text":" "}`}, statusRule},
		{"an unknown type", []string{joined, `{"type":"sudo"}`}, statusRule},
		{"a large message", []string{joined, `{"type":"say","id":1,"text":"` + strings.Repeat("a", maxMessage) + `"}`}, conn.StatusMessageTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := knock(t, url, nil)
			for _, s := range tt.sent {
				require.NoError(t, p.c.Write(within(t), conn.Text, []byte(s)))
			}
			p.wantClosed("it is closed", tt.code)
		})
	}
	p := knock(t, url, nil)
	require.NoError(t, p.c.Write(within(t), conn.Binary, []byte(joined)))
	p.wantClosed("binary is no request", statusRule)
}

func TestWhoDoesNotJoinGoes(t *testing.T) {
	l := defaults
	l.Join = 20 * time.Millisecond
	url, _ := serving(t, l)
	knock(t, url, nil).wantClosed("time is up", statusRule)
}

func TestMembersAreLimited(t *testing.T) {
	l := defaults
	l.Members = 2
	url, _ := serving(t, l)
	a, _ := join(t, url, "lobby", "Ada"), join(t, url, "lobby", "Grace")
	knock(t, url, nil).wantClosed("a third may come back later", conn.StatusTryAgainLater)
	require.NoError(t, a.c.Close(conn.StatusNormalClosure, ""))
	require.Eventually(t, func() bool {
		p := knock(t, url, nil)
		p.send(request{Type: typeJoin, Room: "lobby", Name: "Edsger", Session: session("Edsger")})
		_, _, err := p.c.Read(within(t))
		return err == nil
	}, patience, 5*time.Millisecond, "there is room again")
}

// A client that wants thousands of rooms gets as many as there may be. Rooms with
// somebody in them are not touched; those that were left have to go.
func TestRoomsAreLimited(t *testing.T) {
	l := defaults
	l.Rooms = 3
	url, h := serving(t, l)
	busy := join(t, url, "busy", "Ada")
	busy.say(1, "stays")
	busy.wantSaid("Ada", 1, "stays")
	for i := range 20 {
		p := join(t, url, fmt.Sprint("room ", i), "Mallory")
		require.NoError(t, p.c.Close(conn.StatusNormalClosure, ""))
		require.Eventually(t, func() bool { return h.users(fmt.Sprint("room ", i)) == 0 }, patience, time.Millisecond)
	}
	require.Len(t, h.rooms, 3)
	require.Len(t, join(t, url, "busy", "Grace").History, 1)

	join(t, url, "room a", "Mallory")
	join(t, url, "room b", "Mallory")
	p := knock(t, url, nil)
	p.send(request{Type: typeJoin, Room: "room c", Name: "Mallory", Session: session("Mallory")})
	p.wantClosed("all rooms have somebody in them", statusFull)
	require.Equal(t, 2, join(t, url, "room a", "Grace").Count, "who comes to one of them may come in")
}

func (h *hub) users(room string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[room].users
}

// A flood is read no faster than the pace, and nothing of it is lost or out of order.
// Others do not notice.
func TestAFloodIsSlowedDown(t *testing.T) {
	l := defaults
	l.Burst, l.Every = 5, 10*time.Millisecond
	url, _ := serving(t, l)
	flood, calm := join(t, url, "lobby", "Mallory"), join(t, url, "lobby", "Ada")
	const n = 25
	begin := time.Now()
	for i := range uint64(n) {
		flood.say(i+1, fmt.Sprint(i+1))
	}
	calm.say(1, "hello")
	flooded, greeted := uint64(0), false
	for flooded < n || !greeted {
		m := next[message](calm, typeMessage)
		if m.From == calm.ID {
			greeted = true
			continue
		}
		flooded++
		require.Equal(t, flooded, m.ID)
		require.GreaterOrEqual(t, time.Since(begin), time.Duration(m.ID-min(m.ID, 5))*l.Every, "message %d", m.ID)
	}
}

// One who does not read is disconnected. All that time the others talk and wait for
// each other's messages, and for nothing else.
func TestASlowMemberIsDropped(t *testing.T) {
	url, _ := serving(t, eager())
	ada, grace := join(t, url, "lobby", "Ada"), join(t, url, "lobby", "Grace")
	slow := knock(t, url, &conn.DialOptions{NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			nc.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return nc, err
	}})
	slow.send(request{Type: typeJoin, Room: "lobby", Name: "Slow", Session: session("Slow")})
	ada.wantCount(3)

	text := strings.Repeat("🦉", defaults.Text)
	over := func(p *client, id uint64) (count int) { // what p hears until it has heard that
		count = 3
		for {
			typ, data, err := p.c.Read(within(t))
			require.NoError(t, err)
			require.Equal(t, conn.Text, typ)
			if bytes.HasPrefix(data, []byte(`{"type":"presence"`)) {
				fmt.Sscanf(string(data), `{"type":"presence","count":%d`, &count)
				continue
			}
			require.Contains(t, string(data), fmt.Sprintf(`"id":%d,`, id), "all of them, in order")
			return count
		}
	}
	count := 3
	for id := uint64(1); count == 3; id++ {
		require.Less(t, id, uint64(20_000), "it must have been too much by now")
		ada.say(id, text)
		count = min(over(ada, id), over(grace, id))
	}
	require.Equal(t, 2, count)
	slow.c.Transport().(*net.TCPConn).SetReadBuffer(4 << 20) // or what is on its way takes its time
	slow.wantClosed("it is told why, should it read on", conn.StatusPolicyViolation)
}

// Pages of other sites cannot connect in the name of their visitor.
func TestOtherOriginsAreRefused(t *testing.T) {
	url, _ := serving(t, defaults)
	_, err := conn.Dial(within(t), url, &conn.DialOptions{Header: http.Header{"Origin": {"https://evil.example"}}})
	require.ErrorContains(t, err, "403")
	own := strings.TrimSuffix(url, "/ws")
	knock(t, url, &conn.DialOptions{Header: http.Header{"Origin": {own}}})
}
