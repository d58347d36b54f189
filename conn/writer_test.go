package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// flusher is what the stream of Writer can do beside writing.
type flusher interface {
	io.WriteCloser
	Flush() error
}

func startWriter(t *testing.T, ctx context.Context, c *Conn) flusher {
	t.Helper()
	w, err := c.Writer(ctx, Text)
	require.NoError(t, err)
	return w.(flusher)
}

func write(t *testing.T, w io.Writer, s string) {
	t.Helper()
	n, err := io.WriteString(w, s)
	require.NoError(t, err)
	require.Equal(t, len(s), n)
}

// A message that fits in a fragment is one frame, a longer one is sent as it is
// written. RFC 6455, section 5.4.
func TestRule20WriterFragments(t *testing.T) {
	full := string(make([]byte, fragmentSize))
	for _, tt := range []struct {
		name   string
		writes []string
		want   []wstest.Frame
	}{
		{"nothing", nil, []wstest.Frame{wstest.Text("")}},
		{"empty writes", []string{"", ""}, []wstest.Frame{wstest.Text("")}},
		{"a short message", []string{"Hel", "", "lo"}, []wstest.Frame{wstest.Text("Hello")}},
		{"one byte less than a fragment", []string{full[1:]}, []wstest.Frame{wstest.Text(full[1:])}},
		{"exactly a fragment", []string{full}, []wstest.Frame{wstest.Text(full).NoFin(), wstest.Cont("")}},
		{"a fragment, collected", []string{"a", full[1:]}, []wstest.Frame{wstest.Text("a" + full[1:]).NoFin(), wstest.Cont("")}},
		{"one byte more than a fragment", []string{"a", full}, []wstest.Frame{wstest.Text("a" + full[1:]).NoFin(), wstest.Cont("\x00")}},
		{"a long write", []string{full + full + "b"}, []wstest.Frame{wstest.Text(full + full + "b").NoFin(), wstest.Cont("")}},
		{"a long write between short ones", []string{"a", full + full, "b"},
			[]wstest.Frame{wstest.Text("a" + full[1:]).NoFin(), wstest.Cont(full + "\x00").NoFin(), wstest.Cont("b")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				for range 2 {
					w := startWriter(t, t.Context(), c)
					for _, s := range tt.writes {
						write(t, w, s)
					}
					require.NoError(t, w.Close())
					p.Want("the message, in fragments that are sent as soon as they are full", tt.want...)
				}
				p.WantIdle("that is all")
			})
		})
	}
}

func TestWriterFlush(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		w := startWriter(t, t.Context(), c)
		require.NoError(t, w.Flush())
		write(t, w, "Hel")
		p.WantIdle("it is collected")
		require.NoError(t, w.Flush())
		p.Want("Flush sends what was collected", wstest.Text("Hel").NoFin())
		require.NoError(t, w.Flush())
		p.WantIdle("nothing to flush")
		write(t, w, "lo")
		require.NoError(t, w.Close())
		p.Want("the last fragment", wstest.Cont("lo"))
	})
}

// The stream is over when it is closed, and says so. The connection is not.
func TestWriterAfterClose(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		w := startWriter(t, t.Context(), c)
		require.NoError(t, w.Close())
		p.Want("an empty message", wstest.Text(""))
		for range 2 {
			require.Equal(t, errWriterDone, w.Close())
			require.Equal(t, errWriterDone, w.Flush())
			n, err := w.Write([]byte("x"))
			require.Zero(t, n)
			require.Equal(t, errWriterDone, err)
		}
		p.WantIdle("nothing of it is sent")
		require.NoError(t, c.Write(t.Context(), Text, []byte("next")))
		p.Want("the next message", wstest.Text("next"))
	})
}

// Control frames come between the fragments: pongs, pings, and in the end a
// Close frame. Other messages wait.
func TestRule20ControlFramesBetweenOurFragments(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		reading := startRead(t.Context(), c)
		w := startWriter(t, t.Context(), c)
		write(t, w, "a")
		require.NoError(t, w.Flush())
		p.Want("the first fragment", wstest.Text("a").NoFin())

		other := call(func() error { return c.Write(t.Context(), Binary, []byte("other")) })
		notYet(t, other, "a message waits until the stream is closed")
		stream := call(func() error { _, err := c.Writer(t.Context(), Text); return err })
		p.Send(wstest.Ping("?"))
		p.Want("a pong passes between fragments", wstest.Pong("?"))
		pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
		ping := p.Next("a ping too")
		p.Send(wstest.Op(frame.Pong, ping.Payload))
		require.NoError(t, <-pinging)
		notYet(t, other, "the message waits on")
		notYet(t, stream, "and so does another stream")

		write(t, w, "b")
		require.NoError(t, w.Close())
		p.Want("the rest, and then what waited", wstest.Cont("b"), wstest.Binary([]byte("other")))
		require.NoError(t, <-other)
		require.NoError(t, <-stream)

		closing := call(func() error { return c.Close(StatusNormalClosure, "") })
		p.WantClose("a Close frame does not wait for the stream that is open", StatusNormalClosure)
		p.Send(wstest.Close(StatusNormalClosure, ""))
		p.CloseWrite()
		require.NoError(t, <-closing)
		require.ErrorIs(t, (<-reading).Err, net.ErrClosed)
	})
}

