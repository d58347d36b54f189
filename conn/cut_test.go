package conn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// A cancelled write that has put no byte on the wire leaves no trace; one cut
// midway is completed in the background, so the stream stays whole.

// blocked returns a connection whose transport takes n bytes and no more until
// open is called, and the peer behind it.
func blocked(t *testing.T, role frame.Role, cfg *Config, n int) (c *Conn, p *wstest.Peer, open func()) {
	nc, other := wstest.Pipe()
	buffer := nc.SetBuffer(n)
	c = New(upgraded(nc, role), calm(cfg))
	t.Cleanup(func() { end(c) })
	p = wstest.NewPeer(t, other, peerOf(role))
	return c, p, func() { nc.SetBuffer(buffer) }
}

// cutPlaces returns how many bytes of a message's frame the transport takes
// before it blocks: all that matter.
func cutPlaces(role frame.Role, n int) (all []int) {
	size := len(wstest.Binary(make([]byte, n)).Wire(nil, role, frame.Key{}))
	for at := range min(20, size) {
		all = append(all, at)
	}
	for _, around := range []int{largeFrame, maxBatch, maxDirect, maxDirect + 10, size} {
		for at := around - 2; at < around+2; at++ {
			if at < size {
				all = append(all, at)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestWriteIsCutAnywhere(t *testing.T) {
	for _, n := range []int{0, 100, largeFrame - 1, largeFrame + 1, maxBatch + 1, maxDirect + 1} {
		for _, role := range roles {
			t.Run(fmt.Sprintf("%d bytes/%v", n, role), func(t *testing.T) {
				original := pattern(n)
				for _, at := range cutPlaces(role, n) {
					synctest.Test(t, func(t *testing.T) { cut(t, role, original, at, writePlain) })
					synctest.Test(t, func(t *testing.T) { cut(t, role, original, at, writePrepared) })
				}
			})
		}
	}
}

func writePlain(ctx context.Context, c *Conn, p []byte) error { return c.Write(ctx, Binary, p) }

func writePrepared(ctx context.Context, c *Conn, p []byte) error {
	m, err := NewPrepared(Binary, p)
	if err != nil {
		return err
	}
	return c.WritePrepared(ctx, m)
}

// cut cancels a write of which the transport has taken so many bytes.
func cut(t *testing.T, role frame.Role, original []byte, at int, write func(context.Context, *Conn, []byte) error) {
	t.Helper()
	message := slices.Clone(original)
	c, p, open := blocked(t, role, nil, at)
	ctx, cancel := context.WithCancel(t.Context())
	writing := call(func() error { return write(ctx, c, message) })
	synctest.Wait()
	waiting := call(func() error { return c.Write(t.Context(), Text, []byte("queued behind it")) })
	synctest.Wait()
	cancel()
	require.Equal(t, context.Canceled, <-writing, "cut at %d", at)
	clear(message) // it is the caller's again
	open()
	if at > 0 {
		p.Want(fmt.Sprintf("cut at %d, the message is completed in the background", at), wstest.Binary(original))
	}
	p.Want("the next message follows", wstest.Text("queued behind it"))
	require.NoError(t, <-waiting)
	require.NoError(t, c.Write(t.Context(), Text, []byte("more")))
	p.Want("and so does what comes later", wstest.Text("more"))
	p.WantIdle("that is all")
	require.NoError(t, c.Err())
	require.Zero(t, c.Backlog())
}

// A write that waits behind another leaves no trace when it is cancelled, nor do
// those that were gathered with it.
func TestQueuedWriteIsCancelled(t *testing.T) {
	for _, role := range roles {
		for _, at := range []int{0, 1, 20, 60, 100} { // of the first message, which is 103 or 107 bytes
			t.Run(fmt.Sprintf("%v/%d", role, at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, p, open := blocked(t, role, nil, at)
					body := string(pattern(100))
					var results []<-chan error
					var cancels []context.CancelFunc
					for i := range 10 {
						ctx, cancel := context.WithCancel(t.Context())
						results = append(results, call(func() error { return c.Write(ctx, Binary, fmt.Appendf(nil, "%d%s", i, body)) }))
						cancels = append(cancels, cancel)
						synctest.Wait()
					}
					for _, i := range []int{9, 5, 7, 1} {
						cancels[i]()
						require.Equal(t, context.Canceled, <-results[i])
					}
					open()
					for _, i := range []int{0, 2, 3, 4, 6, 8} {
						p.Want("what was not cancelled", wstest.Binary(fmt.Appendf(nil, "%d%s", i, body)))
						require.NoError(t, <-results[i])
						cancels[i]()
					}
					p.WantIdle("no trace of the others")
				})
			})
		}
	}
}

// Random writes are gathered in one batch that is stuck at a random byte, and a
// random part of them is cancelled, in random order.
func TestGatheredWritesAreCancelled(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		for _, role := range roles {
			synctest.Test(t, func(t *testing.T) { gatherAndCancel(t, role, rnd) })
		}
	}
}

func gatherAndCancel(t *testing.T, role frame.Role, rnd *rand.Rand) {
	const writers = 12
	c, p, open := blocked(t, role, nil, 0)
	nc := c.Transport().(*wstest.Conn)
	var results []<-chan error
	var cancels []context.CancelFunc
	for i := range writers {
		ctx, cancel := context.WithCancel(t.Context())
		message := fmt.Appendf(nil, "%2d %s", i, pattern(rnd.IntN(1<<rnd.IntN(16))))
		results = append(results, call(func() error { return c.Write(ctx, Binary, message) }))
		cancels = append(cancels, cancel)
		synctest.Wait()
	}
	nc.SetBuffer(rnd.IntN(1 << rnd.IntN(17)))
	synctest.Wait()
	for _, i := range rnd.Perm(writers)[:rnd.IntN(writers)] {
		cancels[i]()
		if rnd.IntN(2) == 0 {
			synctest.Wait()
		}
	}
	synctest.Wait()
	open()
	last := call(func() error { return c.Write(t.Context(), Text, []byte("end")) })
	got := map[int]bool{}
	before := -1
	for f := p.Next("a message"); f.Opcode != Text; f = p.Next("another") {
		var i int
		_, err := fmt.Sscanf(string(f.Payload), "%2d ", &i)
		require.NoError(t, err)
		require.Greater(t, i, before, "they came one after the other")
		got[i], before = true, i
		require.Equal(t, string(pattern(len(f.Payload)-3)), string(f.Payload[3:]), "message %d is whole", i)
	}
	require.NoError(t, <-last)
	for i, result := range results {
		err := <-result
		require.True(t, err == nil && got[i] || errors.Is(err, context.Canceled), "message %d: %v, arrived: %v", i, err, got[i])
		cancels[i]()
	}
}

// A ctx that has ended writes nothing.
func TestWriteUnderEndedContext(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Equal(t, context.Canceled, c.Write(ctx, Text, []byte("x")))
		_, err := c.Writer(ctx, Text)
		require.Equal(t, context.Canceled, err)
		p.WantIdle("nothing was sent")
		require.NoError(t, c.Err())
	})
}

