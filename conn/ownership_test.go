package conn

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// One goroutine at a time owns the socket. Whatever becomes of the one that is to
// own it next, the ownership is never lost: everybody would wait for ever.

// owned makes somebody the owner of c's socket who does nothing, so that all
// others wait for it.
func owned(c *Conn) {
	c.mu.Lock()
	c.out.owned = true
	c.mu.Unlock()
}

// A goroutine is told that it owns the socket, and its frame is refused before it
// can do anything about it. It hands on, and the Close frame is sent.
func TestRefusedWhilePromoted(t *testing.T) {
	for name, refuse := range map[string]func(c *Conn){ // with mu held, which keeps the new owner out
		"Close": func(c *Conn) {
			c.leaveAlive(closing, &closedError{code: StatusPolicyViolation})
			c.sayClose([]byte{0x03, 0xF0}, true) // 1008
		},
		"a rule that the peer broke": func(c *Conn) { c.failLocked(&ProtocolError{Code: StatusPolicyViolation}) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				owned(c)
				writing := call(func() error { return c.Write(t.Context(), Text, []byte("refused")) })
				synctest.Wait()
				c.mu.Lock()
				c.handOver()
				refuse(c)
				c.mu.Unlock()
				c.flush()
				p.WantClose("whoever was to be the owner sees to it", StatusPolicyViolation)
				require.Equal(t, c.Err(), <-writing)
			})
		})
	}
}

// The same with a message of a batch, which the end of ctx takes back after its
// goroutine was told through it, and before it has looked.
func TestWithdrawnWhilePromoted(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		owned(c)
		ctx, cancel := context.WithCancel(t.Context())
		batch, _ := batchOf(1, 2)
		writing := call(func() error { return c.WriteBatch(ctx, batch...) })
		synctest.Wait()
		c.mu.Lock()
		cancel()                             // wakes the batch's goroutine, which then waits for mu,
		c.out.finish(c.out.queue.pop(), nil) // while the owner has sent the first message
		c.handOver()                         // and leaves the socket to the second.
		c.mu.Unlock()
		require.Equal(t, context.Canceled, <-writing)
		require.NoError(t, c.Write(t.Context(), Text, []byte("next")))
		p.Want("the others write on", wstest.Text("next"))
	})
}

// Close frees those who wait for the end of a message that is streamed.
func TestCloseWhileWritersWaitForAStream(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		w := startWriter(t, t.Context(), c)
		write(t, w, "begun")
		require.NoError(t, w.Flush())
		p.Want("a fragment", wstest.Text("begun").NoFin())
		waiting := call(func() error { return c.Write(t.Context(), Text, []byte("behind it")) })
		synctest.Wait()
		closing := startClose(c, StatusNormalClosure, "")
		p.WantClose("neither waits for the end of the stream", StatusNormalClosure)
		p.Send(wstest.EmptyClose())
		p.Close()
		require.NoError(t, <-closing)
		require.ErrorIs(t, <-waiting, net.ErrClosed)
		require.ErrorIs(t, w.Close(), net.ErrClosed)
	})
}

// watchful is a transport that knows its write deadline.
type watchful struct {
	*wstest.Conn
	mu       sync.Mutex
	deadline time.Time
}

func (w *watchful) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
	return w.Conn.SetWriteDeadline(t)
}

// The owner that takes its own batch back does not interrupt itself: it would hit
// whoever writes next.
func TestCancelledBatchLeavesNoDeadline(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, _ := wstest.Pipe()
			nc.SetBuffer(0)
			transport := &watchful{Conn: nc}
			c := New(upgraded(transport, role), calm(nil))
			defer end(c)
			ctx, cancel := context.WithCancel(t.Context())
			batch, _ := batchOf(1, 2, 3)
			writing := call(func() error { return c.WriteBatch(ctx, batch...) })
			synctest.Wait()
			cancel()
			require.Equal(t, context.Canceled, <-writing)
			synctest.Wait()
			require.Zero(t, transport.deadline)
			require.False(t, c.out.kicked.Load())
		})
	}
}

// A rush of writers leaves no more behind than a connection may keep.
func TestSpareEntriesAreFew(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, nil, 0)
			var writers sync.WaitGroup
			for range 10 * maxSpares {
				writers.Go(func() {
					if err := c.Write(t.Context(), Text, []byte("x")); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			open()
			go io.Copy(io.Discard, p.Conn())
			writers.Wait()
			spares := 0
			for e := c.out.oddly().spare; e != nil; e = e.next {
				spares++
			}
			require.LessOrEqual(t, spares, maxSpares)
			require.Positive(t, spares, "some are kept, with their channels")
			end(c)
		})
	}
}
