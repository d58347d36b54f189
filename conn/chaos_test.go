package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// Everything at once, at both ends, over real sockets, with ends that come at any
// moment: what must hold whatever happens. TestModel says what must arrive; this
// is for panics, races, things left behind, and numbers that do not add up.

// tally is what the Observer of one connection was told.
type tally struct{ open, closed, sent, dropped, received atomic.Int64 }

func (n *tally) config(rnd *rand.Rand) *Config {
	return &Config{
		Backlog:      []int{-1, 1 << 10, 64 << 10, 0}[rnd.IntN(4)],
		SlowConsumer: SlowConsumer(rnd.IntN(3)),
		KeepAlive:    KeepAlive{Interval: time.Duration(1+rnd.IntN(20)) * time.Millisecond, Timeout: []time.Duration{-1, time.Minute}[rnd.IntN(2)]},
		CloseTimeout: []time.Duration{-1, 20 * time.Millisecond, time.Second}[rnd.IntN(3)],
		WriteTimeout: []time.Duration{20 * time.Millisecond, time.Second, 0}[rnd.IntN(3)],
		Observer: &Observer{
			Open:     func(*Conn) { n.open.Add(1) },
			Close:    func(*Conn, error) { n.closed.Add(1) },
			Sent:     func(*Conn, MessageType, int) { n.sent.Add(1) },
			Drop:     func(*Conn, MessageType, int) { n.dropped.Add(1) },
			Received: func(*Conn, MessageType, int) { n.received.Add(1) },
		},
	}
}

func TestChaos(t *testing.T) {
	cert := certificate(t)
	pairs := map[string]func(t *testing.T) (client, server net.Conn){
		"TCP":  func(t *testing.T) (net.Conn, net.Conn) { return tcpPair(t) },
		"Unix": func(t *testing.T) (net.Conn, net.Conn) { a, b := unixPair(t); return a, b },
		"TLS": func(t *testing.T) (net.Conn, net.Conn) {
			a, b := tcpPair(t)
			return tlsPair(t, cert, frame.Client, a, b)
		},
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(chaosRounds) {
				a, b := pair(t)
				chaos(t, rand.New(rand.NewPCG(seed, 17)), a, b)
			}
		})
	}
}

const chaosRounds = 12

// chaos lets goroutines loose on a connection until it has ended.
func chaos(t *testing.T, rnd *rand.Rand, a, b net.Conn) {
	var tallies [2]tally
	var group Group
	ends := [2]*Conn{
		New(upgraded(a, frame.Client), tallies[0].config(rnd)),
		New(upgraded(b, frame.Server), tallies[1].config(rnd)),
	}
	var all sync.WaitGroup
	for _, c := range ends {
		group.Add(c)
		for range 2 + rnd.IntN(6) {
			seed := rnd.Uint64()
			all.Go(func() { mischief(c, &group, rand.New(rand.NewPCG(seed, 0))) })
		}
	}
	time.Sleep(time.Duration(rnd.IntN(8)) * time.Millisecond)
	switch c := ends[rnd.IntN(2)]; rnd.IntN(6) {
	case 0:
		c.CloseNow()
	case 1:
		c.Close(StatusNormalClosure, "")
	case 2:
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		group.Shutdown(ctx)
		cancel()
	case 3:
		c.Transport().Close() // nobody should, but somebody will
	case 4:
		go ends[0].Close(StatusGoingAway, "")
		go ends[1].Close(StatusGoingAway, "")
	case 5:
		NetConn(c, Text).Close()
	}
	time.Sleep(time.Duration(rnd.IntN(3)) * time.Millisecond)
	for _, c := range ends {
		c.CloseNow()
		<-c.Done()
	}
	all.Wait()
	for i, c := range ends {
		requireOver(t, c, &tallies[i])
	}
	for group.Len() > 0 {
		time.Sleep(time.Millisecond)
	}
}

// requireOver is what holds of a connection that has ended.
func requireOver(t *testing.T, c *Conn, n *tally) {
	t.Helper()
	require.Error(t, c.Err())
	s := c.Stats()
	require.Zero(t, s.Backlog)
	require.EqualValues(t, 1, n.open.Load())
	for n.closed.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	require.EqualValues(t, 1, n.closed.Load())
	require.EqualValues(t, s.Dropped, n.dropped.Load())
	require.LessOrEqual(t, n.received.Load(), int64(s.MessagesReceived))
	for _, err := range []error{
		c.Write(context.Background(), Text, nil), c.TryWrite(Text, nil), c.WriteBatch(c.Context(), Message{Type: Text}),
		read(context.Background(), c).Err, read(c.Context(), c).Err,
	} {
		require.Equal(t, c.Err(), err)
	}
	require.Equal(t, c.Err(), context.Cause(c.Context()))
}

// mischief does random things until the connection has ended.
func mischief(c *Conn, g *Group, rnd *rand.Rand) {
	for c.Err() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rnd.IntN(2000))*time.Microsecond)
		switch rnd.IntN(8) {
		case 0:
			ctx = c.Context()
		case 1:
			ctx = context.Background()
		}
		p := make([]byte, rnd.IntN(1<<rnd.IntN(19)))
		switch rnd.IntN(16) {
		case 0, 1:
			c.Write(ctx, Binary, p)
		case 2:
			c.TryWrite(Binary, p)
		case 3:
			g.Broadcast(Binary, p)
		case 4:
			c.WriteBatch(ctx, Message{Binary, p}, Message{Text, nil}, Message{Binary, p[:len(p)/2]})
		case 5:
			if m, err := NewPrepared(Binary, p); err == nil {
				c.WritePrepared(ctx, m)
			}
		case 6:
			if w, err := c.Writer(ctx, Binary); err == nil {
				if len(p) > 20_000 {
					p = p[:20_000] // a stream that is cut ends the connection
				}
				w.Write(p)
				w.Close()
			}
		case 7, 8, 9:
			c.Read(ctx)
		case 10:
			for range c.Messages(ctx) {
				if rnd.IntN(3) == 0 {
					break
				}
			}
		case 11:
			if _, r, err := c.Reader(ctx); err == nil {
				io.CopyN(io.Discard, r, int64(rnd.IntN(1<<rnd.IntN(18))))
			}
		case 12:
			c.Ping(ctx)
		case 13:
			<-c.CloseRead(ctx).Done()
		case 14:
			n := NetConn(c, Binary)
			n.SetDeadline(time.Now().Add(time.Duration(rnd.IntN(1000)) * time.Microsecond))
			n.Read(p)
			n.Write(p)
		case 15:
			if _, err := ReadJSON[int](ctx, c); errors.Is(err, io.EOF) && c.Err() == nil {
				panic(fmt.Sprintf("an EOF of a connection that lives: %v", err))
			}
		}
		cancel()
	}
}
