package conn

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// methods are all that may fail, each with the error it returns. A context
// bounds those that wait.
var methods = map[string]func(ctx context.Context, c *Conn) error{
	"Read":       func(ctx context.Context, c *Conn) error { _, _, err := c.Read(ctx); return err },
	"AppendRead": func(ctx context.Context, c *Conn) error { _, _, err := c.AppendRead(ctx, nil); return err },
	"Messages": func(ctx context.Context, c *Conn) error {
		for _, err := range c.Messages(ctx) {
			return err
		}
		return c.Err() // the loop ended by itself
	},
	"Reader": func(ctx context.Context, c *Conn) error { _, _, err := c.Reader(ctx); return err },
	"CloseRead": func(ctx context.Context, c *Conn) error {
		ctx = c.CloseRead(ctx)
		<-ctx.Done()
		return cmpErr(c.Err(), ctx.Err())
	},
	"ReadJSON": func(ctx context.Context, c *Conn) error { _, err := ReadJSON[any](ctx, c); return err },
	"Write":    func(ctx context.Context, c *Conn) error { return c.Write(ctx, Text, []byte("x")) },
	"WriteBatch": func(ctx context.Context, c *Conn) error {
		return c.WriteBatch(ctx, Message{Text, []byte("x")}, Message{Binary, nil})
	},
	"WritePrepared": func(ctx context.Context, c *Conn) error {
		m, err := NewPrepared(Text, []byte("x"))
		return cmpErr(err, c.WritePrepared(ctx, m))
	},
	"TryWrite": func(_ context.Context, c *Conn) error { return c.TryWrite(Text, []byte("x")) },
	"TryWritePrepared": func(_ context.Context, c *Conn) error {
		m, err := NewPrepared(Text, []byte("x"))
		return cmpErr(err, c.TryWritePrepared(m))
	},
	"WriteJSON": func(ctx context.Context, c *Conn) error { return WriteJSON(ctx, c, 1) },
	"Writer": func(ctx context.Context, c *Conn) error {
		w, err := c.Writer(ctx, Text)
		if err != nil {
			return err
		}
		return w.Close()
	},
	"Ping": func(ctx context.Context, c *Conn) error { _, err := c.Ping(ctx); return err },
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// askAll calls what never fails.
func askAll(c *Conn) {
	c.Done()
	c.Context()
	c.Subprotocol()
	c.LocalAddr()
	c.RemoteAddr()
	c.Transport()
	c.Stats()
	c.Backlog()
	c.Latency()
}

// Every method in every situation: no panic, and the error that Err has. Where
// there is none yet, it works, or its ctx ends, or the stream is broken. And once
// there is one, it is the same for ever.
func TestEveryMethodInEverySituation(t *testing.T) {
	for situation, arrange := range situations {
		for method, call := range methods {
			t.Run(situation+"/"+method, func(t *testing.T) {
				play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
					arrange(t, c, p)
					synctest.Wait()
					askAll(c)
					before := c.Err()
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					err := call(ctx, c)
					if before != nil {
						require.Equal(t, before, err)
					} else {
						requireHarmless(t, err)
					}
					c.CloseNow()
					<-c.Done()
					askAll(c)
					for range 2 {
						require.Equal(t, c.Err(), call(context.Background(), c))
						require.Equal(t, c.Err(), call(ctx, c), "also if ctx has ended")
						require.Equal(t, c.Err(), call(c.Context(), c))
					}
				})
			})
		}
	}
}

func requireHarmless(t *testing.T, err error) {
	t.Helper()
	ended := err == nil || err == context.DeadlineExceeded
	broken := errors.Is(err, io.ErrUnexpectedEOF)
	require.True(t, ended || broken, "%T %v", err, err)
}

// The results of closing, in every situation: nil if Close frames have been
// exchanged, or why not; and again the same.
func TestCloseInEverySituation(t *testing.T) {
	for situation, arrange := range situations {
		t.Run(situation, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				arrange(t, c, p)
				synctest.Wait()
				begin := time.Now()
				closing := startClose(c, StatusNormalClosure, "")
				err := <-closing
				require.LessOrEqual(t, time.Since(begin), 5*time.Second)
				<-c.Done()
				require.Error(t, c.Err())
				require.Equal(t, err, c.Close(4000, ""))
				if situation == "closed by the peer" {
					require.NoError(t, err)
				} else {
					require.Error(t, err, "the peer has not answered")
				}
			})
		})
	}
}
