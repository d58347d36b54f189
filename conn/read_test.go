package conn

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestReadAnyLength(t *testing.T) {
	everyWay(t, &Config{MaxMessage: -1}, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		for _, n := range []int{0, 1, 125, 126, 4095, 4096, 4097, 65535, 65536, 300_000} {
			go p.Conn().Write(wstest.Binary(pattern(n)).Wire(nil, peerOf(c.out.role), frame.Key{1, 2, 3, 4}))
			w.want(t, c, received{Type: Binary, Data: string(pattern(n))})
		}
	})
}

func TestZeroLengthMessageIsAMessage(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text(""), wstest.Text("").NoFin(), wstest.Cont("").NoFin(), wstest.Cont(""), wstest.Binary(nil))
		w.want(t, c, received{Type: Text}, received{Type: Text}, received{Type: Binary})
		p.Send(wstest.Text(""))
		typ, data, err := w.next(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, Text, typ)
		require.NotNil(t, data)
	})
}

func TestRule22LimitInEveryWay(t *testing.T) {
	everyWay(t, &Config{MaxMessage: 10}, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text("0123456789"), wstest.Text("0123").NoFin(), wstest.Pong("uncounted"), wstest.Cont("456789"))
		w.want(t, c, received{Type: Text, Data: "0123456789"}, received{Type: Text, Data: "0123456789"})
		// Of the message that is too long there is only a header.
		p.SendWire(head(c.out.role, frame.Binary, true, 11))
		m := w.receive(t.Context(), c)
		require.ErrorIs(t, m.Err, &ProtocolError{Code: StatusMessageTooBig})
		p.WantClose("the header says enough", StatusMessageTooBig)
	})
}

// A length that is declared allocates nothing. Rule 22 in numbers: a
// message of 4 EiB is announced, and a few bytes of it come.
func TestRule22DeclaredLengthAllocatesNothing(t *testing.T) {
	everyWay(t, &Config{MaxMessage: -1}, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.SendWire(append(head(c.out.role, frame.Binary, true, math.MaxInt64), "a few bytes"...))
		reading := make(chan received, 1)
		allocated := allocatedBy(func() {
			go func() { reading <- w.receive(t.Context(), c) }()
			synctest.Wait()
		})
		require.Less(t, allocated, uint64(128<<10))
		p.Close()
		require.ErrorIs(t, (<-reading).Err, io.ErrUnexpectedEOF)
	})
}

func TestAppendReadContract(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		ctx := t.Context()
		p.Send(wstest.Text("one"), wstest.Text("exact"), wstest.Text("two").NoFin(), wstest.Cont("three"), wstest.Text(""))

		room := make([]byte, 4, 64)
		copy(room, "pre:")
		_, got, err := c.AppendRead(ctx, room)
		require.NoError(t, err)
		require.Equal(t, "pre:one", string(got))
		require.Same(t, &room[0], &got[0], "there was room, nothing has to be allocated")

		exact := make([]byte, 3, 3+len("exact"))
		_, got, err = c.AppendRead(ctx, exact)
		require.NoError(t, err)
		require.Same(t, &exact[0], &got[0], "just enough room is enough")

		_, got, err = c.AppendRead(ctx, slices.Clip([]byte("pre:")))
		require.NoError(t, err)
		require.Equal(t, "pre:twothree", string(got))

		_, got, err = c.AppendRead(ctx, nil)
		require.NoError(t, err)
		require.NotNil(t, got)
		require.Empty(t, got)

		p.Send(wstest.Text("half").NoFin())
		cancelled, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		for range 2 { // when cancelled, and when cancelled before it began
			_, got, err = c.AppendRead(cancelled, room)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, "pre:", string(got))
			require.Same(t, &room[0], &got[0])
		}
		p.Close()
		_, got, err = c.AppendRead(ctx, room)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, "pre:", string(got))
	})
}

// Two readers are serialised: every message goes to one of them, as a whole, and
// each reader sees them in their order.
func TestConcurrentReaders(t *testing.T) {
	const messages = 200
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		var all sync.Map
		var readers sync.WaitGroup
		for _, w := range slices.Concat(ways, ways) {
			readers.Go(func() {
				for last := -1; ; {
					m := w.receive(t.Context(), c)
					if m.Err != nil {
						return
					}
					var n int
					if _, err := fmt.Sscanf(m.Data, "message %d", &n); err != nil || n <= last {
						t.Errorf("%q after %d", m.Data, last)
					}
					last = n
					if _, twice := all.LoadOrStore(n, true); twice {
						t.Errorf("message %d was read twice", n)
					}
				}
			})
		}
		read := 0
		for i := range messages {
			s := fmt.Sprintf("message %d", i)
			p.Send(wstest.Text(s[:3]).NoFin(), wstest.Ping(""), wstest.Cont(s[3:]))
			p.Want("each ping has its pong", wstest.Pong(""))
		}
		p.Close()
		readers.Wait()
		all.Range(func(any, any) bool { read++; return true })
		// Two calls of Reader may lie between each other's reads, and skip.
		require.LessOrEqual(t, read, messages)
		require.Greater(t, read, messages/2)
	})
}

