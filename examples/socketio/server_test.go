package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// scripted is a client that says one message after the other over a WebSocket.
type scripted struct {
	t *testing.T
	c *conn.Conn
}

// inServer runs f where time is not real. dial opens a session, past its first packet.
func inServer(t *testing.T, namespaces map[string]*Namespace, f func(t *testing.T, srv *Server, dial func() scripted)) {
	synctest.Test(t, func(t *testing.T) {
		srv := NewServer(defaults, namespaces)
		f(t, srv, func() scripted {
			ours, server := conn.Pipe(nil, nil)
			go srv.engine.serveNew(server)
			s := scripted{t, ours}
			t.Cleanup(func() { ours.CloseNow() })
			require.True(t, strings.HasPrefix(s.read(), `0{"`), "a session begins with an open")
			return s
		})
		srv.Shutdown()
	})
}

func (s scripted) send(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		require.NoError(s.t, s.c.Write(context.Background(), conn.Text, []byte(text)))
	}
}

// read returns the next message but pings.
func (s scripted) read() string {
	s.t.Helper()
	for {
		_, data, err := s.c.Read(context.Background())
		require.NoError(s.t, err)
		if string(data) != "2" {
			return string(data)
		}
		s.send("3")
	}
}

func (s scripted) want(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		require.Equal(s.t, text, s.read())
	}
}

func (s scripted) join(namespace string) {
	s.t.Helper()
	s.send("40" + namespace)
	require.Contains(s.t, s.read(), `{"sid":"`)
}

func (s scripted) wantEnd(why string) {
	s.t.Helper()
	var err error
	for err == nil {
		_, _, err = s.c.Read(context.Background())
	}
	assert.Equal(s.t, conn.StatusNormalClosure, conn.CloseStatus(err), why)
}

func TestEvents(t *testing.T) {
	var ns Namespace
	var end string
	ns.Disconnect = func(_ *Socket, reason string) { end += reason }
	ns.Connect = func(s *Socket) {
		s.On("twice", func(args Args, reply Reply) {
			reply(args)
			reply("a second ack")
			s.Emit("heard", []byte("bytes"), 1)
		})
	}
	inServer(t, map[string]*Namespace{"/": &ns}, func(t *testing.T, _ *Server, dial func() scripted) {
		c := dial()
		c.join("")
		c.send(`42["nobody listens to this",1]`, `427["twice",{"a":[1]},"b"]`)
		c.want(`437[{"a":[1]},"b"]`, `451-["heard",{"_placeholder":true,"num":0},1]`, "bytes")
		c.send(`42["twice"]`)
		c.want(`451-["heard",{"_placeholder":true,"num":0},1]`, "bytes")
		c.send(`439["an ack of nothing that was asked"]`, `41`)
		synctest.Wait()
		assert.Equal(t, "client namespace disconnect", end)
		c.join("")
		c.c.CloseNow()
		synctest.Wait()
		assert.Equal(t, "client namespace disconnecttransport close", end)
	})
}

func TestNamespaces(t *testing.T) {
	inServer(t, map[string]*Namespace{
		"/open": {},
		"/shut": {Check: func(auth json.RawMessage) error { return errors.New("not with " + string(auth)) }},
	}, func(t *testing.T, _ *Server, dial func() scripted) {
		c := dial()
		c.send(`40`, `40/nowhere,`, `40/shut,{"a":1}`)
		c.want(`44{"message":"Invalid namespace"}`, `44/nowhere,{"message":"Invalid namespace"}`, `44/shut,{"message":"not with {\"a\":1}"}`)
		c.join("/open,")
		c.send(`42["an event for the main namespace"]`)
		c.wantEnd("it is not in there")

		c = dial()
		c.join("/open,")
		c.send(`40/open,`)
		c.wantEnd("it is in there already")

		c = dial()
		start := time.Now()
		c.send(`40/nowhere,`)
		c.wantEnd("it joins nothing")
		assert.Equal(t, connectTimeout, time.Since(start))
	})
}

func TestAsk(t *testing.T) {
	var ns Namespace
	sockets := make(chan *Socket, 10)
	ns.Connect = func(s *Socket) { sockets <- s }
	inServer(t, map[string]*Namespace{"/": &ns}, func(t *testing.T, _ *Server, dial func() scripted) {
		c := dial()
		c.join("")
		s := <-sockets
		go func() {
			c.want(`421["q",1]`)
			c.send(`431["a"]`)
			c.want(`422["q",2]`)
		}()
		args, err := s.Ask(context.Background(), "q", 1)
		require.NoError(t, err)
		assert.Equal(t, raw(`"a"`), args.JSON)

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err = s.Ask(ctx, "q", 2)
		assert.ErrorIs(t, err, context.DeadlineExceeded, "no ack comes")
		assert.Empty(t, s.acks, "and none is waited for any more")

		for range maxPendingAcks {
			go s.Ask(context.Background(), "q")
		}
		synctest.Wait()
		_, err = s.Ask(context.Background(), "q")
		assert.ErrorIs(t, err, errManyAcks)
		c.c.CloseNow()
		synctest.Wait()
		assert.Empty(t, s.acks, "who has left owes nothing")
		_, err = s.Ask(context.Background(), "q")
		assert.ErrorIs(t, err, errLeft)
		assert.ErrorIs(t, s.Emit("disconnect"), errReserved)
	})
}

func TestRooms(t *testing.T) {
	var ns Namespace
	sockets := make(chan *Socket, 10)
	ns.Connect = func(s *Socket) { sockets <- s }
	inServer(t, map[string]*Namespace{"/": &ns}, func(t *testing.T, _ *Server, dial func() scripted) {
		one, two := dial(), dial()
		one.join("")
		a := <-sockets
		two.join("")
		b := <-sockets
		for _, s := range []*Socket{a, b} {
			require.NoError(t, ns.Rooms.Join(s, "x"))
			require.NoError(t, ns.Rooms.Join(s, "x"), "joining twice is joining once")
		}
		require.NoError(t, ns.Rooms.Broadcast(nil, "x", "all", 1))
		one.want(`42["all",1]`)
		two.want(`42["all",1]`)
		require.NoError(t, ns.Rooms.Broadcast(a, "x", "others"))
		ns.Rooms.Leave(b, "x")
		require.NoError(t, ns.Rooms.Broadcast(nil, "x", "who is left"))
		one.want(`42["who is left"]`)
		two.want(`42["others"]`)
		assert.Error(t, ns.Rooms.Broadcast(nil, "x", "all", func() {}), "a function is no JSON")

		assert.ErrorIs(t, ns.Rooms.Join(b, strings.Repeat("x", maxRoomName+1)), errRooms)
		for i := range maxRooms {
			require.NoError(t, ns.Rooms.Join(b, strings.Repeat("y", i+1)))
		}
		assert.ErrorIs(t, ns.Rooms.Join(b, "one more"), errRooms)
		one.c.CloseNow()
		two.c.CloseNow()
		synctest.Wait()
		assert.ErrorIs(t, ns.Rooms.Join(a, "x"), errLeft)
		assert.Empty(t, ns.Rooms.members, "a room is gone with the last in it")
		assert.Empty(t, ns.Rooms.in)
	})
}