// A deadline hits at its time, and the connection goes on.
func TestWriteDeadline(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, nil, 3)
			for range 3 { // the first is cut, the others are not begun
				begin := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				require.Equal(t, context.DeadlineExceeded, c.Write(ctx, Text, []byte("hello")))
				cancel()
				require.Equal(t, time.Second, time.Since(begin))
			}
			open()
			p.Want("the first", wstest.Text("hello"))
			p.WantIdle("and nothing else")
		})
	}
}

// A peer that takes nothing for WriteTimeout loses the connection.
func TestWriteTimeout(t *testing.T) {
	for _, role := range roles {
		for name, ctx := range map[string]func() (context.Context, context.CancelFunc){
			"background":  func() (context.Context, context.CancelFunc) { return context.Background(), func() {} },
			"cancellable": func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) },
		} {
			t.Run(fmt.Sprintf("%v/%s", role, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, _, _ := blocked(t, role, &Config{WriteTimeout: 3 * time.Second}, 10)
					ctx, cancel := ctx()
					defer cancel()
					reading := startRead(t.Context(), c)
					begin := time.Now()
					var writing []<-chan error
					for range 3 {
						writing = append(writing, call(func() error { return c.Write(ctx, Binary, pattern(300_000)) }))
					}
					want := &TimeoutError{Op: "write", After: 3 * time.Second}
					for _, w := range writing {
						require.Equal(t, want, <-w)
						require.Equal(t, 3*time.Second, time.Since(begin))
					}
					require.Equal(t, want, (<-reading).Err)
					<-c.Done()
					require.Equal(t, want, c.Err())
					require.Equal(t, want, c.Write(ctx, Text, nil))
					var timeout net.Error
					require.ErrorAs(t, c.Err(), &timeout)
					require.True(t, timeout.Timeout())
					require.ErrorIs(t, c.Err(), context.DeadlineExceeded)
					require.Equal(t, StatusAbnormalClosure, CloseStatus(c.Err()))
				})
			})
		}
	}
}

