package conn

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// A message that has been compressed with takeover is in the window of those that
// follow: it has to be sent, whoever wants it back. What has not been compressed
// leaves no trace, and without takeover nothing does.

// pressSlowly compresses what is next to be sent, as the owner of the socket does,
// and calls during while it does. It reports whether that still is to be sent.
func pressSlowly(c *Conn, during func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.out.front()
	e.pressing = true
	c.mu.Unlock()
	during()
	b := c.out.z.press(e)
	c.mu.Lock()
	return c.out.pressed(e, b)
}

// release ends what owned has begun.
func release(c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handOver()
}

// moments at which a write may be cancelled, relative to its being compressed.
const (
	before = iota
	meanwhile
	after
)

func TestCancelledWhenCompressed(t *testing.T) {
	for _, n := range []int{100, 20_000, 300_000} {
		for moment, name := range []string{"before", "meanwhile", "after"} {
			for _, way := range []string{"Write", "WriteBatch", "Writer"} {
				t.Run(fmt.Sprintf("%d/%s/%s", n, name, way), func(t *testing.T) {
					playTakeovers(t, func(t *testing.T, takeover bool, c *Conn, p *wstest.Peer) {
						cancelWhenCompressed(t, c, p, cancellable[way], n, moment, way == "Writer")
					})
				})
			}
		}
	}
}

func cancelWhenCompressed(t *testing.T, c *Conn, p *wstest.Peer, write writeWay, n, moment int, stream bool) {
	u := unwrapperOf(c.out.role, c.Deflate())
	require.NoError(t, c.Write(t.Context(), Text, []byte("what is in the window before that")))
	u.want(t, p, "what is in the window before that")

	lost, kept := string(noise(n/2, 1))+string(excerpt(n/2, 1)), string(excerpt(200, 1))
	ctx, cancel := context.WithCancel(t.Context())
	p.Conn().(*wstest.Conn).SetBuffer(1 << 20)
	owned(c)
	mine := []byte(lost)
	result := call(func() error { return write(ctx, c, mine) })
	synctest.Wait()
	if stream { // the owner has to let it begin
		c.mu.Lock()
		require.False(t, c.out.gather(nil))
		c.mu.Unlock()
		synctest.Wait()
	}
	if moment == before {
		cancel()
		require.Equal(t, context.Canceled, <-result)
	} else {
		waits := pressSlowly(c, func() {
			if moment == meanwhile {
				cancel()
				notYet(t, result, "its bytes are being read")
			}
		})
		require.Equal(t, moment == after || c.out.z.takeover, waits)
		cancel()
		require.Equal(t, context.Canceled, <-result)
	}
	clear(mine) // they are ours again
	release(c)
	if moment != before && c.out.z.takeover {
		if stream && n > fragmentSize {
			p.WantClose("half a message must not look whole", StatusInternalError)
			return
		}
		u.want(t, p, lost)
	}
	for range 2 {
		require.NoError(t, c.Write(t.Context(), Text, []byte(kept)))
		u.want(t, p, kept)
	}
	p.WantIdle("no trace of what was withdrawn")
	require.Zero(t, c.Backlog())
	if !c.out.z.takeover {
		require.Nil(t, c.out.z.c)
	}
}

// writeWay is one of the ways to write a message.
type writeWay func(ctx context.Context, c *Conn, p []byte) error

var cancellable = map[string]writeWay{
	"Write": func(ctx context.Context, c *Conn, p []byte) error { return c.Write(ctx, Binary, p) },
	"WriteBatch": func(ctx context.Context, c *Conn, p []byte) error {
		return c.WriteBatch(ctx, Message{Binary, p})
	},
	"Writer": func(ctx context.Context, c *Conn, p []byte) error {
		w, err := c.Writer(ctx, Binary)
		if err != nil {
			return err
		}
		w.Write(p)
		return w.Close()
	},
}

// A batch arrives from its first message on, however much of it was compressed when
// it was cancelled: a small one that comes first must not be taken back when one
// behind it can not.
func TestCancelledBatchIsCompressed(t *testing.T) {
	for n := range 5 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			playTakeovers(t, func(t *testing.T, _ bool, c *Conn, p *wstest.Peer) {
				cancelBatch(t, c, p, n/2*2, func(cancel func()) {
					pressSome(c, n, func() {
						cancel()
						synctest.Wait()
					})
				})
			})
		})
	}
	t.Run("all", func(t *testing.T) {
		playTakeovers(t, func(t *testing.T, _ bool, c *Conn, p *wstest.Peer) {
			cancelBatch(t, c, p, 4, func(func()) {
				c.mu.Lock()
				c.pressAll()
				c.mu.Unlock()
			})
		})
	})
}

