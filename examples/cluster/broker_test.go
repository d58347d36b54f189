package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recorder is a Listener that keeps what it is told.
type recorder struct {
	mu       sync.Mutex
	messages []Stored
	signals  []string
	present  []string
}

func (l *recorder) Message(m Stored) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, m)
}

func (l *recorder) Signal(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signals = append(l.signals, string(p))
}

func (l *recorder) Present(names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.present = names
}

func (l *recorder) wants(t *testing.T, what string, is func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return is()
	})
}

func (l *recorder) wantsPresent(t *testing.T, what string, names ...string) {
	t.Helper()
	l.wants(t, what, func() bool { return slices.Equal(l.present, names) })
}

// everyBroker runs a test with each implementation, as two servers have it.
func everyBroker(t *testing.T, f func(t *testing.T, a, b Broker)) {
	t.Run("memory", func(t *testing.T) {
		m := newMemory(1000)
		f(t, m, m)
	})
	t.Run("nats", func(t *testing.T) {
		url := startNATS(t)
		f(t, natsAt(t, url), natsAt(t, url))
	})
}

func subscribe(t *testing.T, b Broker, room string) (*recorder, Subscription) {
	t.Helper()
	l := new(recorder)
	s, err := b.Subscribe(patience(t), room, l)
	require.NoError(t, err)
	return l, s
}

func publish(t *testing.T, b Broker, room, id string) uint64 {
	t.Helper()
	seq, err := b.Publish(patience(t), room, id, []byte("data of "+id))
	require.NoError(t, err)
	return seq
}

func TestBrokerNumbersMessages(t *testing.T) {
	everyBroker(t, func(t *testing.T, a, b Broker) {
		require.NotEmpty(t, a.Log())
		require.Equal(t, a.Log(), b.Log(), "the servers speak of the same numbers")
		one := publish(t, a, "x", "one")
		two := publish(t, b, "x", "two")
		require.Less(t, one, two, "numbers grow")
		require.Equal(t, one, publish(t, b, "x", "one"), "what comes again, at another server, is not added again")
		require.Less(t, two, publish(t, b, "y", "one"), "in another room it is another message")

		all, err := a.History(patience(t), "x", 0, 10)
		require.NoError(t, err)
		require.Equal(t, []Stored{{one, []byte("data of one")}, {two, []byte("data of two")}}, all)
	})
}

func TestBrokerHistory(t *testing.T) {
	everyBroker(t, func(t *testing.T, a, b Broker) {
		var seqs []uint64
		for i := range 10 {
			seqs = append(seqs, publish(t, a, "x", fmt.Sprint(i)))
			publish(t, a, "another", fmt.Sprint(i))
		}
		for _, tt := range []struct {
			name        string
			room        string
			after       uint64
			limit       int
			first, last int // of seqs
		}{
			{"all", "x", 0, 20, 0, 10},
			{"exactly all", "x", 0, 10, 0, 10},
			{"a page", "x", 0, 3, 0, 3},
			{"the next page", "x", seqs[2], 3, 3, 6},
			{"the last", "x", seqs[8], 3, 9, 10},
			{"after another room's message", "x", seqs[8] + 1, 3, 9, 10},
			{"nothing is left", "x", seqs[9], 3, 0, 0},
			{"a number that is not there yet", "x", seqs[9] + 100, 3, 0, 0},
			{"nothing was said", "silence", 0, 3, 0, 0},
		} {
			page, err := b.History(patience(t), tt.room, tt.after, tt.limit)
			require.NoError(t, err, tt.name)
			var got []uint64
			for _, m := range page {
				got = append(got, m.Seq)
			}
			require.Equal(t, append([]uint64(nil), seqs[tt.first:tt.last]...), got, tt.name)
		}
	})
}

