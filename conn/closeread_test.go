package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// With CloseRead a program that only writes does its duty: Pings are answered,
// Pongs are seen, and messages of the peer are dropped.
func TestCloseReadServesControlFrames(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		ctx := c.CloseRead(t.Context())
		long := strings.Repeat("x", 100_000)
		p.Send(wstest.Ping("1"), wstest.Text("dropped"), wstest.Text("in pie").NoFin(), wstest.Ping("2"), wstest.Cont("ces"))
		go p.Send(wstest.Text(long), wstest.Ping("3"))
		p.Want("the Pongs", wstest.Pong("1"), wstest.Pong("2"), wstest.Pong("3"))
		pinging := call(func() error { _, err := c.Ping(ctx); return err })
		p.Send(wstest.Pong(string(p.Next("our Ping").Payload)))
		require.NoError(t, <-pinging)
		require.NoError(t, c.Write(ctx, Text, []byte("we only write")))
		p.Want("what we write", wstest.Text("we only write"))
		require.NoError(t, ctx.Err())
	})
}

type contextKey struct{}

// The end of the connection ends the context, with the reason as its cause.
func TestCloseReadSeesTheEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(c *Conn, p *wstest.Peer)
		want error
	}{
		"the peer closes": {func(c *Conn, p *wstest.Peer) {
			p.Send(wstest.Close(StatusGoingAway, "bye"))
			p.WantClose("the answer", StatusGoingAway)
			p.Close()
		}, &CloseError{Code: StatusGoingAway, Reason: "bye"}},
		"the peer is gone":      {func(_ *Conn, p *wstest.Peer) { p.Close() }, io.ErrUnexpectedEOF},
		"the peer breaks rules": {func(_ *Conn, p *wstest.Peer) { p.Send(wstest.Cont("")) }, &ProtocolError{Code: StatusProtocolError}},
		"invalid text":          {func(_ *Conn, p *wstest.Peer) { p.Send(wstest.Text("\xff")) }, &ProtocolError{Code: StatusInvalidPayload}},
		"too long":              {func(_ *Conn, p *wstest.Peer) { p.Send(wstest.Text(strings.Repeat("x", 101))) }, &ProtocolError{Code: StatusMessageTooBig}},
		"CloseNow":              {func(c *Conn, _ *wstest.Peer) { c.CloseNow() }, net.ErrClosed},
		"Close": {func(c *Conn, p *wstest.Peer) {
			done := make(chan error)
			go func() { done <- c.Close(StatusNormalClosure, "") }()
			p.WantClose("our Close", StatusNormalClosure)
			p.Send(wstest.EmptyClose())
			p.CloseWrite()
			<-done
		}, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, &Config{MaxMessage: 100}, func(t *testing.T, c *Conn, p *wstest.Peer) {
				ctx := c.CloseRead(context.WithValue(t.Context(), contextKey{}, "value"))
				require.Equal(t, "value", ctx.Value(contextKey{}), "it is derived from ctx")
				synctest.Wait()
				tt.end(c, p)
				<-ctx.Done()
				select {
				case <-c.Done():
				default:
					t.Error("the connection is not over yet")
				}
				require.Equal(t, context.Canceled, ctx.Err())
				require.ErrorIs(t, context.Cause(ctx), tt.want)
				require.Equal(t, c.Err(), context.Cause(ctx))
				again := c.CloseRead(t.Context())
				<-again.Done()
				require.Equal(t, c.Err(), context.Cause(again), "so it is with a connection that has ended before")
			})
		})
	}
}

// When ctx ends, only the reading does. What was begun to be dropped is dropped,
// and other readers go on behind it.
func TestCloseReadUntilContextEnds(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		for _, begun := range []string{"", "a message that was"} {
			ctx, cancel := context.WithCancel(t.Context())
			reading := c.CloseRead(ctx)
			synctest.Wait()
			p.Send(wstest.Text("dropped"))
			if begun != "" {
				p.Send(wstest.Text(begun).NoFin())
			}
			other := make(chan received, 1)
			go func() { other <- w.receive(t.Context(), c) }()
			notYet(t, other, "other readers wait")
			cancel()
			synctest.Wait()
			require.Equal(t, context.Canceled, context.Cause(reading))
			if begun != "" {
				p.Send(wstest.Cont("begun is dropped to its end"))
			}
			p.Send(wstest.Text("and the next one is read"))
			require.Equal(t, received{Type: Text, Data: "and the next one is read"}, <-other)
			require.NoError(t, c.Err())
		}
	})
}

// A message that was read in part, or was begun by a read that was cancelled, is
// dropped too.
func TestCloseReadInsideAMessage(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("one ").NoFin())
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		n, err := r.Read(make([]byte, 2))
		require.NoError(t, err)
		require.Equal(t, 2, n)
		ctx, cancel := context.WithCancel(t.Context())
		c.CloseRead(ctx)
		p.Send(wstest.Cont("two"), wstest.Text("three").NoFin())
		synctest.Wait()
		cancel()
		synctest.Wait()
		_, err = r.Read(make([]byte, 2))
		require.Equal(t, errStaleReader, err, "its message is gone")
		p.Send(wstest.Cont("four"), wstest.Text("five"), wstest.Text("six").NoFin())
		require.Equal(t, received{Type: Text, Data: "five"}, read(t.Context(), c))

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, context.DeadlineExceeded, read(short, c).Err, "this has collected six")
		ctx, cancel = context.WithCancel(t.Context())
		c.CloseRead(ctx)
		p.Send(wstest.Cont("seven"))
		synctest.Wait()
		cancel()
		synctest.Wait()
		p.Send(wstest.Text("eight"))
		require.Equal(t, received{Type: Text, Data: "eight"}, read(t.Context(), c))
	})
}

// A ctx that has ended reads nothing and harms nothing.
func TestCloseReadUnderEndedContext(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("why")
		cancel(why)
		<-c.CloseRead(ctx).Done()
		require.Equal(t, why, context.Cause(c.CloseRead(ctx)), "the cause is that of ctx")
		p.Send(wstest.Text("hello"))
		require.Equal(t, received{Type: Text, Data: "hello"}, read(t.Context(), c))
	})
}

// Twice is as good as once, and c.Context() will do.
func TestCloseReadTwice(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		one, two := c.CloseRead(c.Context()), c.CloseRead(c.Context())
		p.Send(wstest.Ping("?"))
		p.Want("the Pong", wstest.Pong("?"))
		end(c)
		<-one.Done()
		<-two.Done()
		require.ErrorIs(t, context.Cause(one), net.ErrClosed)
		require.ErrorIs(t, context.Cause(two), net.ErrClosed)
	})
}