// cancelBatch cancels a batch of which, with takeover, the first messages have
// to be sent.
func cancelBatch(t *testing.T, c *Conn, p *wstest.Peer, sent int, press func(cancel func())) {
	u := unwrapperOf(c.out.role, c.Deflate())
	texts := []string{"one, as it is", "two " + string(excerpt(300, 2)), "three, as it is", "four " + string(excerpt(300, 4))}
	var batch []Message
	for i, text := range texts {
		batch = append(batch, Message{[]MessageType{Text | Uncompressed, Text}[i%2], []byte(text)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	owned(c)
	result := call(func() error { return c.WriteBatch(ctx, batch...) })
	synctest.Wait()
	press(cancel)
	cancel()
	require.Equal(t, context.Canceled, <-result)
	release(c)
	if c.out.z.takeover {
		for _, text := range texts[:sent] {
			u.want(t, p, text)
		}
	}
	require.NoError(t, c.Write(t.Context(), Text, excerpt(300, 4)))
	u.want(t, p, string(excerpt(300, 4)))
	p.WantIdle("nothing of the others")
	require.Zero(t, c.Backlog())
}

// pressSome does what pressAll does, for the first n entries, and calls during
// while it compresses the last of them that is to be.
func pressSome(c *Conn, n int, during func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.out.front()
	for i, e := 0, first; e != nil && i < n; i, e = i+1, e.next {
		if !e.press {
			continue
		}
		last := i+2 >= n
		c.out.commit(first, e)
		e.pressing = true
		c.mu.Unlock()
		if last {
			during()
		}
		b := c.out.z.press(e)
		c.mu.Lock()
		if !c.out.pressed(e, b) {
			return
		}
	}
}

// The connection ends while a message is being compressed: its Write ends after
// that, with the connection's error, and the Close frame is sent. What TryWrite has
// taken goes before that of Close, unless it would be compressed with the history of
// the message that is not sent.
func TestClosedWhileCompressing(t *testing.T) {
	for name, tt := range map[string]struct {
		close func(c *Conn)
		said  bool
	}{
		"Close":      {func(c *Conn) { c.beginClose(StatusGoingAway, "") }, true},
		"CloseNow":   {func(c *Conn) { c.CloseNow() }, false},
		"Disconnect": {func(c *Conn) { c.TryWrite(Text, make([]byte, 2000)) }, true},
		"the peer": {func(c *Conn) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.failLocked(&ProtocolError{Code: StatusGoingAway})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, takeover := range takeovers {
				cfg := compressing(takeover, 15)
				cfg.Backlog, cfg.SlowConsumer = 1000, Disconnect
				playPacked(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) {
					owned(c)
					first := call(func() error { return c.Write(t.Context(), Text, excerpt(200, 1)) })
					synctest.Wait()
					second := call(func() error { return c.Write(t.Context(), Text, excerpt(200, 2)) })
					require.NoError(t, c.TryWrite(Text, excerpt(200, 3)))
					synctest.Wait()
					require.False(t, pressSlowly(c, func() {
						tt.close(c)
						require.Equal(t, c.Err(), <-second)
						notYet(t, first, "its bytes are being read")
					}))
					require.Error(t, c.Err())
					require.Equal(t, c.Err(), <-first)
					release(c)
					if name == "Close" && !takeover {
						require.Equal(t, frame.Text, p.Next("what TryWrite has taken").Opcode)
					}
					if tt.said {
						f := p.Next("the Close frame, and no other message")
						require.Equal(t, frame.Close, f.Opcode)
					}
					end(c)
					require.Zero(t, c.Backlog())
				})
			}
		})
	}
}

// What TryWrite was given is being compressed: nothing may drop it, and it is sent.
func TestNotDroppedWhileCompressing(t *testing.T) {
	for _, takeover := range takeovers {
		cfg := compressing(takeover, 15)
		cfg.Backlog, cfg.SlowConsumer = 1000, DropOldest
		playPacked(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) {
			u := unwrapperOf(c.out.role, c.Deflate())
			owned(c)
			for i := range 3 {
				require.NoError(t, c.TryWrite(Text, excerpt(400, uint64(i))), "the third one drops none, or the first")
				if i == 1 {
					pressSlowly(c, func() { require.NoError(t, c.TryWrite(Text, excerpt(300, 9))) })
				}
			}
			release(c)
			var got []string
			for range 2 {
				got = append(got, strings.Clone(u.next(t, p).data))
			}
			if takeover {
				require.Equal(t, string(excerpt(400, 0)), got[0], "it is in the window of the others")
			}
			require.Equal(t, string(excerpt(400, 2)), got[1])
			p.WantIdle("the others were dropped")
		})
	}
}
