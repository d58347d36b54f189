//go:build unix && !parley_noraw

package conn

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// This file has what can be promised only where a socket can be tried without
// waiting. Elsewhere TryWrite queues every message, for a goroutine to send, nothing
// is held to go out together, and a connection that waits has a buffer in hand.

// Unix sockets are read and written as directly as those of TCP.
func TestRawSockets(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		l, err := net.Listen(network, map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")}[network])
		require.NoError(t, err)
		defer l.Close()
		nc, err := net.Dial(network, l.Addr().String())
		require.NoError(t, err)
		defer nc.Close()
		require.NotNil(t, rawConn(nc), network)
	}
}

// With a negative Backlog nothing is queued, but for the rest of a message of
// which the socket has taken a part: that one is always completed.
func TestTryWritePartOfAMessage(t *testing.T) {
	for _, role := range roles {
		for _, backlog := range []int{-1, 100} {
			nc, other := tcpPair(t)
			require.NoError(t, nc.(*net.TCPConn).SetWriteBuffer(32<<10))
			c := New(upgraded(nc, role), calm(&Config{Backlog: backlog}))
			p := wstest.NewPeer(t, other, peerOf(role))
			const n = 2 << 20 // more than the socket takes
			message := pattern(n)
			require.NoError(t, c.TryWrite(Binary, message), "a part was taken")
			clear(message)
			require.Greater(t, c.Backlog(), n/2)
			require.Equal(t, ErrBacklog, c.TryWrite(Binary, make([]byte, 200)))
			p.Want("the whole message", wstest.Binary(pattern(n)))
			for c.Backlog() > 0 {
				runtime.Gosched()
			}
			require.NoError(t, c.TryWrite(Text, []byte("x")))
			p.Want("nothing of what was refused", wstest.Text("x"))
			end(c)
		}
	}
}

// As long as the socket has room, there is no backlog, and no goroutine is needed.
func TestTryWriteGoroutinesWithRoom(t *testing.T) {
	client, server := connPair(t, nil)
	for _, c := range []*Conn{client, server} {
		before := runtime.NumGoroutine()
		for range 20 {
			require.NoError(t, c.TryWrite(Text, []byte("hello")))
			require.LessOrEqual(t, runtime.NumGoroutine(), before, "the socket has room: no goroutine is needed")
			require.Zero(t, c.Backlog())
		}
	}
}

// A deadline that is meant to interrupt a write may be set when the write is over.
// TryWrite must not take it for a full socket: that would cost the message, or the
// connection.
func TestTryWriteAfterALateKick(t *testing.T) {
	for _, message := range [][]byte{[]byte("small"), pattern(largeFrame)} {
		client, server := connPair(t, &Config{Backlog: -1, SlowConsumer: Disconnect})
		for from, to := range map[*Conn]*Conn{client: server, server: client} {
			for range 3 {
				from.kickWrite()
				require.NoError(t, from.TryWrite(Binary, message), "the socket is empty")
				require.Equal(t, received{Type: Binary, Data: string(message)}, read(t.Context(), to))
			}
		}
	}
}

// The same over a socket: a full one is emptied by its peer after the batch was
// taken back, and takes the next message.
func TestTryWriteAfterACancelledBatch(t *testing.T) {
	for _, role := range roles {
		c, other, full := stuffed(t, role, &Config{Backlog: -1, SlowConsumer: Disconnect})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		batch, _ := batchOf(1, 2)
		require.Equal(t, context.DeadlineExceeded, c.WriteBatch(ctx, batch...))
		cancel()
		_, err := io.CopyN(io.Discard, other, full)
		require.NoError(t, err)
		require.NoError(t, c.TryWrite(Text, []byte("there is room")))
		wstest.NewPeer(t, other, peerOf(role)).Want("nothing of the batch", wstest.Text("there is room"))
	}
}

// TryWrite allocates nothing if the socket takes the message.
func TestNoAllocsOfTryWrite(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector a sync.Pool drops things at random")
	}
	small := pattern(125)
	for _, role := range roles {
		b := newBench(t, role)
		requireNoAllocs(t, func() error { return b.c.TryWrite(Binary, small) })
	}
}

// Nor does it if it compresses the message.
func TestNoAllocsOfTryWriteCompressed(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector a sync.Pool drops things at random")
	}
	small := excerpt(300, 1)
	m, err := NewPrepared(Text, small)
	require.NoError(t, err)
	for _, role := range roles {
		for _, takeover := range takeovers {
			b := newPackedBench(t, role, takeover)
			requireNoAllocs(t, func() error { return b.c.TryWrite(Text, small) })
			requireNoAllocs(t, func() error { return b.c.TryWritePrepared(m) })
		}
	}
}

