package conn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// room runs a test in all companies with a group of so many members.
func room(t *testing.T, n int, test func(t *testing.T, v *company, g *Group, m []member)) {
	t.Helper()
	inAllCompanies(t, func(t *testing.T, v *company) {
		g := new(Group)
		test(t, v, g, v.join(g, n, nil))
	})
}

func TestGroupMembers(t *testing.T) {
	room(t, 3, func(t *testing.T, v *company, g *Group, m []member) {
		require.Equal(t, 3, g.Len())
		require.True(t, g.Add(m[0].Conn), "it is a member, and stays one")
		require.Equal(t, 3, g.Len())
		g.Remove(m[0].Conn)
		g.Remove(m[0].Conn)
		require.Equal(t, 2, g.Len())
		require.Equal(t, 2, g.Broadcast(Text, []byte("hello")))
		v.wantIdle(m[0].peer, "it is no member any more")
		require.NoError(t, m[0].Err(), "and lives on")
		require.True(t, g.Add(m[0].Conn))
		require.Equal(t, 3, g.Broadcast(Text, []byte("again")))
		m[0].peer.Want("it is one again", wstest.Text("again"))
		for _, other := range m[1:] {
			other.peer.Want("both", wstest.Text("hello"), wstest.Text("again"))
		}
	})
}

func TestGroupOfNobody(t *testing.T) {
	var g Group
	require.Zero(t, g.Len())
	require.Zero(t, g.Broadcast(Text, []byte("hello")))
	client, server := Pipe(nil, nil)
	g.Remove(client)
	end(client)
	end(server)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		require.NoError(t, g.Shutdown(ctx), "there is nobody to wait for")
	}
}

func TestGroupBroadcast(t *testing.T) {
	room(t, 5, func(t *testing.T, v *company, g *Group, m []member) {
		p := []byte("to all but two")
		require.Equal(t, 3, g.Broadcast(Text, p, m[1].Conn, m[3].Conn))
		clear(p) // it is the caller's again
		require.Equal(t, 5, g.Broadcast(Binary, nil), "an empty message is a message")
		prepared, err := NewPrepared(Text, []byte("prepared"))
		require.NoError(t, err)
		require.Equal(t, 4, g.BroadcastPrepared(prepared, m[0].Conn))
		require.Zero(t, g.Broadcast(frame.Ping, nil), "only messages")
		for i, m := range m {
			if i != 1 && i != 3 {
				m.peer.Want("the first", wstest.Text("to all but two"))
			}
			m.peer.Want("the empty one", wstest.Binary(nil))
			if i != 0 {
				m.peer.Want("the prepared one", wstest.Text("prepared"))
			}
			v.wantIdle(m.peer, "that is all")
		}
	})
}

// Broadcasts of one goroutine arrive everywhere in their order, also with a member
// that has a backlog.
func TestGroupBroadcastOrder(t *testing.T) {
	room(t, 4, func(t *testing.T, v *company, g *Group, m []member) {
		restore := v.slow(m[2])
		for i := range 100 {
			require.Equal(t, 4, g.Broadcast(Text, fmt.Append(nil, i)))
			if i == 50 {
				restore()
			}
		}
		for _, m := range m {
			for i := range 100 {
				m.peer.Want("in order", wstest.Text(fmt.Sprint(i)))
			}
		}
	})
}

