package conn

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// excuses is a stream that finds excuses: so many calls in a row, in a direction,
// return an error, or nothing at all, before one does what it is for.
type excuses struct {
	*wstest.Conn
	err         error
	pause       time.Duration // before every excuse
	read, write int           // how many in a row; negative: for ever
	reads       int           // how many there were since the last read that was none
	writes      int
}

func (x *excuses) Read(p []byte) (int, error) {
	if x.excuse(&x.reads, x.read) {
		return 0, x.err
	}
	return x.Conn.Read(p)
}

func (x *excuses) Write(p []byte) (int, error) {
	if x.excuse(&x.writes, x.write) {
		return 0, x.err
	}
	return x.Conn.Write(p)
}

func (x *excuses) excuse(made *int, most int) bool {
	if *made == most {
		*made = 0
		return false
	}
	time.Sleep(x.pause)
	*made++
	return true
}

// overExcuses runs a test as either side of a stream of that kind.
func overExcuses(t *testing.T, x excuses, test func(t *testing.T, c *Conn, p *wstest.Peer)) {
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, other := wstest.Pipe()
				x.Conn = nc
				c := New(upgraded(&x, role), calm(&Config{WriteTimeout: -1}))
				p := wstest.NewPeer(t, other, peerOf(role))
				p.Patience = 100 * time.Hour
				t.Cleanup(func() { end(c) })
				test(t, c, p)
			})
		})
	}
}

// requireVain: the stream is given up, for a reason that says what it did.
func requireVain(t *testing.T, err error) {
	t.Helper()
	requireAbnormal(t, err)
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.ErrorContains(t, err, "a net.Conn must do better")
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "nobody has set a deadline")
}

// A stream whose reads do nothing, for ever, does not keep a reader busy for ever.
func TestReadsInVain(t *testing.T) {
	for name, err := range map[string]error{"nothing": nil, "timeout": os.ErrDeadlineExceeded} {
		t.Run(name, func(t *testing.T) {
			for _, w := range ways {
				overExcuses(t, excuses{err: err, read: -1}, func(t *testing.T, c *Conn, p *wstest.Peer) {
					m := w.receive(t.Context(), c)
					requireVain(t, m.Err)
					require.Equal(t, m.Err, c.Err())
					<-c.Done()
				})
			}
		})
	}
}

// Nor a writer, nor the goroutine that sends what is queued; the reader, which
// has not seen a failure, reads on.
func TestWritesInVain(t *testing.T) {
	overExcuses(t, excuses{err: os.ErrDeadlineExceeded, write: -1}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		err := c.Write(t.Context(), Text, []byte("hello"))
		requireVain(t, err)
		require.Same(t, err, c.Write(t.Context(), Text, nil))
		p.Send(wstest.Text("still here"))
		require.Equal(t, received{Type: Text, Data: "still here"}, read(t.Context(), c))
	})
	overExcuses(t, excuses{err: os.ErrDeadlineExceeded, write: -1}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.NoError(t, c.TryWrite(Text, []byte("hello")))
		synctest.Wait()
		requireVain(t, c.TryWrite(Text, nil))
		require.Zero(t, c.Backlog())
	})
}

// Excuses are borne as long as something happens in between, or as they come
// slowly: a stream that times out by itself whenever it was idle for a minute may
// be idle for a day.
func TestExcusesAreBorne(t *testing.T) {
	for name, x := range map[string]excuses{
		"nothing read":  {read: 90},
		"timeouts":      {err: os.ErrDeadlineExceeded, read: 90, write: 90},
		"slow nothing":  {read: 1000, pause: 20 * time.Millisecond},
		"slow timeouts": {err: os.ErrDeadlineExceeded, read: 1000, write: 1000, pause: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			overExcuses(t, x, func(t *testing.T, c *Conn, p *wstest.Peer) {
				for range 3 {
					for _, w := range ways {
						p.Send(wstest.Text("hel").NoFin(), wstest.Ping("?"), wstest.Cont("lo"))
						w.want(t, c, received{Type: Text, Data: "hello"})
						require.NoError(t, c.Write(t.Context(), Binary, pattern(20_000)))
						p.Want("pong and message", wstest.Pong("?"), wstest.Binary(pattern(20_000)))
					}
				}
			})
		})
	}
}

// sticky is a stream whose deadlines cannot be cleared.
type sticky struct{ *wstest.Conn }

func (s sticky) SetReadDeadline(at time.Time) error  { return s.set(at, s.Conn.SetReadDeadline) }
func (s sticky) SetWriteDeadline(at time.Time) error { return s.set(at, s.Conn.SetWriteDeadline) }

func (s sticky) set(at time.Time, set func(time.Time) error) error {
	if at.IsZero() {
		return nil
	}
	return set(at)
}

// Whoever cancels gets what the context says; whoever comes next hears that the
// stream is of no more use.
func TestDeadlinesThatStay(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, other := wstest.Pipe()
			defer other.Close()
			c := New(upgraded(sticky{nc}, role), calm(&Config{WriteTimeout: -1}))
			defer end(c)
			nc.SetBuffer(0)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Equal(t, context.DeadlineExceeded, c.Write(ctx, Text, []byte("hello")))
			requireVain(t, c.Write(t.Context(), Text, []byte("hello")))

			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Equal(t, context.DeadlineExceeded, read(ctx, c).Err)
			require.ErrorIs(t, read(t.Context(), c).Err, io.ErrUnexpectedEOF)
		})
	}
}

// disguise hides what kind of stream this is.
type disguise struct{ net.Conn }

// TLS that cannot be told as TLS is taken for a stream whose writes may be
// interrupted. It may not: "After a Write has timed out, the TLS state is corrupt
// and all future writes will return the same error." So the connection fails with
// the first write after one that was cancelled in the middle; what came before
// has arrived, and what has not was not reported as sent.
func TestTLSInDisguise(t *testing.T) {
	cert := certificate(t)
	for _, role := range roles {
		for _, size := range []int{10, 300_000} {
			synctest.Test(t, func(t *testing.T) {
				nc, other := wstest.Pipe()
				defer other.Close()
				ours, theirs := tlsPair(t, cert, role, nc, other)
				c := New(upgraded(disguise{ours}, role), calm(nil))
				defer end(c)
				p := wstest.NewPeer(t, theirs, peerOf(role))
				require.NoError(t, c.Write(t.Context(), Text, []byte("before")))
				p.Want("what was sent whole", wstest.Text("before"))

				buffer := nc.SetBuffer(10)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.Equal(t, context.DeadlineExceeded, c.Write(ctx, Binary, make([]byte, size)))
				nc.SetBuffer(buffer)
				requireAbnormal(t, c.Write(t.Context(), Text, []byte("after")))
				requireVain(t, c.Write(t.Context(), Text, []byte("after")))

				// The other direction works, cancelled or not.
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.Equal(t, context.DeadlineExceeded, read(ctx, c).Err)
				p.Send(wstest.Text("hello"))
				require.Equal(t, received{Type: Text, Data: "hello"}, read(t.Context(), c))
				nc.Close() // or closing it would wait for the record that was cut off
			})
		}
	}
}
