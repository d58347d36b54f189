package conn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
	"github.com/parleyws/websocket/internal/wstest"
)

// lengths are those around which the way of sending changes.
var lengths = []int{
	0, 1, 125, 126, 4096, largeFrame - 1, largeFrame, 65535, 65536, maxBatch + 100,
	maxDirect - 1, maxDirect, maxDirect + 1, 2*maxDirect + 5,
}

func TestWriteAnyLength(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		for _, n := range lengths {
			for _, typ := range []MessageType{Text, Binary} {
				message := bytes.Repeat([]byte("x"), n)
				writing := call(func() error { return c.Write(t.Context(), typ, message) })
				p.Want("one frame, masked if we are the client", wstest.Op(typ, message))
				require.NoError(t, <-writing)
				require.Equal(t, bytes.Repeat([]byte("x"), n), message, "the caller's slice is not changed")
			}
		}
	})
}

func TestWriteNothingButTextAndBinary(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		for op := range frame.Opcode(16) {
			if op == Text || op == Binary {
				continue
			}
			require.Equal(t, errType, c.Write(t.Context(), op, []byte("x")))
			_, err := c.Writer(t.Context(), op)
			require.Equal(t, errType, err)
		}
		p.WantIdle("nothing was sent")
		require.NoError(t, c.Err())
	})
}

// RFC 6455, section 5.3: a fresh key for every frame. Section 5.1: a server
// masks none, which Peer.Next sees to.
func TestRule18EveryFrameHasAFreshKey(t *testing.T) {
	playAs(t, frame.Client, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		go c.Read(t.Context())
		keys := map[frame.Key]int{}
		zero := bytes.Repeat([]byte{0}, 100)
		for range 100 {
			require.NoError(t, c.Write(t.Context(), Binary, zero))
			w, err := c.Writer(t.Context(), Binary)
			require.NoError(t, err)
			_, err = w.Write(make([]byte, fragmentSize))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			p.Send(wstest.Ping("?"))
			for range 4 {
				keys[p.Next("a message, two fragments, a pong").Key]++
			}
		}
		// By chance two of 400 may be equal, in one of 50,000 runs.
		require.Greater(t, len(keys), 397)
		require.NotContains(t, keys, frame.Key{}, "a key of zeros masks nothing: one in four billion")
	})
}

// Each writer's messages arrive in its order, and frames are never mixed.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 16, 30
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					s := fmt.Sprintf("%d %d %s", w, i, pattern(i*i*w*3))
					if err := c.Write(t.Context(), Binary, []byte(s)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		next := make([]int, writers)
		for range writers * each {
			var w, i int
			f := p.Next("a message of some writer")
			_, err := fmt.Sscanf(string(f.Payload), "%d %d ", &w, &i)
			require.NoError(t, err)
			require.Equal(t, next[w], i, "the order of writer %d", w)
			require.Equal(t, fmt.Sprintf("%d %d %s", w, i, pattern(i*i*w*3)), string(f.Payload))
			next[w]++
		}
		all.Wait()
		p.WantIdle("that was all")
	})
}

// Contention turns into batching: what comes while the transport is busy goes
// out in one call.
func TestWritersShareSystemCalls(t *testing.T) {
	const writers = 64
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		nc := c.Transport().(*wstest.Conn)
		buffer := nc.SetBuffer(0)
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				if err := c.Write(t.Context(), Text, bytes.Repeat([]byte("x"), 125)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		nc.SetBuffer(buffer)
		all.Wait()
		require.LessOrEqual(t, nc.Writes(), 3, "for %d messages", writers)
		for range writers {
			p.Want("each message", wstest.Text(string(bytes.Repeat([]byte("x"), 125))))
		}
	})
}

// No bytes are a message too.
func TestWriteNilIsAnEmptyMessage(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.NoError(t, c.Write(t.Context(), Text, nil))
		require.NoError(t, c.Write(t.Context(), Binary, []byte{}))
		p.Want("two empty messages", wstest.Text(""), wstest.Binary(nil))
	})
}