// Sending one prepared message to many connections allocates nothing for a
// delivery, and needs no goroutine.
func TestBroadcastAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets at random")
	}
	const members = 50
	for _, role := range roles {
		var all []*Conn
		for range members {
			client, server := connPair(t, nil)
			if role == frame.Client {
				server = client
			}
			all = append(all, server)
		}
		m, err := NewPrepared(Binary, pattern(1024))
		require.NoError(t, err)
		goroutines := runtime.NumGoroutine()
		perRun := testing.AllocsPerRun(100, func() {
			for _, c := range all {
				if err := c.TryWritePrepared(m); err != nil {
					t.Error(err)
				}
			}
		})
		require.Zero(t, perRun, "%v: allocations for %d deliveries", role, members)
		require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
		for _, c := range all {
			require.EqualValues(t, 101, c.Stats().Writes, "one system call for each")
		}
	}
}

// Replies to messages that came together go out together, whichever way they are
// written.
func TestRepliesGoOutTogether(t *testing.T) {
	prepared, err := NewPrepared(Text, []byte("prepared"))
	require.NoError(t, err)
	for name, write := range map[string]func(c *Conn, m Message) error{
		"Write":            func(c *Conn, m Message) error { return c.Write(context.Background(), Text, m.Data) },
		"TryWrite":         func(c *Conn, m Message) error { return c.TryWrite(Text, m.Data) },
		"WritePrepared":    func(c *Conn, m Message) error { return c.WritePrepared(context.Background(), prepared) },
		"TryWritePrepared": func(c *Conn, m Message) error { return c.TryWritePrepared(prepared) },
	} {
		t.Run(name, func(t *testing.T) {
			c, peer, _ := loopPair(t, nil, func(c *Conn, m Message) bool { return write(c, m) == nil })
			texts := numbered(16)
			say(t, peer, texts...)
			want := texts
			if name == "WritePrepared" || name == "TryWritePrepared" {
				want = nil
				for range texts {
					want = append(want, "prepared")
				}
			}
			require.Equal(t, want, hear(t, peer, len(texts)))
			require.Eventually(t, func() bool { return c.Stats().MessagesSent == 16 }, 5*time.Second, time.Millisecond)
			s := c.Stats()
			require.LessOrEqual(t, s.Writes, uint64(3), "in one system call, unless the network has cut what came")
			require.Zero(t, s.Backlog)
		})
	}
}

// Replies may be held however the messages are read, as long as the next one lies there:
// by a loop whose body reads itself, and by loops that are left and begun again.
func TestRepliesMayBeHeldAcrossLoops(t *testing.T) {
	for name, takes := range map[string]func(c *Conn, i int) (more bool){
		"one loop":         func(*Conn, int) bool { return true },
		"the body reads":   func(c *Conn, i int) bool { return i != 2 || read(context.Background(), c).Err == nil },
		"many loops":       func(*Conn, int) bool { return false },
		"somebody uncorks": func(c *Conn, i int) bool { c.uncork(); return true },
	} {
		t.Run(name, func(t *testing.T) {
			nc, peer := tcpPair(t)
			c := New(upgraded(nc, frame.Server), calm(nil))
			t.Cleanup(func() { end(c) })
			texts := numbered(8)
			say(t, peer, texts...)
			i := 0
			for i < len(texts)-2 {
				for m, err := range c.Messages(t.Context()) {
					require.NoError(t, err)
					require.True(t, c.mayHold(m.Data), "the reply to %q", m.Data)
					if i++; !takes(c, i) || i >= len(texts)-2 {
						break
					}
				}
			}
		})
	}
}

// What is held is bounded, by Backlog too, and counts for it.
func TestHeldRepliesAreBounded(t *testing.T) {
	for _, tt := range []struct {
		backlog int
		most    int
	}{{-1, 0}, {40, 40}, {0, maxBatch}} {
		var held atomic.Int64 // at most
		_, peer, _ := loopPair(t, &Config{Backlog: tt.backlog}, func(c *Conn, m Message) bool {
			ok := reply(c, m)
			held.Store(max(held.Load(), int64(c.Backlog())))
			return ok
		})
		texts := numbered(64)
		say(t, peer, texts...)
		require.Equal(t, answers(texts), hear(t, peer, len(texts)))
		require.LessOrEqual(t, int(held.Load()), tt.most)
		require.Equal(t, tt.most > 0, held.Load() > 0)
	}
}

// An idle connection holds no buffer: one that waits on a plain socket, having
// read and written before, has given them all back.
func TestIdleConnectionHoldsNoBuffer(t *testing.T) {
	for _, role := range roles {
		b := newBench(t, role)
		wire := wstest.Text("hello").Wire(nil, peerOf(role), frame.Key{1, 2, 3, 4})
		wire = wstest.Ping("?").Wire(wire, peerOf(role), frame.Key{1, 2, 3, 4})
		b.ask <- wire
		require.NoError(t, read(t.Context(), b.c).Err)
		require.NoError(t, b.c.Write(t.Context(), Binary, pattern(100_000)))
		startRead(context.Background(), b.c)
		for b.c.wire.waits.Load()%2 == 0 {
			runtime.Gosched()
		}
		require.Nil(t, b.c.wire.buf)
		b.c.mu.Lock()
		require.Nil(t, b.c.out.air)
		require.Nil(t, b.c.out.replies)
		require.Nil(t, b.c.message.partial)
		b.c.mu.Unlock()
	}
}