// Each member has its own Backlog and SlowConsumer. A stuck one costs its own, and
// nobody waits for it.
func TestGroupWithStuckMembers(t *testing.T) {
	inAllCompanies(t, func(t *testing.T, v *company) {
		var g Group
		good := v.join(&g, 3, nil)
		refuse := v.join(&g, 1, &Config{Backlog: 1000})[0]
		drop := v.join(&g, 1, &Config{Backlog: 1000, SlowConsumer: DropOldest})[0]
		gone := v.join(&g, 1, &Config{Backlog: 1000, SlowConsumer: Disconnect, CloseTimeout: 50 * time.Millisecond})[0]
		for _, m := range []member{refuse, drop, gone} {
			v.stick(m)
		}
		begin := time.Now()
		for i := range 100 {
			taken := g.Broadcast(Binary, make([]byte, 100))
			require.GreaterOrEqual(t, taken, 4, "the good ones, and the one that drops what is older")
			if i > 10 {
				require.Equal(t, 4, taken)
			}
			v.settle()
		}
		v.requireSince(begin, 0) // nobody waits
		for _, m := range []member{refuse, drop, gone} {
			require.LessOrEqual(t, m.Backlog(), 1000)
		}
		for _, m := range good {
			for range 100 {
				m.peer.Want("all of them", wstest.Binary(make([]byte, 100)))
			}
			require.Zero(t, m.Backlog())
		}
		require.ErrorIs(t, gone.Err(), ErrBacklog)
		require.NoError(t, refuse.Err())
		require.NoError(t, drop.Err())
		<-gone.Done()
		require.Equal(t, 5, g.Len())
	})
}

// A member that ends leaves all its groups by itself. One that has ended cannot
// join.
func TestGroupMemberEnds(t *testing.T) {
	for name, finish := range map[string]func(m member){
		"CloseNow":         func(m member) { m.CloseNow() },
		"the peer is gone": func(m member) { m.peer.Close(); m.Read(context.Background()) },
		"the peer closes": func(m member) {
			m.peer.Send(wstest.EmptyClose())
			m.peer.CloseWrite()
			m.Read(context.Background())
		},
		"Close": func(m member) {
			m.peer.Send(wstest.EmptyClose())
			m.peer.CloseWrite()
			m.Close(StatusNormalClosure, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			room(t, 3, func(t *testing.T, v *company, g *Group, m []member) {
				var others [5]Group
				for i := range others {
					require.True(t, others[i].Add(m[1].Conn))
				}
				others[4].Remove(m[1].Conn)
				finish(m[1])
				<-m[1].Done()
				require.Equal(t, 2, g.Len())
				for i := range others {
					require.Zero(t, others[i].Len())
					require.False(t, others[i].Add(m[1].Conn))
					require.Zero(t, others[i].Len())
				}
				require.Equal(t, 2, g.Broadcast(Text, nil))
			})
		})
	}
}

// A group that lives on keeps nothing of those who have left.
func TestGroupForgets(t *testing.T) {
	inAllCompaniesAwake(t, func(t *testing.T, v *company) {
		var g Group
		stay, _ := v.connect(nil)
		defer end(stay)
		g.Add(stay)
		left := func() []weak.Pointer[Conn] {
			var all []weak.Pointer[Conn]
			for range 10 {
				one, peer := v.connect(nil)
				other, otherPeer := v.connect(nil)
				g.Add(one)
				g.Add(other)
				g.Broadcast(Text, []byte("hello"))
				end(one)
				g.Remove(other)
				end(other)
				peer.Close()
				otherPeer.Close()
				all = append(all, weak.Make(one), weak.Make(other))
			}
			return all
		}()
		require.Equal(t, 1, g.Len())
		if v.server != nil {
			require.Eventually(t, func() bool { return v.server.Len() == 1 }, 5*time.Second, time.Millisecond)
		}
		require.Eventually(t, func() bool {
			runtime.GC()
			return !slices.ContainsFunc(left, func(c weak.Pointer[Conn]) bool { return c.Value() != nil })
		}, 10*time.Second, time.Millisecond)
	})
}

// Nor does a connection that lives on keep the groups that it has left.
func TestGroupIsForgotten(t *testing.T) {
	inAllCompaniesAwake(t, func(t *testing.T, v *company) {
		c, other := v.connect(nil)
		defer other.Close()
		defer end(c)
		left := func() []weak.Pointer[Group] {
			var all []weak.Pointer[Group]
			for range 5 {
				g := new(Group)
				g.Add(c)
				g.Remove(c)
				all = append(all, weak.Make(g))
			}
			return all
		}()
		for range 3 {
			runtime.GC()
		}
		for i, g := range left {
			require.Nil(t, g.Value(), "group %d", i)
		}
	})
}

