package conn

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// preparedWays are the two ways to send what is prepared.
var preparedWays = map[string]func(ctx context.Context, c *Conn, m *Prepared) error{
	"WritePrepared":    func(ctx context.Context, c *Conn, m *Prepared) error { return c.WritePrepared(ctx, m) },
	"TryWritePrepared": func(_ context.Context, c *Conn, m *Prepared) error { return c.TryWritePrepared(m) },
}

// A prepared message arrives as one that was written does, of any length.
func TestPrepared(t *testing.T) {
	for name, send := range preparedWays {
		t.Run(name, func(t *testing.T) {
			play(t, &Config{Backlog: 10 << 20}, func(t *testing.T, c *Conn, p *wstest.Peer) {
				for _, n := range lengths {
					for _, typ := range []MessageType{Text, Binary} {
						payload := bytes.Repeat([]byte("x"), n)
						m, err := NewPrepared(typ, payload)
						require.NoError(t, err)
						require.Equal(t, typ, m.Type())
						require.Equal(t, n, m.Len())
						clear(payload) // NewPrepared has copied it
						for range 2 {
							sending := call(func() error { return send(t.Context(), c, m) })
							p.Want("as written", wstest.Op(typ, bytes.Repeat([]byte("x"), n)))
							require.NoError(t, <-sending)
						}
					}
				}
				synctest.Wait()
				require.Zero(t, c.Backlog())
				require.EqualValues(t, 4*len(lengths), c.Stats().MessagesSent)
			})
		})
	}
}

func TestPreparedNothingButTextAndBinary(t *testing.T) {
	for op := range frame.Opcode(16) {
		if op != Text && op != Binary {
			m, err := NewPrepared(op, nil)
			require.Equal(t, errType, err)
			require.Nil(t, m)
		}
	}
}

// A server sends the same bytes as Write, to the bit.
func TestPreparedIsWhatWriteSends(t *testing.T) {
	wire := func(send func(c *Conn) error) []byte {
		nc, other := wstest.Pipe()
		nc.SetBuffer(1 << 20)
		c := New(upgraded(nc, frame.Server), calm(nil))
		require.NoError(t, send(c))
		end(c)
		var all bytes.Buffer
		_, err := all.ReadFrom(other)
		require.NoError(t, err)
		return all.Bytes()
	}
	for _, n := range lengths {
		m, err := NewPrepared(Binary, pattern(n))
		require.NoError(t, err)
		require.Equal(t,
			wire(func(c *Conn) error { return c.Write(t.Context(), Binary, pattern(n)) }),
			wire(func(c *Conn) error { return c.WritePrepared(t.Context(), m) }))
	}
}

// RFC 6455, section 5.3: "A new masking key MUST be picked for each frame", also
// for one that was prepared.
func TestPreparedHasAFreshKey(t *testing.T) {
	for name, send := range preparedWays {
		t.Run(name, func(t *testing.T) {
			playAs(t, frame.Client, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				m, err := NewPrepared(Text, []byte("hello"))
				require.NoError(t, err)
				keys := map[frame.Key]bool{}
				for range 100 {
					require.NoError(t, send(t.Context(), c, m))
					keys[p.Next("the message").Key] = true
				}
				// By chance two of 100 are equal in one of a million runs.
				require.Len(t, keys, 100)
			})
		})
	}
}

// What is prepared is not copied for those that have to wait, however long it is and
// however often it is queued. Its bytes count for Backlog all the same.
func TestPreparedIsNotCopied(t *testing.T) {
	const size, times = 4 << 20, 20
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, &Config{Backlog: 200 << 20, WriteTimeout: -1}, 0)
			m, err := NewPrepared(Binary, pattern(size))
			require.NoError(t, err)
			grown := allocatedBy(func() {
				for range times {
					require.NoError(t, c.TryWritePrepared(m))
				}
				synctest.Wait()
			})
			require.GreaterOrEqual(t, c.Backlog(), size*times)
			require.Less(t, grown, uint64(size/8))
			open()
			for range 2 {
				require.True(t, bytes.Equal(pattern(size), p.Next("the message").Payload))
			}
		})
	}
}

// One message may go to many connections of both roles at once.
func TestPreparedIsShared(t *testing.T) {
	for _, n := range []int{0, 100, 100_000} {
		m, err := NewPrepared(Binary, pattern(n))
		require.NoError(t, err)
		var all sync.WaitGroup
		for range 8 {
			client, server := connPair(t, nil)
			for _, c := range []*Conn{client, server} {
				other := client
				if c == client {
					other = server
				}
				all.Go(func() {
					for range 10 {
						if err := c.WritePrepared(t.Context(), m); err != nil {
							t.Error(err)
						}
					}
				})
				all.Go(func() {
					for range 10 {
						_, p, err := other.Read(t.Context())
						if err != nil || !bytes.Equal(p, pattern(n)) {
							t.Errorf("%d bytes, error %v", len(p), err)
							return
						}
					}
				})
			}
		}
		all.Wait()
	}
}

// A prepared message that is cut is completed; what was not begun leaves no
// trace. So it is with all that can be said of Write.
func TestPreparedIsCut(t *testing.T) {
	for _, n := range []int{10, largeFrame - 1, largeFrame, maxDirect + 10} {
		for _, role := range roles {
			for _, at := range []int{0, 1, 9, n / 2, n} {
				synctest.Test(t, func(t *testing.T) {
					c, p, open := blocked(t, role, nil, at)
					m, err := NewPrepared(Binary, pattern(n))
					require.NoError(t, err)
					for range 2 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						require.Equal(t, context.DeadlineExceeded, c.WritePrepared(ctx, m))
						cancel()
					}
					open()
					if at > 0 {
						p.Want("the first was begun", wstest.Binary(pattern(n)))
					}
					require.NoError(t, c.Write(t.Context(), Text, []byte("next")))
					p.Want("no trace of the second", wstest.Text("next"))
				})
			}
		}
	}
}

// One that NewPrepared has not made is no message. (It has no bytes either, so a
// server would wait for ever for them to be sent.)
func TestPreparedZeroIsRefused(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.Equal(t, errType, c.WritePrepared(t.Context(), new(Prepared)))
		require.Equal(t, errType, c.TryWritePrepared(new(Prepared)))
		p.WantIdle("nothing was sent")
		require.NoError(t, c.Write(t.Context(), Text, []byte("x")))
		p.Want("and nothing is lost", wstest.Text("x"))
	})
}