// A stream of which nothing was sent leaves no trace when ctx ends.
func TestWriterIsCancelledBeforeItsFirstByte(t *testing.T) {
	for name, use := range map[string]func(w flusher) error{
		"Close": func(w flusher) error { return w.Close() },
		"Flush": func(w flusher) error { return w.Flush() },
		"Write": func(w flusher) error { _, err := w.Write(make([]byte, fragmentSize)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				ctx, cancel := context.WithCancel(t.Context())
				w := startWriter(t, ctx, c)
				write(t, w, "never sent")
				waiting := call(func() error { return c.Write(t.Context(), Text, []byte("next")) })
				cancel()
				notYet(t, waiting, "the stream is still open")
				require.Equal(t, context.Canceled, use(w))
				require.NoError(t, <-waiting)
				p.Want("only what waited", wstest.Text("next"))
				require.Equal(t, context.Canceled, w.Close())
				_, err := w.Write([]byte("x"))
				require.Equal(t, context.Canceled, err)
				p.WantIdle("no trace of the stream")
				require.NoError(t, c.Err())
			})
		})
	}
}

// The same where the first fragment waits for the transport.
func TestWriterIsCancelledInItsFirstFragment(t *testing.T) {
	for _, role := range roles {
		for _, at := range []int{0, 1, 5} {
			t.Run(fmt.Sprintf("%v/%d", role, at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, p, open := blocked(t, role, nil, at)
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					w := startWriter(t, ctx, c)
					write(t, w, "hello")
					require.Equal(t, context.DeadlineExceeded, w.Flush())
					if at == 0 {
						open()
						require.NoError(t, c.Write(t.Context(), Text, []byte("next")))
						p.Want("no trace of the stream", wstest.Text("next"))
						require.NoError(t, c.Err())
						return
					}
					require.Equal(t, context.DeadlineExceeded, w.Close())
					open()
					p.Want("the frame is completed", wstest.Text("hello").NoFin())
					p.WantClose("the message is not, and must not look whole", StatusInternalError)
					require.ErrorIs(t, c.Err(), net.ErrClosed)
					require.Equal(t, StatusInternalError, CloseStatus(c.Err()))
				})
			})
		}
	}
}

// A message that can no longer be completed ends the connection.
func TestWriterIsCancelledMidway(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		ctx, cancel := context.WithCancel(t.Context())
		w := startWriter(t, ctx, c)
		write(t, w, "half")
		require.NoError(t, w.Flush())
		p.Want("half of it", wstest.Text("half").NoFin())
		waiting := call(func() error { return c.Write(t.Context(), Text, []byte("never sent")) })
		synctest.Wait()
		cancel()
		require.Equal(t, context.Canceled, w.Close())
		p.WantClose("half a message must not look whole", StatusInternalError)
		require.ErrorIs(t, <-waiting, net.ErrClosed)
		require.Equal(t, c.Err(), c.Write(t.Context(), Text, nil))
		p.Send(wstest.Close(StatusInternalError, ""))
		p.CloseWrite()
		<-c.Done()
		require.NoError(t, c.Close(StatusNormalClosure, ""), "Close frames were exchanged")
	})
}

// A last fragment that was cut completes the message.
func TestWriterIsCancelledInItsLastFragment(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, nil, 3)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			w := startWriter(t, ctx, c)
			write(t, w, "whole")
			require.Equal(t, context.DeadlineExceeded, w.Close())
			open()
			require.NoError(t, c.Write(t.Context(), Text, []byte("next")))
			p.Want("the message is whole, and others follow", wstest.Text("whole"), wstest.Text("next"))
			require.NoError(t, c.Err())
		})
	}
}

// Whoever waits for its turn to stream can be cancelled.
func TestWaitingForTheTurnToStream(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		first := startWriter(t, t.Context(), c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Writer(ctx, Text)
		require.Equal(t, context.DeadlineExceeded, err)
		require.NoError(t, first.Close())
		require.NoError(t, startWriter(t, t.Context(), c).Close())
		p.Want("the first and the last", wstest.Text(""), wstest.Text(""))
		p.WantIdle("not the one that was cancelled")
	})
}

// The end of the connection ends a stream.
func TestWriterOnAnEndedConnection(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		w := startWriter(t, t.Context(), c)
		write(t, w, "half")
		waiting := call(func() error { _, err := c.Writer(t.Context(), Text); return err })
		synctest.Wait()
		p.Send(wstest.Close(StatusGoingAway, ""))
		want := read(t.Context(), c).Err
		require.ErrorIs(t, want, &CloseError{Code: StatusGoingAway})
		require.Equal(t, want, <-waiting)
		require.Equal(t, want, w.Close())
		_, err := w.Write([]byte("x"))
		require.Equal(t, want, err)
		_, err = c.Writer(t.Context(), Text)
		require.Equal(t, want, err)
		p.WantClose("the echo, and nothing of the stream", StatusGoingAway)
	})
}

// Large fragments of a server are sent from where they lie: the caller has its
// bytes back when Write returns.
func TestWriterLargeFragments(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		writing := call(func() error {
			w, err := c.Writer(t.Context(), Binary)
			for n := range 3 {
				part := pattern(maxDirect + n)
				_, werr := w.Write(part)
				clear(part)
				err = errors.Join(err, werr)
			}
			return errors.Join(err, w.Close())
		})
		want := append(append(pattern(maxDirect), pattern(maxDirect+1)...), pattern(maxDirect+2)...)
		p.WantMessage("all of it", frame.Binary, want)
		require.NoError(t, <-writing)
	})
}