// Shutdown tells all members at once, with 1001, and waits for their end.
func TestGroupShutdown(t *testing.T) {
	room(t, 4, func(t *testing.T, v *company, g *Group, m []member) {
		reading := startRead(t.Context(), m[0].Conn) // of the others nobody reads, but a Server
		shutdown := call(func() error { return g.Shutdown(t.Context()) })
		for i, m := range m {
			m.peer.WantClose("at once", StatusGoingAway)
			require.Error(t, m.Err())
			v.pass(time.Duration(i) * 500 * time.Millisecond) // each takes its time to answer
			v.notYet(shutdown, "members are alive")
			m.peer.Send(wstest.Text("dropped"), wstest.Close(StatusGoingAway, ""))
			m.peer.WantEOF("the server ends the stream first")
			m.peer.Close()
		}
		require.NoError(t, <-shutdown)
		for _, m := range m {
			select {
			case <-m.Done():
			default:
				t.Error("Shutdown has returned, and a member is not over yet")
			}
		}
		if err := (<-reading).Err; v.server == nil {
			require.Equal(t, StatusGoingAway, CloseStatus(err))
		} else {
			require.Error(t, err)
		}
		require.Zero(t, g.Len())
		require.Zero(t, g.Broadcast(Text, nil))
		require.NoError(t, g.Shutdown(t.Context()), "once more is once too often, and does no harm")
	})
}

// Who comes after Shutdown is told to go, and so is who comes meanwhile.
func TestGroupAddAfterShutdown(t *testing.T) {
	room(t, 1, func(t *testing.T, v *company, g *Group, m []member) {
		shutdown := call(func() error { return g.Shutdown(t.Context()) })
		m[0].peer.WantClose("the member", StatusGoingAway)
		for _, when := range []string{"during Shutdown", "after it"} {
			late := v.member(nil)
			p := late.peer
			require.False(t, g.Add(late.Conn), when)
			p.WantClose(when, StatusGoingAway)
			p.Send(wstest.EmptyClose())
			p.Close()
			<-late.Done()
			require.False(t, g.Add(late.Conn))
			m[0].peer.Close()
			require.NoError(t, <-shutdown)
			shutdown = call(func() error { return g.Shutdown(t.Context()) })
		}
		require.NoError(t, <-shutdown)
		require.Zero(t, g.Len())
	})
}

// Those who do not answer are ended when ctx ends: one that is silent, one that
// does not read, one that goes on sending. One that answers has left by then.
func TestGroupShutdownForces(t *testing.T) {
	const patience = 10 * time.Second
	inAllCompanies(t, func(t *testing.T, v *company) {
		g := new(Group)
		m := v.join(g, 4, &Config{CloseTimeout: time.Hour})
		v.stick(m[1])
		writing := call(func() error { return m[1].Write(t.Context(), Binary, make([]byte, 100)) })
		sending := call(func() error {
			for {
				if err := m[2].peer.Stream(wstest.Text("more").Wire(nil, frame.Client, frame.Key{}), 100); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
			}
		})
		answering := call(func() error { // this one is well-behaved
			if _, err := m[3].peer.Conn().Read(make([]byte, 4)); err != nil {
				return err
			}
			return m[3].peer.Stream(wstest.EmptyClose().Wire(nil, frame.Client, frame.Key{}), 6)
		})
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), v.scaled(patience))
		defer cancel()
		require.Equal(t, context.DeadlineExceeded, g.Shutdown(ctx))
		v.requireSince(begin, patience)
		for _, m := range m {
			<-m.Done()
			require.Equal(t, StatusGoingAway, CloseStatus(m.Err()))
		}
		require.Zero(t, g.Len())
		require.Error(t, <-writing)
		v.requireSince(begin, patience)
		require.Error(t, <-sending)
		require.NoError(t, <-answering)
	})
}

