package conn

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// sharing runs a test in a bubble in which connections share rounds, as they do in a
// program.
func sharing(t *testing.T, test func(t *testing.T)) {
	setOpen := func(open map[time.Duration]*round) (before map[time.Duration]*round) {
		rounds.mu.Lock()
		defer rounds.mu.Unlock()
		before, rounds.open = rounds.open, open
		return before
	}
	defer setOpen(setOpen(nil)) // those of other tests
	defer func(f func(time.Time) bool) { inBubble = f }(inBubble)
	inBubble = func(time.Time) bool { return false }
	synctest.Test(t, func(t *testing.T) {
		defer func() { // and leave nothing behind
			time.Sleep(time.Hour)
			require.Empty(t, openRounds())
		}()
		test(t)
	})
}

// openRounds returns how many connections are in the rounds that others may join.
func openRounds() map[time.Duration]int {
	rounds.mu.Lock()
	defer rounds.mu.Unlock()
	n := map[time.Duration]int{}
	for d, r := range rounds.open {
		n[d] = len(r.conns)
	}
	return n
}

// roundsOf returns the rounds that connections are in.
func roundsOf(cs []*Conn) map[*round]int {
	rounds.mu.Lock()
	defer rounds.mu.Unlock()
	n := map[*round]int{}
	for _, c := range cs {
		n[c.keep.seat.round]++
	}
	return n
}

// Connections that begin at any time, and all are silent: each is pinged after nearly
// half an interval to one of silence, and there are few timers for them.
func TestRoundsAreShared(t *testing.T) {
	sharing(t, func(t *testing.T) {
		const n, interval = 200, 32 * time.Second
		cs := make([]*Conn, n)
		var done sync.WaitGroup
		for i := range cs {
			time.Sleep(rand.N(interval / 50))
			nc, other := wstest.Pipe()
			cs[i] = New(upgraded(nc, frame.Server), &Config{KeepAlive: KeepAlive{Interval: interval}})
			waiting(t, cs[i])
			p := wstest.NewPeer(t, other, frame.Client)
			p.Patience = time.Hour
			done.Go(func() {
				for range 8 {
					last := time.Now()
					ping := p.Next("a Ping")
					require.Equal(t, frame.Ping, ping.Opcode)
					require.GreaterOrEqual(t, time.Since(last), interval*15/32)
					require.LessOrEqual(t, time.Since(last), interval)
					p.Send(wstest.Pong(string(ping.Payload)))
				}
			})
		}
		time.Sleep(3 * interval)
		synctest.Wait()
		require.LessOrEqual(t, len(roundsOf(cs)), 2*17, "half an interval from now, and Timeout")
		done.Wait()
		for _, c := range cs {
			end(c)
		}
		require.Equal(t, map[*round]int{nil: n}, roundsOf(cs), "who has ended is in none")
	})
}

// A peer that does not answer is given up after Timeout, however the rounds are, and
// the others of its round are not.
func TestRoundsEndTheDead(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 15 * time.Second, 40 * time.Second} {
		sharing(t, func(t *testing.T) {
			cfg := &Config{KeepAlive: KeepAlive{Interval: 30 * time.Second, Timeout: timeout}}
			living, alive := Pipe(&Config{KeepAlive: KeepAlive{Interval: -1}}, cfg)
			waiting(t, living) // answers Pings
			waiting(t, alive)
			time.Sleep(500 * time.Millisecond)
			nc, other := wstest.Pipe()
			dead := wstest.NewPeer(t, other, frame.Client)
			dead.Patience = time.Hour
			reading := waiting(t, New(upgraded(nc, frame.Server), cfg))
			require.Equal(t, frame.Ping, dead.Next("a Ping").Opcode)
			pinged := time.Now()
			require.Equal(t, &TimeoutError{Op: "keepalive", After: timeout}, (<-reading).Err)
			require.Equal(t, timeout, time.Since(pinged))
			time.Sleep(time.Hour)
			require.NoError(t, alive.Err())
			end(alive)
			end(living)
		})
	}
}

// Who leaves is not in the list any more, wherever it was.
func TestRoundsAreLeft(t *testing.T) {
	sharing(t, func(t *testing.T) {
		const every = 15 * time.Second // of the zero Config
		for _, leaves := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}} {
			var cs []*Conn
			for range leaves {
				nc, _ := wstest.Pipe()
				cs = append(cs, New(upgraded(nc, frame.Client), nil))
			}
			for i, k := range leaves {
				require.Equal(t, map[time.Duration]int{every: len(leaves) - i}, openRounds())
				end(cs[k])
			}
			require.Equal(t, map[time.Duration]int{every: 0}, openRounds(), "who comes next may join it")
		}
	})
}

// In a bubble, and where the next look is at a time of its own, a connection is alone,
// and its timer ends with it.
func TestRoundsAlone(t *testing.T) {
	for _, begin := range []int{2000, 2025, 2100} { // a test may need certificates that are valid
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(begin, 2, 1, 0, 0, 0, 0, time.UTC)))
			nc, _ := wstest.Pipe()
			c := New(upgraded(nc, frame.Client), nil)
			r := c.keep.seat.round
			require.True(t, r.alone)
			require.Equal(t, []*Conn{c}, r.conns)
			end(c)
			require.False(t, r.timer.Stop(), "it was stopped")
		})
	}
}

// A connection that is held up, by the program's own stream or context, does not keep
// the others of its round from being looked at. (No bubble: there, time would stand still
// while somebody waits for a lock.)
func TestRoundsGoOn(t *testing.T) {
	cfg := &Config{KeepAlive: KeepAlive{Interval: 100 * time.Millisecond, Timeout: 50 * time.Millisecond}}
	var cs []*Conn
	var reading []<-chan received
	for range 3 {
		nc, _ := wstest.Pipe()
		cs = append(cs, New(upgraded(nc, frame.Server), cfg))
		reading = append(reading, waiting(t, cs[len(cs)-1]))
	}
	cs[1].mu.Lock()
	want := &TimeoutError{Op: "keepalive", After: 50 * time.Millisecond}
	require.Equal(t, want, (<-reading[0]).Err)
	require.Equal(t, want, (<-reading[2]).Err)
	cs[1].mu.Unlock()
	require.Equal(t, want, (<-reading[1]).Err, "it is looked at when it is free")
	for _, c := range cs {
		<-c.Done()
	}
}

// Observer.Open may close the connection before its first look is fixed.
func TestRoundsAreNotJoinedByTheDead(t *testing.T) {
	nc, _ := wstest.Pipe()
	c := New(upgraded(nc, frame.Server), &Config{Observer: &Observer{Open: func(c *Conn) { c.CloseNow() }}})
	<-c.Done()
	require.Nil(t, c.keep.seat)
}

// Connections come, are looked at and end, all at the same time.
func TestRoundsInDisorder(t *testing.T) {
	cfg := &Config{KeepAlive: KeepAlive{Interval: 200 * time.Microsecond, Timeout: time.Hour}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			var cs []*Conn
			for range 300 {
				nc, _ := wstest.Pipe()
				cs = append(cs, New(upgraded(nc, frame.Client), cfg))
				if i := rand.N(len(cs)); rand.N(3) > 0 {
					end(cs[i])
					cs[i] = cs[len(cs)-1]
					cs = cs[:len(cs)-1]
				}
			}
			for _, c := range cs {
				end(c)
				if c.keep.seat.round != nil {
					t.Error("a connection that has ended is to be looked at")
				}
			}
		})
	}
	all.Wait()
}
