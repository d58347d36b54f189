package conn

import (
	"context"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// Who waits how long for a peer that takes nothing: a deadline of one's own stands
// in place of Config.WriteTimeout, for oneself and not for others.

// A write whose ctx has a late deadline does not make those behind it wait longer
// than WriteTimeout.
func TestPatientWriterIsPatientAlone(t *testing.T) {
	const limit = 3 * time.Second
	for name, come := range map[string]func(c *Conn, p *wstest.Peer) error{
		"Write":      func(c *Conn, _ *wstest.Peer) error { return c.Write(context.Background(), Text, []byte("x")) },
		"WriteBatch": func(c *Conn, _ *wstest.Peer) error { return c.WriteBatch(context.Background(), Message{Type: Text}) },
		"TryWrite":   func(c *Conn, _ *wstest.Peer) error { return c.TryWrite(Text, []byte("queued")) },
		"Ping":       func(c *Conn, _ *wstest.Peer) error { _, err := c.Ping(context.Background()); return err },
		"a Pong":     func(_ *Conn, p *wstest.Peer) error { p.Send(wstest.Ping("?")); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			for _, role := range roles {
				synctest.Test(t, func(t *testing.T) {
					c, p, _ := blocked(t, role, &Config{WriteTimeout: limit}, 10)
					waiting(t, c)
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					patient := call(func() error { return c.Write(ctx, Text, make([]byte, 1000)) })
					time.Sleep(20 * time.Minute)
					notYet(t, patient, "as long as nobody else is concerned, its deadline counts")
					begin := time.Now()
					call(func() error { return come(c, p) })
					require.Equal(t, &TimeoutError{Op: "write", After: limit}, <-patient)
					require.Equal(t, limit, time.Since(begin))
				})
			}
		})
	}
}

// The others who hurry a patient writer lose it nothing, if the peer reads on.
func TestHurriedWriterGoesOn(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, &Config{WriteTimeout: 3 * time.Second}, 10)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			patient := call(func() error { return c.Write(ctx, Binary, pattern(70_000)) })
			synctest.Wait()
			other := call(func() error { return c.Write(context.Background(), Text, []byte("behind it")) })
			time.Sleep(2 * time.Second)
			open()
			p.Want("the patient one, whole", wstest.Binary(pattern(70_000)))
			p.Want("and the other", wstest.Text("behind it"))
			require.NoError(t, <-patient)
			require.NoError(t, <-other)
		})
	}
}

// A write deadline of NetConn is one too: also a late one is kept to the minute,
// and afterwards the stream is as good as before. net.Conn: "After a deadline has
// been exceeded, the connection can be refreshed by setting a deadline in the
// future."
func TestNetConnDeadlineStandsForWriteTimeout(t *testing.T) {
	for _, role := range roles {
		for _, taken := range []int{0, 10} { // of the message's bytes, before the peer is stuck
			synctest.Test(t, func(t *testing.T) {
				c, p, open := blocked(t, role, &Config{WriteTimeout: time.Second}, taken)
				nc := NetConn(c, Binary)
				require.NoError(t, nc.SetWriteDeadline(time.Now().Add(time.Minute)))
				begin := time.Now()
				n, err := nc.Write(pattern(1000))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Equal(t, time.Minute, time.Since(begin))
				require.NoError(t, c.Err())
				require.NoError(t, nc.SetWriteDeadline(time.Now().Add(time.Minute)))
				open()
				if n > 0 {
					p.Want("what Write said would arrive", wstest.Binary(pattern(n)))
				}
				_, err = io.WriteString(nc, "again")
				require.NoError(t, err)
				p.Want("the next write", wstest.Binary([]byte("again")))
			})
		}
	}
}
