package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

func TestTwoTalk(t *testing.T) {
	url, _ := serving(t, defaults)
	ada := join(t, url, "lobby", "Ada")
	require.Equal(t, []any{"Ada", "lobby", 1, uint64(0)}, []any{ada.Name, ada.Room, ada.Count, ada.Last})
	grace := join(t, url, "Lobby", "  Grace\n Hopper ")
	require.Equal(t, "lobby", grace.Room, "the case of letters makes no other room")
	require.Equal(t, []person{{ada.ID, "Ada"}, {grace.ID, "Grace Hopper"}}, grace.Members)
	require.Equal(t, grace.Members, ada.wantCount(2).Members, "she sees who has come")

	before := time.Now().UnixMilli()
	ada.say(1, " <i>hello</i> ")
	m := next[message](grace, typeMessage)
	require.Equal(t, message{typeMessage, ada.ID, "Ada", 1, "<i>hello</i>", m.At}, m)
	require.InDelta(t, before, m.At, float64(patience.Milliseconds()))
	grace.say(1, "good morning")
	for _, p := range []*client{ada, grace} {
		if p == ada {
			p.wantSaid("Ada", 1, "<i>hello</i>")
		}
		p.wantSaid("Grace Hopper", 1, "good morning")
	}

	require.NoError(t, grace.c.Close(conn.StatusNormalClosure, ""))
	require.Equal(t, []person{{ada.ID, "Ada"}}, ada.wantCount(1).Members, "and who has left")
}

func TestRoomsAreApart(t *testing.T) {
	url, _ := serving(t, defaults)
	here, there := join(t, url, "here", "Ada"), join(t, url, "there", "Grace")
	require.Equal(t, 1, there.Count)
	there.say(1, "anybody here?")
	here.say(1, "only me")
	here.wantSaid("Ada", 1, "only me")
}

func TestPing(t *testing.T) {
	url, _ := serving(t, defaults)
	p := join(t, url, "lobby", "Ada")
	p.send(request{Type: typePing, ID: 42})
	require.Equal(t, uint64(42), next[pong](p, typePong).ID)
}

func TestHistoryIsBounded(t *testing.T) {
	l := eager()
	l.History = 3
	url, _ := serving(t, l)
	ada := join(t, url, "lobby", "Ada")
	require.Empty(t, ada.History)
	for i := range uint64(10) {
		ada.say(i+1, fmt.Sprint(i+1))
		ada.wantSaid("Ada", i+1, fmt.Sprint(i+1))
	}
	var texts []string
	for _, p := range join(t, url, "lobby", "Grace").History {
		var m message
		require.NoError(t, json.Unmarshal(p, &m))
		texts = append(texts, m.Text)
	}
	require.Equal(t, []string{"8", "9", "10"}, texts, "the latest, oldest first")
}

// Who says again what has arrived is not heard again: not on another connection, and
// not after others have talked for longer than the history.
func TestSaidAgainIsHeardOnce(t *testing.T) {
	l := eager()
	l.History = 2
	url, _ := serving(t, l)
	grace := join(t, url, "lobby", "Grace")
	ada := join(t, url, "lobby", "Ada")
	ada.say(1, "one")
	ada.say(2, "two")
	grace.wantSaid("Ada", 1, "one")
	grace.wantSaid("Ada", 2, "two")
	ada.c.CloseNow()
	grace.wantCount(1)
	for i := range uint64(5) {
		grace.say(i+1, "busy")
		grace.wantSaid("Grace", i+1, "busy")
	}

	again := join(t, url, "lobby", "Ada")
	require.Equal(t, ada.ID, again.ID, "she is the same member")
	require.Equal(t, uint64(2), again.Last, "and is told what has arrived")
	again.say(2, "two")
	again.say(3, "three")
	grace.wantSaid("Ada", 3, "three")
}

// A page that comes back before the server has noticed that it was gone takes the
// place of its old connection.
func TestTheSameSessionReplaces(t *testing.T) {
	url, _ := serving(t, defaults)
	old := join(t, url, "lobby", "Ada")
	old.say(1, "one")
	old.wantSaid("Ada", 1, "one")
	now := join(t, url, "lobby", "Ada")
	require.Equal(t, []any{old.ID, "Ada", 1, uint64(1)}, []any{now.ID, now.Name, now.Count, now.Last})
	old.wantClosed("the old one is told", statusReplaced)
	now.say(2, "still here")
	now.wantSaid("Ada", 2, "still here")
}

func TestNamesAreUnique(t *testing.T) {
	url, _ := serving(t, defaults)
	ada := join(t, url, "lobby", "Ada")
	p := knock(t, url, nil)
	p.send(request{Type: typeJoin, Room: "lobby", Name: "aDA", Session: session("somebody else")})
	other := next[welcome](p, typeWelcome)
	require.Equal(t, "aDA · "+publicID(session("somebody else"))[:4], other.Name)
	require.NotEqual(t, ada.ID, other.ID)

	p = knock(t, url, nil)
	p.send(request{Type: typeJoin, Room: "elsewhere", Name: "Ada", Session: session("somebody else")})
	require.Equal(t, "Ada", next[welcome](p, typeWelcome).Name, "in each room")
}

// Presence names some, and counts all.
func TestPresenceIsBounded(t *testing.T) {
	l := defaults
	l.Listed = 3
	url, _ := serving(t, l)
	first := join(t, url, "lobby", "0")
	for i := range 5 {
		join(t, url, "lobby", fmt.Sprint(i+1))
	}
	p := first.wantCount(6)
	require.Len(t, p.Members, 3)
	for i, who := range p.Members {
		require.Equal(t, fmt.Sprint(i), who.Name, "those who have been here longest")
	}
	require.Equal(t, 2100*time.Millisecond, pacePresence(2000), "a large room hears of it less often")
}

// What a room remembers of those who have left is bounded too.
func TestDepartedAreBounded(t *testing.T) {
	r := newRoom("lobby", &defaults)
	for i := range 10 * maxDeparted {
		m := &member{id: fmt.Sprint(i), name: "x", last: uint64(i + 1)}
		r.byID[m.id] = m
		r.leave(m)
	}
	require.Len(t, r.departed, maxDeparted)
	require.Zero(t, r.recall("0"), "the first are forgotten")
	require.EqualValues(t, 10*maxDeparted, r.recall(fmt.Sprint(10*maxDeparted-1)))
	require.Len(t, r.departed, maxDeparted-1, "one that is back is no departed")
}

func TestFreeName(t *testing.T) {
	r := newRoom("lobby", &defaults)
	m := &member{wish: "Ada", id: "abcdefghijkl"}
	for _, want := range []string{"Ada", "Ada · abcd", "Ada · abcdefghijkl"} {
		require.Equal(t, want, r.freeName(m))
		r.byName[strings.ToLower(want)] = m
	}
}
