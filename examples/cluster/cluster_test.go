package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd is people in two rooms, who talk until they are told to stop.
type crowd struct {
	t      *testing.T
	broker Broker
	people []*person
	enough atomic.Bool
	talk   sync.WaitGroup
}

func startCrowd(t *testing.T, b Broker, n int, urls func(i int) []string) *crowd {
	k := &crowd{t: t, broker: b}
	for i := range n {
		p := startPerson(t, fmt.Sprintf("room%d", i%2), fmt.Sprintf("person%d", i), urls(i)...)
		k.people = append(k.people, p)
		k.talk.Go(func() {
			for n := 1; !k.enough.Load(); n++ {
				if p.say(t.Context(), fmt.Sprintf("message %d", n)) != nil {
					return
				}
				time.Sleep(5 * time.Millisecond) // some hundred a second
			}
		})
	}
	t.Cleanup(func() {
		k.enough.Store(true)
		k.talk.Wait()
	})
	return k
}

// progress waits until everybody has had n more messages acknowledged.
func (k *crowd) progress(n int) {
	k.t.Helper()
	targets := make(map[*person]int)
	for _, p := range k.people {
		targets[p] = p.kept() + n
	}
	for p, target := range targets {
		eventually(k.t, p.seen.name+" goes on", func() bool { return p.kept() >= target })
	}
}

// kept is how many messages have been acknowledged.
func (k *client) kept() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.id - len(k.unacked)
}

// agrees has everybody stop and leave, and compares what they have been told with what
// the broker has.
func (k *crowd) agrees() {
	k.t.Helper()
	k.enough.Store(true)
	k.talk.Wait()
	for _, p := range k.people {
		eventually(k.t, "all is acknowledged", func() bool { return p.kept() == p.id })
	}
	for _, room := range []string{"room0", "room1"} {
		k.roomAgrees(room)
	}
}

func (k *crowd) roomAgrees(room string) {
	log := history(k.t, k.broker, room)
	numbers := make(map[string]uint64) // of each message
	last := make(map[string]int)       // of each person
	for _, e := range log {
		require.NotContains(k.t, numbers, e.ID, "no message is there twice")
		numbers[e.ID] = e.Seq
		last[e.From]++
		require.Equal(k.t, fmt.Sprintf("message %d", last[e.From]), e.Text, "none of %s is missing, and they are in order", e.From)
	}
	for _, p := range k.people {
		if p.seen.room != room {
			continue
		}
		eventually(k.t, p.seen.name+" hears all", func() bool { return len(p.heard()) >= len(log) })
		p.mu.Lock()
		require.Equal(k.t, log, p.messages, "%s has seen all, once, in the order in which all see it", p.seen.name)
		for id, seq := range p.acked {
			require.Equal(k.t, seq, numbers[id], "what was acknowledged to %s is there", p.seen.name)
		}
		p.mu.Unlock()
		require.Equal(k.t, p.id, last[p.seen.name], "all that %s has said is there", p.seen.name)
	}
	k.t.Logf("%s: %d messages", room, len(log))
}

// history is all that a broker keeps of a room.
func history(t *testing.T, b Broker, room string) (all []event) {
	t.Helper()
	after := uint64(0)
	for {
		page, err := b.History(patience(t), room, after, 50)
		require.NoError(t, err)
		for _, m := range page {
			all = append(all, decode(t, m))
			after = m.Seq
		}
		if len(page) < 50 {
			return all
		}
	}
}

// One of three servers dies while everybody talks. Its clients go on at the others; no
// message is lost, none is there twice, and all in a room see the same.
func TestAServerDies(t *testing.T) {
	nats := startNATS(t)
	var urls []string
	var servers []*program
	for range 3 {
		p := startProgram(t, "-addr", "127.0.0.1:0", "-nats", nats, "-beat", beat.String())
		servers, urls = append(servers, p), append(urls, p.url)
	}
	k := startCrowd(t, natsAt(t, nats), 6, func(i int) []string { // two at each server
		return []string{urls[i/2], urls[(i/2+1)%3], urls[(i/2+2)%3]}
	})
	k.progress(10)
	k.people[4].sees("who is at other servers", "person0", "person2", "person4")

	require.NoError(t, servers[0].cmd.Process.Kill())
	servers[0].ends()
	k.people[0].joins(2)
	k.people[1].joins(2)
	k.progress(10)
	k.people[4].sees("who has moved", "person0", "person2", "person4")
	k.agrees()
	for i, p := range k.people {
		require.Equal(t, i < 2, p.joined > 1, "only the clients of the dead server have had to dial again")
	}
}

// A server that is told to go sends its clients to the others, and then ends well.
func TestAServerGoes(t *testing.T) {
	nats := startNATS(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	going := newServer(natsAt(t, nats), silent)
	l := listen(t)
	go func() { ended <- going.run(ctx, l, 0) }()
	_, other := startServer(t, natsAt(t, nats))
	here := "ws://" + l.Addr().String() + "/ws"
	k := startCrowd(t, natsAt(t, nats), 4, func(i int) []string { return []string{here, other} })
	k.progress(10)
	cancel()
	require.NoError(t, <-ended)
	k.progress(10)
	k.agrees()
}
