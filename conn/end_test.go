package conn

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// situations are the states in which CloseNow may find a connection.
var situations = map[string]func(t *testing.T, c *Conn, p *wstest.Peer){
	"fresh":   func(*testing.T, *Conn, *wstest.Peer) {},
	"reading": func(t *testing.T, c *Conn, p *wstest.Peer) { startRead(t.Context(), c) },
	"streaming": func(t *testing.T, c *Conn, p *wstest.Peer) {
		startWriter(t, t.Context(), c)
		p.Send(wstest.Text("half").NoFin())
		_, _, err := c.Reader(t.Context())
		require.NoError(t, err)
	},
	"writing": func(t *testing.T, c *Conn, p *wstest.Peer) {
		c.Transport().(*wstest.Conn).SetBuffer(5)
		for range 3 {
			call(func() error { return c.Write(t.Context(), Binary, pattern(100_000)) })
		}
	},
	"a write was cut": func(t *testing.T, c *Conn, p *wstest.Peer) {
		c.Transport().(*wstest.Conn).SetBuffer(5)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, c.Write(ctx, Binary, pattern(100_000)))
	},
	"owing pongs": func(t *testing.T, c *Conn, p *wstest.Peer) {
		c.Transport().(*wstest.Conn).SetBuffer(5)
		startRead(t.Context(), c)
		p.Send(wstest.Ping("1"), wstest.Ping("2"))
	},
	"pinging": func(t *testing.T, c *Conn, p *wstest.Peer) {
		call(func() error { _, err := c.Ping(t.Context()); return err })
	},
	"closing": func(t *testing.T, c *Conn, p *wstest.Peer) { startClose(c, StatusNormalClosure, "") },
	"closing, blocked": func(t *testing.T, c *Conn, p *wstest.Peer) {
		c.Transport().(*wstest.Conn).SetBuffer(1)
		startClose(c, StatusNormalClosure, "")
	},
	"closed by the peer": func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Close(StatusGoingAway, ""))
		require.Error(t, read(t.Context(), c).Err)
	},
	"closed by the peer, blocked": func(t *testing.T, c *Conn, p *wstest.Peer) {
		c.Transport().(*wstest.Conn).SetBuffer(1)
		p.Send(wstest.Close(StatusGoingAway, ""))
		require.Error(t, read(t.Context(), c).Err)
	},
	"failed": func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("").Rsv(1))
		require.Error(t, read(t.Context(), c).Err)
	},
	"lost": func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Close()
		require.Error(t, read(t.Context(), c).Err)
	},
	"broken": func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Reset()
		require.Error(t, c.Write(t.Context(), Text, nil))
	},
	"ended by CloseNow": func(t *testing.T, c *Conn, p *wstest.Peer) { require.NoError(t, c.CloseNow()) },
}

// CloseNow never blocks, and ends everything that is under way. What was the
// reason before remains it.
func TestRule28CloseNow(t *testing.T) {
	for name, arrange := range situations {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				arrange(t, c, p)
				synctest.Wait()
				before := c.Err()
				begin := time.Now()
				for range 3 {
					require.NoError(t, c.CloseNow())
				}
				<-c.Done()
				synctest.Wait()
				require.Zero(t, time.Since(begin))
				if before == nil {
					require.Equal(t, "conn: CloseNow was called: use of closed network connection", c.Err().Error())
					require.Equal(t, StatusAbnormalClosure, CloseStatus(c.Err()))
				} else {
					require.Same(t, before, c.Err(), "the reason does not change any more")
				}
			})
		})
	}
}

// Done, Err and Context tell of the end, whenever one asks, and agree.
func TestDoneErrContext(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		done, ctx := c.Done(), c.Context()
		require.Equal(t, done, c.Done())
		require.Equal(t, ctx, c.Context())
		p.Send(wstest.Close(StatusGoingAway, "lunch"))
		err := read(ctx, c).Err
		require.Equal(t, err, c.Err())
		synctest.Wait()
		select {
		case <-done:
			t.Error("the TCP connection is open yet")
		case <-ctx.Done():
			t.Error("the TCP connection is open yet")
		default:
		}
		p.Close()
		<-done
		<-ctx.Done()
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, err, context.Cause(ctx))
		require.Equal(t, err, c.Err())
	})
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		c.CloseNow()
		<-c.Done() // asked for only now
		<-c.Context().Done()
		require.Equal(t, c.Err(), context.Cause(c.Context()))
	})
}