// History and what the Listener is told are all messages, each once, while others talk.
func TestBrokerHistoryMeetsSubscription(t *testing.T) {
	everyBroker(t, func(t *testing.T, a, b Broker) {
		const n = 100
		var talk sync.WaitGroup
		talk.Go(func() {
			for i := range n {
				if _, err := a.Publish(context.Background(), "x", fmt.Sprint(i), []byte(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
		defer talk.Wait()
		publish(t, b, "another", "x") // so that some are there by now
		l, s := subscribe(t, b, "x")
		defer s.Close()
		before, err := b.History(patience(t), "x", 0, 2*n)
		require.NoError(t, err)
		before = slices.DeleteFunc(before, func(m Stored) bool { return m.Seq > s.After() })
		l.wants(t, "all come", func() bool { return len(before)+len(l.messages) >= n })
		talk.Wait()
		for i, m := range slices.Concat(before, l.messages) {
			require.Equal(t, fmt.Sprint(i), string(m.Data))
		}
	})
}

func TestBrokerSignals(t *testing.T) {
	everyBroker(t, func(t *testing.T, a, b Broker) {
		x, s := subscribe(t, a, "x")
		defer s.Close()
		y, s := subscribe(t, a, "y")
		defer s.Close()
		eventually(t, "a signal comes to those who listen", func() bool {
			require.NoError(t, b.Signal("x", []byte("typing")))
			x.mu.Lock()
			defer x.mu.Unlock()
			return slices.Contains(x.signals, "typing")
		})
		y.wants(t, "it is the room's", func() bool { return len(y.signals) == 0 })
		all, err := a.History(patience(t), "x", 0, 10)
		require.NoError(t, err)
		require.Empty(t, all, "and is not kept")
	})
}

func TestBrokerPresence(t *testing.T) {
	everyBroker(t, func(t *testing.T, a, b Broker) {
		atA, sa := subscribe(t, a, "x")
		defer sa.Close()
		sa.Announce([]string{"alice", "bob"})
		atA.wantsPresent(t, "who is here", "alice", "bob")
		atB, sb := subscribe(t, b, "x")
		sb.Announce([]string{"bob", "carol"})
		atA.wantsPresent(t, "who is here and there, each once", "alice", "bob", "carol")
		atB.wantsPresent(t, "a server that comes later is told who is there", "alice", "bob", "carol")
		sa.Announce([]string{"bob"})
		atB.wantsPresent(t, "who leaves", "bob", "carol")
		sb.Close()
		atA.wantsPresent(t, "with a server its people leave", "bob")
	})
}

// A server that dies says nothing, and that is noticed.
func TestPresenceOfADeadServer(t *testing.T) {
	url := startNATS(t)
	l, s := subscribe(t, natsAt(t, url), "x")
	defer s.Close()
	dead := natsAt(t, url)
	_, other := subscribe(t, dead, "x")
	other.Announce([]string{"bob"})
	l.wantsPresent(t, "he is there", "bob")
	begin := time.Now()
	dead.Close()
	l.wantsPresent(t, "he is no longer")
	require.Greater(t, time.Since(begin), 2*beat, "not after the first beat that is missing")
	other.Close() // says so to nobody
}

// The in-memory broker is bounded, as a stream is.
func TestMemoryForgets(t *testing.T) {
	b := newMemory(2)
	for _, id := range []string{"one", "two", "three"} {
		publish(t, b, "x", id)
	}
	all, err := b.History(t.Context(), "x", 0, 10)
	require.NoError(t, err)
	require.Equal(t, []Stored{{2, []byte("data of two")}, {3, []byte("data of three")}}, all)
	require.EqualValues(t, 4, publish(t, b, "x", "one"), "the id is forgotten with it")
}

// What is on the disk is there again when NATS is.
func TestEmbeddedNATSKeeps(t *testing.T) {
	dir := t.TempDir()
	e, err := startEmbedded("127.0.0.1:0", dir)
	require.NoError(t, err)
	b := natsAt(t, e.url())
	seq, log := publish(t, b, "x", "one"), b.Log()
	b.Close()
	e.close()
	require.False(t, b.Healthy())

	e, err = startEmbedded("127.0.0.1:0", dir)
	require.NoError(t, err)
	defer e.close()
	b = natsAt(t, e.url())
	defer b.Close()
	require.Equal(t, log, b.Log())
	require.Equal(t, seq, publish(t, b, "x", "one"), "and with it the ids")
}
