package conn

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// On a plain socket a connection waits without a buffer, and leaves other traces
// for KeepAlive. There is no synctest for sockets, so these tests take their time,
// little of it, and never ask that something happens soon.

// alive60 has a Ping sent after 28 ms, which is nearly half of 60, at the earliest.
var alive60 = KeepAlive{Interval: 60 * time.Millisecond, Timeout: 30 * time.Millisecond}

// overTCP runs a test like play over loopback TCP, with the time at which it began.
func overTCP(t *testing.T, keep KeepAlive, test func(t *testing.T, begin time.Time, c *Conn, p *wstest.Peer)) {
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			t.Parallel()
			nc, other := tcpPair(t)
			begin := time.Now() // no later than KeepAlive's own
			c := New(upgraded(nc, role), &Config{KeepAlive: keep})
			t.Cleanup(func() { end(c) })
			test(t, begin, c, wstest.NewPeer(t, other, peerOf(role)))
		})
	}
}

func TestKeepAliveOverTCP(t *testing.T) {
	overTCP(t, alive60, func(t *testing.T, begin time.Time, c *Conn, p *wstest.Peer) {
		reading := startRead(context.Background(), c)
		require.Equal(t, frame.Ping, p.Next("a Ping").Opcode)
		require.GreaterOrEqual(t, time.Since(begin), 28*time.Millisecond, "nearly half an interval")
		want := &TimeoutError{Op: "keepalive", After: 30 * time.Millisecond}
		require.Equal(t, want, (<-reading).Err)
		require.GreaterOrEqual(t, time.Since(begin), 58*time.Millisecond, "and Timeout")
		<-c.Done()
		require.Equal(t, want, c.Err())
	})
}

// A program that polls, with a short ctx for each read, finds a dead peer too.
func TestKeepAliveWhilePolling(t *testing.T) {
	overTCP(t, alive60, func(t *testing.T, begin time.Time, c *Conn, p *wstest.Peer) {
		want := &TimeoutError{Op: "keepalive", After: 30 * time.Millisecond}
		for {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
			err := read(ctx, c).Err
			cancel()
			if err == context.DeadlineExceeded {
				continue
			}
			require.Equal(t, want, err)
			break
		}
		require.GreaterOrEqual(t, time.Since(begin), 58*time.Millisecond)
	})
}

// A peer that answers lives, whether the program waits or polls, and so does one
// that says other things.
func TestKeepAliveOfTheLiving(t *testing.T) {
	long := KeepAlive{Interval: 20 * time.Millisecond, Timeout: 5 * time.Second}
	overTCP(t, long, func(t *testing.T, _ time.Time, c *Conn, p *wstest.Peer) {
		ctx, cancel := context.WithCancel(context.Background())
		polling := call(func() error {
			for ctx.Err() == nil {
				ctx, cancel := context.WithTimeout(ctx, 15*time.Millisecond)
				err := read(ctx, c).Err
				cancel()
				if err != context.DeadlineExceeded && err != context.Canceled {
					return err
				}
			}
			return nil
		})
		for range 10 {
			p.Send(wstest.Pong(string(p.Next("a Ping").Payload)))
		}
		require.Positive(t, c.Latency())
		cancel()
		require.NoError(t, <-polling)
		require.NoError(t, c.Err())
		require.LessOrEqual(t, pingsOf(c), 1)
	})
}

func TestKeepAliveWhileNobodyReadsOverTCP(t *testing.T) {
	overTCP(t, KeepAlive{Interval: 4 * time.Millisecond, Timeout: time.Millisecond}, func(t *testing.T, _ time.Time, c *Conn, p *wstest.Peer) {
		time.Sleep(60 * time.Millisecond) // fifteen intervals in which nothing must happen
		require.NoError(t, c.Err())
		require.Zero(t, c.Stats().Writes, "no Ping was sent")
	})
}
