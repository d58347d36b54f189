package conn

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// Where KeepAlive sees little: reads that are short, streams that cannot be
// written, Pings that share their batch with what is not sent.

// pollFor reads for an hour, or until the connection ends, with a deadline of its own
// each time.
func pollFor(ctx context.Context, c *Conn, each time.Duration) (err error) {
	for begin := time.Now(); time.Since(begin) < time.Hour; {
		ctx, cancel := context.WithTimeout(ctx, each)
		_, _, err = c.Read(ctx)
		cancel()
		if err != context.DeadlineExceeded {
			return err
		}
	}
	return err
}

// A program that reads with short deadlines, over a stream that is read blindly,
// never waits for half an interval at a stretch. A dead peer is found all the same,
// as soon as under a reader that waits for ever, but for the second looks that are
// needed when a deadline passes in the moment of the first.
func TestKeepAliveWithShortReads(t *testing.T) {
	for _, each := range []time.Duration{time.Millisecond, time.Second, 4 * time.Second, 9 * time.Second} {
		play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
			begin := time.Now()
			reading := call(func() error { return pollFor(t.Context(), c, each) })
			require.Equal(t, frame.Ping, p.Next("a Ping").Opcode)
			require.LessOrEqual(t, time.Since(begin), 10*time.Second+2*lookAgain)
			require.Equal(t, &TimeoutError{Op: "keepalive", After: 4 * time.Second}, <-reading)
			require.LessOrEqual(t, time.Since(begin), 14*time.Second+3*lookAgain)
		})
	}
}

// TLS is such a stream.
func TestKeepAliveWithShortReadsOverTLS(t *testing.T) {
	cert := certificate(t)
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, other := wstest.Pipe()
			ours, _ := tlsPair(t, cert, role, nc, other)
			defer other.Close()
			c := New(upgraded(ours, role), alive10)
			defer end(c)
			require.Equal(t, &TimeoutError{Op: "keepalive", After: 4 * time.Second}, pollFor(t.Context(), c, time.Second))
		})
	}
}

// And a peer that answers lives.
func TestKeepAliveWithShortReadsOfTheLiving(t *testing.T) {
	play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := call(func() error { return pollFor(t.Context(), c, time.Second) })
		for range 20 {
			ping := p.Next("a Ping")
			time.Sleep(3 * time.Second)
			p.Send(wstest.Pong(string(ping.Payload)))
		}
		notYet(t, reading, "the connection lives")
	})
}

// A program that only looks now and then whether there is something does not read
// in between, so nothing is known of the peer.
func TestKeepAliveBetweenShortReads(t *testing.T) {
	play(t, alive10, func(t *testing.T, c *Conn, p *wstest.Peer) {
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			require.Equal(t, context.DeadlineExceeded, read(ctx, c).Err)
			cancel()
			time.Sleep(time.Minute)
		}
		require.NoError(t, c.Err())
	})
}

// A stream that cannot be written any more, and whose peer does not end it, does
// not live for ever: no Ping can show that the peer is there.
func TestKeepAliveOfABrokenStream(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, _ := wstest.Pipe()
			broken := wstest.Faulty(nc, wstest.Faults{Write: []wstest.Fault{wstest.ErrorAt(0, io.ErrClosedPipe)}})
			c := New(upgraded(broken, role), alive10)
			defer end(c)
			reading := waiting(t, c)
			err := c.Write(t.Context(), Text, []byte("x"))
			require.ErrorIs(t, err, io.ErrClosedPipe)
			notYet(t, reading, "what the peer sent before may still be there")
			time.Sleep(10 * time.Second)
			require.Equal(t, err, c.Err())
			require.Equal(t, err, (<-reading).Err)
			<-c.Done()
		})
	}
}

// A Ping goes out in one batch with a message that is then taken back, so that
// nothing is left to be sent behind the Ping. It is out all the same, and the
// time for the answer runs.
func TestKeepAliveAfterAWithdrawnMessage(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			ping := len(wstest.Op(frame.Ping, pingPayload(1)).Wire(nil, role, frame.Key{}))
			c, p, _ := blocked(t, role, alive10, ping)
			reading := waiting(t, c)
			owned(c) // so that the Ping waits until there is a message, too
			time.Sleep(6 * time.Second)
			require.Equal(t, 1, pingsOf(c))
			c.mu.Lock()
			c.out.owned = false
			c.mu.Unlock()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Equal(t, context.DeadlineExceeded, c.Write(ctx, Text, []byte("taken back")))
			require.Equal(t, frame.Ping, p.Next("the Ping alone").Opcode)
			time.Sleep(14 * time.Second) // an interval, and Timeout
			require.Equal(t, &TimeoutError{Op: "keepalive", After: 4 * time.Second}, c.Err())
			require.Equal(t, c.Err(), (<-reading).Err)
		})
	}
}
