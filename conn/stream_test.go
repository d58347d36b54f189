package conn

import (
	"context"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

func TestReaderStreamsAMessage(t *testing.T) {
	whole := string(pattern(10_000))
	sizes := []int{1, 7, 4096, 10_001}
	for name, frames := range map[string][]wstest.Frame{
		"one frame": {wstest.Binary([]byte(whole))},
		"fragments": {wstest.Binary([]byte(whole[:5])).NoFin(), wstest.Ping("1"), wstest.Cont("").NoFin(),
			wstest.Cont(whole[5:5_000]).NoFin(), wstest.Ping("2"), wstest.Cont(whole[5_000:])},
		"last fragment empty": {wstest.Binary([]byte(whole)).NoFin(), wstest.Cont("")},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				for _, size := range sizes {
					sent := call(func() error { p.Send(frames...); p.Send(wstest.Text("next")); return nil })
					typ, r, err := c.Reader(t.Context())
					require.NoError(t, err)
					require.Equal(t, Binary, typ)
					require.Equal(t, whole, readInPieces(t, r, size))
					ways[0].want(t, c, received{Type: Text, Data: "next"})
					require.NoError(t, <-sent)
				}
			})
		})
	}
}

// readInPieces reads to the end, which has to be io.EOF without bytes, for ever.
func readInPieces(t *testing.T, r io.Reader, size int) string {
	t.Helper()
	var all []byte
	for buf := make([]byte, size); ; {
		n, err := r.Read(nil)
		require.Zero(t, n)
		if err == nil {
			n, err = r.Read(buf)
		}
		all = append(all, buf[:n]...)
		if err != nil {
			require.Same(t, io.EOF, err)
			_, err = r.Read(buf)
			require.Same(t, io.EOF, err)
			return string(all)
		}
		require.LessOrEqual(t, n, size)
	}
}

func TestReaderKeepsTheContractOfReaders(t *testing.T) {
	content := pattern(9000)
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Binary(content[:10]).NoFin(), wstest.Cont(string(content[10:8000])).NoFin(), wstest.Cont(string(content[8000:])))
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		require.NoError(t, iotest.TestReader(r, content))
	})
}

// A read of no bytes does not wait, and takes nothing.
func TestReaderWithNoRoom(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("a").NoFin())
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		for range 3 {
			n, err := r.Read(nil)
			require.NoError(t, err)
			require.Zero(t, n)
		}
		buf := make([]byte, 8)
		n, err := r.Read(buf)
		require.NoError(t, err)
		require.Equal(t, "a", string(buf[:n]))
		n, err = r.Read(buf[:0])
		require.NoError(t, err, "no byte is there, and none is asked for")
		require.Zero(t, n)
	})
}

// A message that was cut off is never a clean EOF, whoever ended the connection
// and how.
func TestTruncatedMessageIsNoCleanEOF(t *testing.T) {
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			for name, part := range map[string]wstest.Frame{"between fragments": wstest.Text("half").NoFin(), "fragment": wstest.Text("").NoFin()} {
				t.Run(name, func(t *testing.T) {
					play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
						p.Send(part, wstest.Cont("x").NoFin())
						_, r, err := c.Reader(t.Context())
						require.NoError(t, err)
						synctest.Wait()
						ending := call(func() error { time.Sleep(time.Second); e.do(p); return nil })
						got, err := io.ReadAll(r)
						<-ending
						require.Equal(t, string(part.Payload)+"x", string(got), "what came before the end is read")
						requireTruncated(t, c, r, err)
						e.check(t, c.Err())
					})
				})
			}
		})
	}
}

func requireTruncated(t *testing.T, c *Conn, r io.Reader, err error) {
	t.Helper()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, err, io.EOF)
	require.NotNil(t, c.Err())
	require.Equal(t, CloseStatus(c.Err()), CloseStatus(err), "the reason is seen through it")
	for range 2 {
		n, again := r.Read(make([]byte, 1))
		require.Zero(t, n)
		require.Equal(t, err, again)
	}
}

// The same when this side ends it.
func TestTruncatedByOurselves(t *testing.T) {
	for name, finish := range map[string]func(c *Conn) error{
		"Close":    func(c *Conn) error { return c.Close(StatusNormalClosure, "") },
		"CloseNow": (*Conn).CloseNow,
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				p.Send(wstest.Text("half").NoFin())
				_, r, err := c.Reader(t.Context())
				require.NoError(t, err)
				ending := call(func() error { return finish(c) })
				_, err = io.ReadAll(r)
				requireTruncated(t, c, r, err)
				p.Close()
				<-ending
			})
		})
	}
}

// The next read skips what is left, and from then on the old reader fails; it
// neither sees the next message nor an end.
func TestStaleReader(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text("first ").NoFin(), wstest.Cont("message"), wstest.Text("second"), wstest.Text("third"))
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		_, err = r.Read(make([]byte, 2))
		require.NoError(t, err)
		w.want(t, c, received{Type: Text, Data: "second"})
		requireStale(t, r)
		w.want(t, c, received{Type: Text, Data: "third"})
		requireStale(t, r)
		require.NoError(t, c.Err(), "that is the program's mistake, the connection is none the worse")
	})
}

func requireStale(t *testing.T, r io.Reader) {
	t.Helper()
	for range 2 {
		n, err := r.Read(make([]byte, 100))
		require.Zero(t, n)
		require.Equal(t, errStaleReader, err)
	}
}

// A reader is stale as soon as another read has begun to skip its message, even
// if that read is cancelled midway: there would be a hole in what it reads.
func TestReaderAfterCancelledSkip(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text("a").NoFin())
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		_, err = r.Read(make([]byte, 10))
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.Send(wstest.Cont("b").NoFin())
		require.Equal(t, received{Err: context.DeadlineExceeded}, w.receive(ctx, c))

		p.Send(wstest.Cont("c"), wstest.Text("next"))
		requireStale(t, r)
		w.want(t, c, received{Type: Text, Data: "next"})
	})
}

// A stream of which everything but the EOF was read is no obstacle.
func TestReaderThatWasNotReadToEOF(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text("all of it"), wstest.Text("next"))
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		_, err = io.ReadFull(r, make([]byte, len("all of it")))
		require.NoError(t, err)
		w.want(t, c, received{Type: Text, Data: "next"})
		requireStale(t, r)
	})
}

// If ctx ends while a Reader waits it is of no more use, the connection is.
func TestCancelledReader(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("a").NoFin())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, r, err := c.Reader(ctx)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.Equal(t, "a", string(got))
		require.Equal(t, context.DeadlineExceeded, err)
		p.Send(wstest.Cont("b"), wstest.Text("next"))
		_, err = r.Read(make([]byte, 1))
		require.Equal(t, context.DeadlineExceeded, err)
		ways[0].want(t, c, received{Type: Text, Data: "next"})
	})
}

// A message that has all come is complete, also if the connection has ended by
// the time the program asks whether there is more.
func TestCompleteMessageOnAnEndedConnection(t *testing.T) {
	for _, message := range []string{"", "all of it"} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			p.Send(wstest.Text(message))
			_, r, err := c.Reader(t.Context())
			require.NoError(t, err)
			_, err = io.ReadFull(r, make([]byte, len(message)))
			require.NoError(t, err)
			end(c)
			for range 2 {
				n, err := r.Read(make([]byte, 1))
				require.Zero(t, n)
				require.Same(t, io.EOF, err)
			}
		})
	}
}