// A transport may take what is written in pieces of any size.
func TestShortWrites(t *testing.T) {
	for _, role := range roles {
		for _, most := range []int{1, 3, 1000} {
			t.Run(fmt.Sprintf("%v/%d", role, most), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					nc, other := wstest.Pipe()
					c := New(upgraded(wstest.Faulty(nc, wstest.Faults{MaxWrite: most, MaxRead: most}), role), calm(nil))
					defer end(c)
					p := wstest.NewPeer(t, other, peerOf(role))
					for _, n := range []int{0, 1, 200, largeFrame + 10} {
						writing := call(func() error { return c.Write(t.Context(), Binary, pattern(n)) })
						p.Want("one frame", wstest.Binary(pattern(n)))
						require.NoError(t, <-writing)
						go p.Send(wstest.Binary(pattern(n)))
						ways[0].want(t, c, received{Type: Binary, Data: string(pattern(n))})
					}
				})
			})
		}
	}
}

// A transport that breaks at any byte: the write that was under way says so, and
// everything after it too.
func TestBrokenTransport(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			message := pattern(200)
			size := int64(len(wstest.Binary(message).Wire(nil, role, frame.Key{})))
			for at := range 2 * size {
				nc, other := wstest.Pipe()
				c := New(upgraded(wstest.Faulty(nc, wstest.Faults{Write: []wstest.Fault{wstest.ResetAt(at)}}), role), calm(nil))
				first, second := c.Write(t.Context(), Binary, message), c.Write(t.Context(), Binary, message)
				if at < size {
					require.ErrorIs(t, first, syscall.ECONNRESET, "broken at %d", at)
				} else {
					require.NoError(t, first)
				}
				require.ErrorIs(t, second, syscall.ECONNRESET, "broken at %d", at)
				require.ErrorIs(t, second, io.ErrUnexpectedEOF)
				require.ErrorIs(t, second, &CloseError{Code: StatusAbnormalClosure})
				require.Equal(t, StatusAbnormalClosure, CloseStatus(read(t.Context(), c).Err))
				end(c)
				other.Close()
			}
		})
	}
}

// What the peer sent before it left is still read after a write has failed, and
// then every method says what Err says.
func TestReadingGoesOnAfterAFailedWrite(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, other := wstest.Pipe()
			c := New(upgraded(wstest.Faulty(nc, wstest.Faults{Write: []wstest.Fault{wstest.ErrorAt(0, syscall.EPIPE)}}), role), calm(nil))
			p := wstest.NewPeer(t, other, peerOf(role))
			p.Send(wstest.Text("last words"), wstest.Close(StatusServiceRestart, "update"))
			require.ErrorIs(t, c.Write(t.Context(), Text, nil), syscall.EPIPE)
			ways[0].want(t, c, received{Type: Text, Data: "last words"})
			err := read(t.Context(), c).Err
			require.Equal(t, &CloseError{Code: StatusServiceRestart, Reason: "update"}, err)
			<-c.Done()
			require.Same(t, err, c.Err())
			require.Same(t, err, c.Write(t.Context(), Text, nil))
			_, err = c.Ping(t.Context())
			require.Same(t, c.Err(), err)
		})
	}
}

// guarded is a pipe that watches whether bytes change while they are being
// written. A Write that fails is held back until release is closed.
type guarded struct {
	*wstest.Conn
	t       *testing.T
	release chan struct{}
}

func (g *guarded) Write(p []byte) (int, error) {
	before := bytes.Clone(p)
	n, err := g.Conn.Write(p)
	if err != nil && !isTimeout(err) && g.release != nil {
		<-g.release
	}
	if !bytes.Equal(before, p) {
		g.t.Errorf("%d bytes changed while they were being written", len(p))
	}
	return n, err
}

// The rest of a write that was cut lies in a buffer of the pool. CloseNow must
// not give that back as long as the transport writes it: other connections'
// bytes would come to lie there.
func TestBytesDoNotChangeWhileTheyAreWritten(t *testing.T) {
	for _, role := range roles {
		for _, n := range []int{100, largeFrame, 100 << 10, maxDirect + 1} {
			t.Run(fmt.Sprintf("%v/%d", role, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					nc, _ := wstest.Pipe()
					nc.SetBuffer(50)
					g := &guarded{nc, t, make(chan struct{})}
					c := New(upgraded(g, role), calm(nil))
					ctx, cancel := context.WithCancel(t.Context())
					writing := call(func() error { return c.Write(ctx, Binary, pattern(n)) })
					synctest.Wait()
					cancel()
					require.ErrorIs(t, <-writing, context.Canceled)
					synctest.Wait()
					require.NoError(t, c.CloseNow())
					for size := 512; size <= bufpool.MaxSize; size *= 2 {
						b := bufpool.Get(size)
						clear(b.B)
						defer b.Release()
					}
					close(g.release)
					synctest.Wait()
				})
			})
		}
	}
}