// Under the connection's own context too, the connection's end is the error, and
// not that its context has ended.
func TestEndedConnectionUnderItsOwnContext(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		waiting := []<-chan error{
			call(func() error { return read(ctx, c).Err }),
			call(func() error { return read(ctx, c).Err }),
			call(func() error { _, err := c.Ping(ctx); return err }),
			call(func() error {
				startWriter(t, ctx, c)
				_, err := c.Writer(ctx, Text)
				return err
			}),
		}
		synctest.Wait()
		c.CloseNow()
		want := c.Err()
		for i, w := range waiting {
			require.Equal(t, want, <-w, "method %d", i)
		}
		<-ctx.Done()
		for _, w := range ways {
			require.Equal(t, want, w.receive(ctx, c).Err, w.name)
		}
		require.Equal(t, want, c.Write(ctx, Text, nil))
		_, err := c.Writer(ctx, Text)
		require.Equal(t, want, err)
		_, err = c.Ping(ctx)
		require.Equal(t, want, err)
	})
}

// Closing begun without waiting for it is seen to its end by whoever has the turn
// to read, also if that is just giving it up.
func TestEveryCloseIsSeenToItsEnd(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.True(t, c.takeTurn(nil, alive), "a reader has its message, and has not returned yet")
		c.beginClose(StatusGoingAway, "")
		c.giveTurn(false)
		p.WantClose("our Close frame", StatusGoingAway)
		p.Send(wstest.Close(StatusGoingAway, ""))
		p.CloseWrite()
		begin := time.Now()
		require.NoError(t, c.Close(StatusNormalClosure, ""))
		require.Zero(t, time.Since(begin), "the peer's Close frame was read at once")
	})
}

// A server that fails a connection while the peer is still sending must not
// reset it: the Close frame would be lost. The kernel's own behaviour counts
// here, so this is over TCP. RFC 6455, section 7.1.1.
func TestRule28CloseFrameSurvivesUnreadData(t *testing.T) {
	for name, first := range map[string]wstest.Frame{
		"broken rule": wstest.Op(frame.Opcode(3), nil),
		"Close":       wstest.Close(StatusNormalClosure, ""),
	} {
		t.Run(name, func(t *testing.T) {
			client, server := tcpPair(t)
			c := New(upgraded(server, frame.Server), nil)
			defer end(c)
			p := wstest.NewPeer(t, client, frame.Client)
			p.Send(first)
			p.Send(wstest.Binary(pattern(200_000)), wstest.Text("and more"))
			require.Error(t, read(t.Context(), c).Err)
			p.Send(wstest.Text("and still more"))
			f := p.Next("the Close frame, though there were unread bytes")
			require.Equal(t, frame.Close, f.Opcode)
			p.WantEOF("and then the end, not a reset")
			p.Close()
			<-c.Done()
		})
	}
}

// Both roles over TCP, from both sides, with data under way.
func TestRule28ClosingHandshakeOverTCP(t *testing.T) {
	for _, byClient := range []bool{true, false} {
		client, server := connPair(t, nil)
		first, second := client, server
		if !byClient {
			first, second = server, client
		}
		writing := call(func() error {
			for {
				if err := second.Write(context.Background(), Binary, pattern(10_000)); err != nil {
					return err
				}
			}
		})
		reading := call(func() error {
			for _, err := range second.Messages(context.Background()) {
				if err != nil {
					return err
				}
			}
			return second.Err()
		})
		require.NoError(t, ways[0].receive(t.Context(), first).Err)
		require.NoError(t, first.Close(StatusGoingAway, "bye"))
		require.Equal(t, &CloseError{Code: StatusGoingAway, Reason: "bye"}, <-reading)
		require.Equal(t, second.Err(), <-writing)
		require.NoError(t, second.Close(StatusNormalClosure, ""))
	}
}