// Two Shutdowns at once end together; the one with less patience forces the end
// for both.
func TestGroupShutdownTwiceAtOnce(t *testing.T) {
	room(t, 3, func(t *testing.T, v *company, g *Group, m []member) {
		why := errors.New("why")
		hasty, cancel := context.WithCancelCause(t.Context())
		patient := call(func() error { return g.Shutdown(t.Context()) })
		impatient := call(func() error { return g.Shutdown(hasty) })
		v.notYet(patient, "nobody has answered")
		cancel(why)
		require.Equal(t, context.Canceled, <-impatient)
		require.NoError(t, <-patient)
	})
}

// Everything at once, for the race detector.
func TestGroupConcurrently(t *testing.T) {
	inAllCompaniesAwake(t, func(t *testing.T, v *company) {
		cfg := &Config{Backlog: 4096, SlowConsumer: DropOldest}
		var g, others Group
		var all, peers sync.WaitGroup
		for k := range 8 {
			all.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(k), 0))
				for range 20 {
					server, other := v.connect(cfg)
					client := New(upgraded(other, frame.Client), calm(cfg))
					peers.Go(func() { client.Read(context.Background()); end(client) })
					g.Add(server)
					others.Add(server)
					for range rnd.IntN(5) {
						g.Broadcast(Text, make([]byte, rnd.IntN(2000)), server)
						others.Len()
					}
					switch rnd.IntN(4) {
					case 0:
						g.Remove(server)
						others.Remove(server)
						server.CloseNow()
					case 1:
						server.CloseNow()
					case 2:
						go server.Close(StatusNormalClosure, "")
					}
				}
			})
		}
		all.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		all.Go(func() { others.Shutdown(ctx) })
		g.Shutdown(ctx)
		all.Wait()
		peers.Wait()
		for g.Len()+others.Len() > 0 {
			runtime.Gosched()
		}
	})
}

// A broadcast to 10,000 members of which one is stuck.
func TestGroupOfTenThousand(t *testing.T) {
	const backlog = 512
	inAllCompanies(t, func(t *testing.T, v *company) {
		members := 10_000
		if raceEnabled || v.server != nil {
			members = 1000 // the race detector takes its time, and sockets are files
		}
		var g Group
		m := v.join(&g, members, &Config{Backlog: backlog})
		stuck := m[members/2]
		v.stick(stuck)
		message, err := NewPrepared(Binary, make([]byte, 100))
		require.NoError(t, err)
		broadcast := func(want int) {
			require.Equal(t, want, g.BroadcastPrepared(message))
			v.settle()
		}
		begin := time.Now()
		broadcast(members)
		fits := backlog / (message.Len() + 2)
		for range fits - 1 {
			broadcast(members)
		}
		grown := allocatedBy(func() {
			for range 3 {
				broadcast(members - 1)
			}
		})
		v.requireSince(begin, 0) // nobody waits
		require.LessOrEqual(t, stuck.Backlog(), backlog)
		require.Less(t, grown/uint64(3*members), uint64(2048), "bytes for each delivery, of which the pipe needs 102 and more as its buffer grows")
		for _, m := range m[:3] {
			require.Zero(t, m.Backlog())
			require.EqualValues(t, fits+3, m.Stats().MessagesSent)
		}
		for _, m := range m {
			m.CloseNow()
		}
		require.Zero(t, g.Len())
	})
}

func TestGroupBroadcastAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets at random")
	}
	inAllCompaniesAwake(t, func(t *testing.T, v *company) {
		if v.server == nil {
			t.Skip("a pipe allocates what it holds")
		}
		broadcastsWithoutAllocating(t, func() *Conn { return v.member(nil).Conn })
	})
	t.Run("TCP", func(t *testing.T) {
		broadcastsWithoutAllocating(t, func() *Conn { _, server := connPair(t, nil); return server })
	})
}

func broadcastsWithoutAllocating(t *testing.T, connect func() *Conn) {
	var g Group
	for range 50 {
		g.Add(connect())
	}
	m, err := NewPrepared(Binary, pattern(1024))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(50, func() {
		if g.BroadcastPrepared(m) != 50 {
			t.Error("not all have taken it")
		}
	}))
}