// A reader that waits for another one can be cancelled, and does not see what
// that one reads.
func TestWaitingReaderIsCancelled(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		first := startRead(t.Context(), c)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, received{Err: context.DeadlineExceeded}, read(ctx, c))
		notYet(t, first, "the first goes on waiting")
		p.Send(wstest.Text("hello"))
		require.Equal(t, received{Type: Text, Data: "hello"}, <-first)
	})
}

// ends are all the ways in which the peer can end the connection, with the
// class of the error.
var ends = []struct {
	name  string
	do    func(p *wstest.Peer)
	check func(t *testing.T, err error)
}{
	{"close 1000", func(p *wstest.Peer) { p.Send(wstest.Close(1000, "bye")) }, func(t *testing.T, err error) {
		require.Equal(t, &CloseError{Code: StatusNormalClosure, Reason: "bye"}, err)
	}},
	{"close 4000", func(p *wstest.Peer) { p.Send(wstest.Close(4000, "")) }, func(t *testing.T, err error) {
		require.Equal(t, &CloseError{Code: 4000}, err)
	}},
	{"empty close", func(p *wstest.Peer) { p.Send(wstest.EmptyClose()) }, func(t *testing.T, err error) {
		require.Equal(t, &CloseError{Code: StatusNoStatusReceived}, err)
	}},
	{"end of TCP", (*wstest.Peer).Close, func(t *testing.T, err error) {
		require.Equal(t, &CloseError{Code: StatusAbnormalClosure}, err)
	}},
	{"reset", (*wstest.Peer).Reset, func(t *testing.T, err error) {
		require.ErrorIs(t, err, &CloseError{Code: StatusAbnormalClosure})
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}},
	{"broken rule", func(p *wstest.Peer) { p.Send(wstest.Text("").Rsv(2)) }, func(t *testing.T, err error) {
		require.ErrorIs(t, err, &ProtocolError{Code: StatusProtocolError, Section: "5.2"})
	}},
}

// Once the connection has ended, every read returns the same error.
func TestSameErrorForEver(t *testing.T) {
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
				p.Send(wstest.Text("before"))
				w.want(t, c, received{Type: Text, Data: "before"})
				require.NoError(t, c.Err())
				e.do(p)
				first := w.receive(t.Context(), c).Err
				require.Error(t, first)
				err := c.Err()
				e.check(t, err)
				for range 3 {
					require.Equal(t, first, w.receive(t.Context(), c).Err)
					require.Equal(t, err, read(t.Context(), c).Err)
					require.Same(t, err, c.Err())
				}
			})
		})
	}
}

// Whole messages that came before the end are read, whatever comes behind them
// in the same segment.
func TestMessagesBeforeTheEndAreRead(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text("one"), wstest.Text("two"), wstest.Close(StatusGoingAway, ""), wstest.Text("after"))
		p.CloseWrite()
		w.want(t, c, received{Type: Text, Data: "one"}, received{Type: Text, Data: "two"})
		require.Error(t, w.receive(t.Context(), c).Err)
		require.Equal(t, &CloseError{Code: StatusGoingAway}, c.Err())
	})
}

// A peer that ends between the fragments of a message with a normal closure has
// not sent the message.
func TestCloseInsideAMessage(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text("half").NoFin(), wstest.Close(StatusNormalClosure, ""))
		m := w.receive(t.Context(), c)
		require.Error(t, m.Err)
		require.Empty(t, m.Data)
		p.WantClose("a Close frame may come between fragments: RFC 6455, section 5.4", StatusNormalClosure)
	})
}

// A flood of tiny fragments takes linear time, and memory for what has arrived:
// also where the message is too big for the pool of buffers.
func TestRule23FloodOfTinyFragments(t *testing.T) {
	const fragments = 20_000
	everyWay(t, &Config{MaxMessage: -1}, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		for _, before := range []int{0, 2 << 20} {
			role := peerOf(c.out.role)
			wire := wstest.Binary(make([]byte, before)).NoFin().Wire(nil, role, frame.Key{})
			for range fragments {
				wire = wstest.Cont("x").NoFin().Wire(wire, role, frame.Key{})
				wire = wstest.Cont("").NoFin().Wire(wire, role, frame.Key{})
			}
			wire = wstest.Cont("x").Wire(wire, role, frame.Key{})
			go p.Conn().Write(wire)
			allocated := allocatedBy(func() {
				m := w.receive(t.Context(), c)
				require.NoError(t, m.Err)
				require.Len(t, m.Data, before+fragments+1)
			})
			require.Less(t, allocated, uint64(12*(before+fragments)+(2<<20)))
		}
	})
}
