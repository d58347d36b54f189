package conn

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

const (
	sharers   = 64
	shareSize = 125 // bytes a message
)

// share has goroutines write n messages each to one connection, whose other end
// checks that each one's messages come in its order.
func share(tb testing.TB, from, to *Conn, n int) {
	var writers sync.WaitGroup
	for w := range sharers {
		writers.Go(func() {
			p := make([]byte, shareSize)
			binary.BigEndian.PutUint32(p, uint32(w))
			for i := range n {
				binary.BigEndian.PutUint32(p[4:], uint32(i))
				if err := from.Write(context.Background(), Binary, p); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	var next [sharers]uint32
	buf := make([]byte, 0, 2*shareSize)
	for range sharers * n {
		_, p, err := to.AppendRead(context.Background(), buf)
		require.NoError(tb, err)
		w, i := binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])
		if len(p) != shareSize || i != next[w] {
			tb.Fatalf("message %d of goroutine %d has %d bytes, and comes when %d is next", i, w, len(p), next[w])
		}
		next[w]++
	}
	writers.Wait()
}

// 64 goroutines that write 125 B each to one connection need far fewer system
// calls than there are messages, and allocate nothing.
func TestWritersShareASocket(t *testing.T) {
	client, server := connPair(t, nil)
	for _, ends := range [][2]*Conn{{client, server}, {server, client}} {
		from, to := ends[0], ends[1]
		share(t, from, to, 50) // until everything is there that is needed
		const each = 300
		const messages = sharers * each
		before, calls := from.Stats().Writes, systemWrites()
		mallocs := mallocsOf(func() { share(t, from, to, each) })
		writes := from.Stats().Writes - before
		t.Logf("%v: %d messages with %d system calls: %.1f each", from.out.role, messages, writes, float64(messages)/float64(writes))
		require.Less(t, writes, uint64(messages/4))
		if calls >= 0 {
			require.Less(t, systemWrites()-calls, int64(messages/4), "as the system counts them")
		}
		if !raceEnabled { // under the race detector sync.Pool forgets at random
			require.Less(t, mallocs, uint64(messages/50), "what share itself and the runtime need, and no more")
		}
	}
}

// systemWrites returns how many system calls that write this process has made, or
// -1 where that cannot be known.
func systemWrites() (n int64) {
	p, err := os.ReadFile("/proc/self/io")
	_, after, found := bytes.Cut(p, []byte("syscw: "))
	if err != nil || !found {
		return -1
	}
	if _, err := fmt.Sscan(string(after), &n); err != nil {
		return -1
	}
	return n
}

// mallocsOf returns how often something was allocated while f ran, by anybody.
func mallocsOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// BenchmarkSharedWriters is one message of 125 B, of 64 goroutines that write to
// one connection over loopback TCP.
func BenchmarkSharedWriters(b *testing.B) {
	client, server := connPair(b, nil)
	for _, ends := range [][2]*Conn{{client, server}, {server, client}} {
		b.Run(ends[0].out.role.String(), func(b *testing.B) {
			from := ends[0]
			writes := from.Stats().Writes
			b.SetBytes(shareSize)
			b.ReportAllocs()
			share(b, from, ends[1], b.N/sharers+1)
			messages := (b.N/sharers + 1) * sharers
			b.ReportMetric(float64(from.Stats().Writes-writes)/float64(messages), "writes/message")
		})
	}
}

// A control frame does not wait for the end of a long streamed message: it passes
// between two fragments. RFC 6455, section 5.4.
func TestControlFramesPassAStream(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := startRead(t.Context(), c)
		w, err := c.Writer(t.Context(), Binary)
		require.NoError(t, err)
		p.Send(wstest.Ping("before the first fragment"))
		p.Want("at once", wstest.Pong("before the first fragment"))
		for i := range 3 {
			_, err := w.Write(make([]byte, fragmentSize))
			require.NoError(t, err)
			require.False(t, p.Next("a fragment").Fin)
			p.Send(wstest.Ping(fmt.Sprint(i)), wstest.Ping("and another"))
			p.Want("between fragments", wstest.Pong(fmt.Sprint(i)), wstest.Pong("and another"))
			pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
			ping := p.Next("our own Ping too")
			p.Send(wstest.Pong(string(ping.Payload)))
			require.NoError(t, <-pinging)
		}
		notYet(t, reading, "nothing of that is a message")
		closing := call(func() error { return c.Close(StatusGoingAway, "") })
		p.WantClose("Close does not wait either", StatusGoingAway)
		require.Error(t, w.Close())
		p.Send(wstest.EmptyClose())
		p.Close()
		require.NoError(t, <-closing)
		require.Error(t, (<-reading).Err)
	})
}

// A stream's fragments that pile up before a slow peer do not hold up a Pong for
// more than the one that is being sent.
func TestPongPassesAStreamToASlowPeer(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, nil, 1000)
			reading := startRead(t.Context(), c)
			streaming := call(func() error {
				w, err := c.Writer(t.Context(), Binary)
				if err != nil {
					return err
				}
				if _, err := io.Copy(w, bytes.NewReader(make([]byte, 40_000))); err != nil {
					return err
				}
				return w.Close()
			})
			synctest.Wait()
			p.Send(wstest.Ping("?"))
			time.Sleep(time.Second)
			open()
			require.False(t, p.Next("the fragment that was begun").Fin)
			for f := p.Next("more"); f.Opcode != wstest.Pong("?").Opcode; f = p.Next("more") {
				require.False(t, f.Fin, "the Pong comes before the end of the message")
			}
			go io.Copy(io.Discard, p.Conn())
			require.NoError(t, <-streaming)
			notYet(t, reading, "no message")
			end(c)
		})
	}
}