// The stream beneath may be closed behind our back.
func TestTransportIsClosedUnderneath(t *testing.T) {
	for _, role := range roles {
		nc, other := tcpPair(t)
		defer other.Close()
		c := New(upgraded(nc, role), nil)
		reading := startRead(t.Context(), c)
		require.NoError(t, nc.Close())
		require.ErrorIs(t, (<-reading).Err, io.ErrUnexpectedEOF)
		require.ErrorIs(t, c.Err(), net.ErrClosed)
		require.Error(t, c.Write(t.Context(), Text, nil))
		require.Error(t, c.Close(StatusNormalClosure, ""))
		require.NoError(t, c.CloseNow())
	}
}

// failingClose is a stream on which Close returns an error.
type failingClose struct {
	net.Conn
	err error
}

func (nc failingClose) Close() error {
	_ = nc.Conn.Close()
	return nc.err
}

// CloseNow says how the stream took it, unless that was closed before.
func TestCloseNowReturnsTheErrorOfTheStream(t *testing.T) {
	for _, tt := range []struct{ err, want error }{
		{io.ErrClosedPipe, io.ErrClosedPipe},
		{nil, nil},
		{net.ErrClosed, nil},
		{&net.OpError{Op: "close", Net: "tcp", Err: net.ErrClosed}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			nc, _ := wstest.Pipe()
			c := New(upgraded(failingClose{nc, tt.err}, frame.Server), calm(nil))
			require.Equal(t, tt.want, c.CloseNow())
			require.NoError(t, c.CloseNow(), "there is nothing to be done any more")
			<-c.Done()
		})
	}
}

// A state is never left for an earlier one.
func TestStatesAreLeftForward(t *testing.T) {
	legal := map[[2]lifetime]bool{
		{alive, closing}: true, {alive, parting}: true, {alive, dead}: true,
		{closing, parting}: true, {closing, dead}: true,
		{parting, lingering}: true, {parting, dead}: true, {lingering, dead}: true,
	}
	for from := alive; from <= dead; from++ {
		for to := alive; to <= dead; to++ {
			c := new(Conn)
			c.state.Store(uint32(from))
			if legal[[2]lifetime{from, to}] {
				require.NotPanics(t, func() { c.setState(to) })
				require.Equal(t, to, c.now())
				continue
			}
			require.PanicsWithValue(t, "BUG: a connection cannot go from "+from.String()+" to "+to.String(), func() { c.setState(to) })
		}
	}
	require.Panics(t, func() { _ = lifetime(99).String() })
}

// All who wait to read are told of the end at once, not only the one whose turn
// it is: also while the TCP connection goes on to live for a while.
func TestAllReadersAreToldAtOnce(t *testing.T) {
	for name, finish := range map[string]func(c *Conn, p *wstest.Peer){
		"by the peer": func(_ *Conn, p *wstest.Peer) { p.Send(wstest.Close(StatusGoingAway, "")) },
		"failed":      func(_ *Conn, p *wstest.Peer) { p.Send(wstest.Text("").Rsv(1)) },
		"by us":       func(c *Conn, _ *wstest.Peer) { startClose(c, StatusGoingAway, "") },
		"at once":     func(c *Conn, _ *wstest.Peer) { c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
					var reading []<-chan received
					for range 5 {
						reading = append(reading, startRead(t.Context(), c))
					}
					synctest.Wait()
					begin := time.Now()
					finish(c, p)
					for _, r := range reading {
						err := (<-r).Err
						require.Error(t, err)
						require.Equal(t, c.Err(), err)
					}
					require.Zero(t, time.Since(begin))
				})
			}
		})
	}
}

// The same over TCP, where others are the first.
func TestAllReadersAreToldAtOnceOverTCP(t *testing.T) {
	for range 100 {
		nc, other := tcpPair(t)
		c := New(upgraded(nc, frame.Client), &Config{CloseTimeout: time.Hour})
		p := wstest.NewPeer(t, other, frame.Server)
		var reading []<-chan received
		for range 5 {
			reading = append(reading, startRead(t.Context(), c))
		}
		p.Send(wstest.Close(StatusGoingAway, ""))
		for _, r := range reading {
			require.ErrorIs(t, (<-r).Err, io.EOF) // or the test takes an hour
		}
		p.Close()
		<-c.Done()
	}
}