// A peer that takes a little now and then is slow, and not gone: the timeout is
// for each piece. So is the one of a write that was cut.
func TestWriteTimeoutIsForAPiece(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, _ := blocked(t, role, &Config{WriteTimeout: 5 * time.Second}, 100_000)
			writing := call(func() error { return c.Write(t.Context(), Binary, pattern(4<<20)) })
			reading := call(func() error {
				buf := make([]byte, 100_000)
				for {
					time.Sleep(time.Second)
					if _, err := p.Conn().Read(buf); err != nil {
						return err
					}
				}
			})
			require.NoError(t, <-writing, "the whole takes 40 seconds")
			end(c)
			<-reading
		})
	}
}

// A deadline of ctx stands in place of WriteTimeout, also a later one; a negative
// WriteTimeout is none.
func TestWriteWithoutWriteTimeout(t *testing.T) {
	for _, tt := range []struct {
		limit time.Duration
		ctx   time.Duration
	}{{time.Second, time.Hour}, {-1, 0}} {
		for _, role := range roles {
			synctest.Test(t, func(t *testing.T) {
				c, p, open := blocked(t, role, &Config{WriteTimeout: tt.limit}, 3)
				ctx := t.Context()
				if tt.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.ctx)
					defer cancel()
				}
				writing := call(func() error { return c.Write(ctx, Text, []byte("hello")) })
				time.Sleep(30 * time.Minute)
				notYet(t, writing, "it waits on")
				open()
				p.Want("at last", wstest.Text("hello"))
				require.NoError(t, <-writing)
			})
		}
	}
}

// opener is a pipe that takes everything from the moment on at which a write that
// waits is interrupted.
type opener struct{ *wstest.Conn }

func (o opener) SetWriteDeadline(t time.Time) error {
	err := o.Conn.SetWriteDeadline(t)
	if t.Equal(longAgo) {
		o.SetBuffer(wstest.DefaultBuffer)
	}
	return err
}

// A WriteBatch whose messages were gathered into the batch of another goroutine
// is cancelled just as that can go on. If one of its messages is taken back, those
// behind it are not sent either.
func TestCancelledBatchHasNoHole(t *testing.T) {
	for range 40 {
		for _, role := range roles {
			synctest.Test(t, func(t *testing.T) {
				nc, other := wstest.Pipe()
				nc.SetBuffer(0)
				c := New(upgraded(opener{nc}, role), calm(nil))
				defer end(c)
				p := wstest.NewPeer(t, other, peerOf(role))
				first := call(func() error { return c.Write(t.Context(), Text, []byte("first")) })
				synctest.Wait()
				second := call(func() error { return c.Write(t.Context(), Text, []byte("second")) })
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				batch := call(func() error {
					return c.WriteBatch(ctx, Message{Binary, []byte("1")}, Message{Binary, []byte("2")}, Message{Binary, []byte("3")})
				})
				synctest.Wait()
				nc.SetBuffer(12) // the first is out, what was queued behind it is gathered and cut
				synctest.Wait()
				cancel()
				synctest.Wait()
				require.NoError(t, <-first)
				require.NoError(t, <-second)
				p.Want("what was not cancelled", wstest.Text("first"), wstest.Text("second"))
				if err := <-batch; err == nil {
					p.Want("all of the batch", wstest.Binary([]byte("1")), wstest.Binary([]byte("2")), wstest.Binary([]byte("3")))
				} else {
					require.Equal(t, context.Canceled, err)
				}
				p.WantIdle("or nothing of it")
			})
		}
	}
}
