package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

func startClose(c *Conn, code StatusCode, reason string) <-chan error {
	return call(func() error { return c.Close(code, reason) })
}

// RFC 6455, section 7.1.2, from this side: our Close, the peer's, the end of TCP,
// in which the server goes first.
func TestRule28CloseByUs(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		closing := startClose(c, StatusGoingAway, "bye")
		require.Equal(t, "bye", p.WantClose("our Close frame", StatusGoingAway))
		p.WantIdle("the peer's is awaited, the stream is not ended")
		require.ErrorIs(t, c.Err(), net.ErrClosed)
		p.Send(wstest.Close(StatusGoingAway, ""))
		seeTCPToItsEnd(t, c, p)
		require.NoError(t, <-closing)
		require.Equal(t, StatusGoingAway, CloseStatus(c.Err()))
		require.NoError(t, c.Close(StatusNormalClosure, ""), "the same result for ever")
		require.NoError(t, c.CloseNow())
	})
}

// RFC 6455, section 5.5.1, from the peer's side: the reply echoes the code.
func TestRule27CloseByThePeer(t *testing.T) {
	for _, tt := range []struct {
		sent wstest.Frame
		code StatusCode
	}{
		{wstest.Close(StatusNormalClosure, "a reason is not echoed"), StatusNormalClosure},
		{wstest.Close(4999, ""), 4999},
		{wstest.EmptyClose(), StatusNoStatusReceived},
	} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			p.Send(tt.sent, wstest.Text("data after the Close frame is not processed"), wstest.Ping("nor are pings"))
			err := read(t.Context(), c).Err
			require.Equal(t, tt.code, CloseStatus(err))
			require.Empty(t, p.WantClose("the echo has the code", tt.code), "and no reason")
			seeTCPToItsEnd(t, c, p)
			require.Equal(t, err, c.Err())
			require.NoError(t, c.Close(StatusNormalClosure, ""), "Close frames were exchanged")
		})
	}
}

// seeTCPToItsEnd: RFC 6455, section 7.1.1, "SHOULD be closed first by the
// server". The client waits for that.
func seeTCPToItsEnd(t *testing.T, c *Conn, p *wstest.Peer) {
	t.Helper()
	if c.out.role == frame.Server {
		p.WantEOF("the server ends its half first")
	} else {
		p.WantIdle("the client leaves that to the server")
	}
	time.Sleep(4 * lingerSilence) // the peer may take its time
	select {
	case <-c.Done():
		t.Error("the TCP connection is not over")
	default:
	}
	require.NoError(t, c.Context().Err())
	p.Close()
	<-c.Done()
	require.Error(t, c.Context().Err())
}

// What cannot be said is refused at once, and does nothing.
func TestRule26InvalidCode(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		for _, code := range []StatusCode{0, 1, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65535} {
			require.Error(t, c.Close(code, ""), "%d", code)
		}
		require.Error(t, c.Close(StatusNoStatusReceived, "a reason needs a code"))
		p.WantIdle("nothing was sent")
		require.NoError(t, c.Err())
	})
}

func TestRule26ReasonOnTheWire(t *testing.T) {
	long := strings.Repeat("é", 62)
	for _, tt := range []struct{ reason, want string }{
		{"", ""}, {"bye", "bye"},
		{strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{long, long[:122]},
		{"\xFFbroken", "\uFFFDbroken"},
	} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			closing := startClose(c, 4000, tt.reason)
			require.Equal(t, tt.want, p.WantClose("it is cut between two characters", 4000))
			p.Close()
			require.Error(t, <-closing)
		})
	}
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		closing := startClose(c, StatusNoStatusReceived, "")
		p.Want("an empty Close frame", wstest.EmptyClose())
		p.Send(wstest.EmptyClose())
		p.Close()
		require.NoError(t, <-closing)
		require.Equal(t, StatusNoStatusReceived, CloseStatus(c.Err()))
	})
}

// Exactly one Close frame, however many close at once, and one result for all.
func TestRule27OneCloseFrame(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if err := c.Close(4000+StatusCode(i), ""); err != nil {
					t.Error(err)
				}
			})
		}
		f := p.Next("one of them")
		require.Equal(t, frame.Close, f.Opcode)
		p.WantIdle("no other")
		p.Send(wstest.Close(StatusNormalClosure, ""))
		p.CloseWrite()
		all.Wait()
		require.Contains(t, c.Err().Error(), fmt.Sprint(uint16(f.Payload[0])<<8|uint16(f.Payload[1])))
		p.WantEOF("nothing after it")
	})
}

// Both sides close at once: each takes the other's Close frame for the answer.
func TestRule27SimultaneousClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe()
		client, server := New(upgraded(a, frame.Client), calm(nil)), New(upgraded(b, frame.Server), calm(nil))
		begin := time.Now()
		one, two := startClose(client, 4001, ""), startClose(server, 4002, "")
		require.NoError(t, <-one)
		require.NoError(t, <-two)
		require.Zero(t, time.Since(begin))
		require.Equal(t, StatusCode(4001), CloseStatus(client.Err()))
		require.Equal(t, StatusCode(4002), CloseStatus(server.Err()))
	})
}

// What the peer sends after our Close frame is dropped until its own comes: big
// messages, text that is none, and pings, which are not answered any more.
func TestRule27DataAfterOurCloseIsDropped(t *testing.T) {
	play(t, &Config{MaxMessage: 100}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("before, and not read"), wstest.Text("half").NoFin())
		closing := startClose(c, StatusNormalClosure, "")
		p.WantClose("our Close frame", StatusNormalClosure)
		p.Send(wstest.Cont("\xFF"), wstest.Ping("?"), wstest.Binary(make([]byte, 20_000)))
		p.WantIdle("nothing follows a Close frame: RFC 6455, section 5.5.1")
		p.Send(wstest.Close(4000, ""))
		p.CloseWrite()
		require.NoError(t, <-closing)
		p.WantEOF("nothing at all")
	})
}

// A rule that is broken while we close ends it, also by the Close frame that we
// wait for.
func TestBrokenRuleWhileClosing(t *testing.T) {
	for name, tt := range map[string]struct {
		sent wstest.Frame
		code StatusCode
	}{
		"reserved opcode":          {wstest.Op(frame.Opcode(3), nil), StatusProtocolError},
		"Close of one byte":        {wstest.Op(frame.Close, []byte{3}), StatusProtocolError},
		"Close with no valid code": {wstest.Op(frame.Close, []byte{3, 0xED}), StatusProtocolError},
		"Close with no text":       {wstest.Op(frame.Close, []byte("\x03\xE8\xFF")), StatusInvalidPayload},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				closing := startClose(c, StatusNormalClosure, "")
				p.WantClose("our Close frame", StatusNormalClosure)
				p.Send(tt.sent)
				require.ErrorIs(t, <-closing, &ProtocolError{Code: tt.code})
				require.ErrorIs(t, c.Err(), net.ErrClosed, "the reason is still that we closed")
			})
		})
	}
}

// A silent peer bounds Close, to the second; so does one that never stops.
func TestRule28CloseIsBounded(t *testing.T) {
	for _, limit := range []time.Duration{7 * time.Second, 1} {
		closeIsBounded(t, limit)
	}
}

func closeIsBounded(t *testing.T, limit time.Duration) {
	for name, peer := range map[string]func(c *Conn, p *wstest.Peer) error{
		"silent": func(*Conn, *wstest.Peer) error { return nil },
		"talks":  flood,
	} {
		t.Run(name, func(t *testing.T) {
			play(t, &Config{CloseTimeout: limit}, func(t *testing.T, c *Conn, p *wstest.Peer) {
				talking := call(func() error { return peer(c, p) })
				synctest.Wait()
				begin := time.Now()
				closing := startClose(c, StatusNormalClosure, "")
				require.Equal(t, &TimeoutError{Op: "close", After: limit}, <-closing)
				require.Equal(t, limit, time.Since(begin))
				<-talking
				require.ErrorIs(t, c.Err(), net.ErrClosed)
				require.Equal(t, StatusNormalClosure, CloseStatus(c.Err()))
				select {
				case <-c.Done():
				default:
					t.Error("Close returns when the connection is over")
				}
			})
		})
	}
}

// flood sends messages until the endpoint does not take them any more.
func flood(c *Conn, p *wstest.Peer) error {
	wire := wstest.Binary(make([]byte, 5000)).Wire(nil, peerOf(c.out.role), frame.Key{})
	for {
		time.Sleep(50 * time.Millisecond)
		if _, err := p.Conn().Write(wire); err != nil {
			return err
		}
	}
}

// A peer that does not read keeps the Close frame from being sent, and one that
// was sent a lot before.
func TestCloseOfABlockedConnection(t *testing.T) {
	for _, role := range roles {
		for _, at := range []int{0, 1, 100} {
			synctest.Test(t, func(t *testing.T) {
				c, _, _ := blocked(t, role, nil, at)
				writing := call(func() error { return c.Write(t.Context(), Binary, pattern(100_000)) })
				synctest.Wait()
				queued := call(func() error { return c.Write(t.Context(), Text, []byte("queued")) })
				reading := startRead(t.Context(), c)
				pinging := call(func() error { _, err := c.Ping(t.Context()); return err })
				synctest.Wait()
				begin := time.Now()
				closing := startClose(c, StatusNormalClosure, "")
				require.Error(t, <-closing)
				require.Equal(t, 5*time.Second, time.Since(begin))
				for _, err := range []error{<-writing, <-queued, (<-reading).Err, <-pinging} {
					require.ErrorIs(t, err, net.ErrClosed)
					require.Equal(t, c.Err(), err)
				}
			})
		}
	}
}

// A write that is under way is finished before the Close frame, if the peer reads
// on; what was not begun is not sent.
func TestCloseAfterAWriteThatWasBegun(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, nil, 10)
			writing := call(func() error { return c.Write(t.Context(), Binary, pattern(100_000)) })
			synctest.Wait()
			queued := call(func() error { return c.Write(t.Context(), Text, []byte("queued")) })
			synctest.Wait()
			closing := startClose(c, StatusNormalClosure, "")
			require.ErrorIs(t, <-queued, net.ErrClosed)
			open()
			p.Want("the frame that was begun", wstest.Binary(pattern(100_000)))
			require.NoError(t, <-writing)
			p.WantClose("and then the Close frame", StatusNormalClosure)
			p.Send(wstest.Close(StatusNormalClosure, ""))
			p.CloseWrite()
			require.NoError(t, <-closing)
		})
	}
}

// The same where it is the peer who closes, and the write was given up.
func TestPeerClosesWhileAWriteIsCut(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, nil, 10)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Equal(t, context.DeadlineExceeded, c.Write(ctx, Binary, pattern(100_000)))
			p.Send(wstest.Ping("before the Close frame"), wstest.Close(StatusGoingAway, ""))
			require.ErrorIs(t, read(t.Context(), c).Err, &CloseError{Code: StatusGoingAway})
			open()
			p.Want("the frame that was begun is finished, and the ping answered",
				wstest.Binary(pattern(100_000)), wstest.Pong("before the Close frame"))
			p.WantClose("the echo is the last", StatusGoingAway)
			p.Close()
			<-c.Done()
		})
	}
}

// The peer drops TCP instead of answering.
func TestRule29PeerGoesWithoutAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		leave func(p *wstest.Peer)
		is    error
	}{
		"EOF":   {(*wstest.Peer).Close, io.ErrUnexpectedEOF},
		"reset": {(*wstest.Peer).Reset, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				closing := startClose(c, StatusNormalClosure, "")
				p.WantClose("our Close frame", StatusNormalClosure)
				tt.leave(p)
				err := <-closing
				require.ErrorIs(t, err, &CloseError{Code: StatusAbnormalClosure})
				require.ErrorIs(t, err, tt.is)
				require.ErrorIs(t, c.Err(), net.ErrClosed)
			})
		})
	}
}

// With a negative CloseTimeout nothing is waited for.
func TestNegativeCloseTimeout(t *testing.T) {
	play(t, &Config{CloseTimeout: -1}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		begin := time.Now()
		reading := startRead(t.Context(), c)
		err := c.Close(StatusNormalClosure, "")
		require.True(t, err == nil || errors.Is(err, net.ErrClosed), "%v", err)
		require.ErrorIs(t, (<-reading).Err, net.ErrClosed)
		require.Zero(t, time.Since(begin))
		p.WantClose("our Close frame", StatusNormalClosure)
		p.WantEOF("and the end")
	})
	play(t, &Config{CloseTimeout: -1}, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Close(4000, ""))
		require.Equal(t, StatusCode(4000), CloseStatus(read(t.Context(), c).Err))
		p.WantClose("the echo", 4000)
		p.WantEOF("and the end")
		<-c.Done()
	})
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, p, open := blocked(t, role, &Config{CloseTimeout: -1}, 0)
			closing := startClose(c, StatusNormalClosure, "")
			notYet(t, closing, "the kernel does not take the Close frame yet")
			open()
			p.WantClose("our Close frame", StatusNormalClosure)
			p.WantEOF("and the end")
			<-closing
		})
	}
}

// After a broken rule the connection is failed: a Close frame with the code, the
// end of our half, and no word after it. RFC 6455, section 7.1.7.
func TestRule28FailedConnection(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("\xFF"))
		err := read(t.Context(), c).Err
		require.ErrorIs(t, err, &ProtocolError{Code: StatusInvalidPayload})
		p.WantClose("the peer is told the code", StatusInvalidPayload)
		p.Send(wstest.Ping("not answered"), wstest.Close(StatusNormalClosure, "not answered either"))
		begin := time.Now()
		p.WantEOF("our half is ended")
		require.Equal(t, lingerSilence, time.Since(begin))
		p.Close()
		<-c.Done()
		require.Equal(t, err, c.Err())
		require.Equal(t, err, c.Close(StatusNormalClosure, ""), "no Close frames were exchanged, and this is why")
	})
}

// A peer that broke a rule in the middle of sending is heard out before our half
// is ended, so that a proxy between us does not cut it off.
func TestFailedConnectionWaitsForSilence(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("\xFF"))
		require.Error(t, read(t.Context(), c).Err)
		p.WantClose("the code", StatusInvalidPayload)
		for range 20 {
			time.Sleep(lingerSilence / 2)
			p.Send(wstest.Text("more, that was on its way"))
			p.WantIdle("it is not silent")
		}
		time.Sleep(lingerSilence)
		p.WantEOF("now it is")
	})
}

// A peer that does not go after that bounds it as well.
func TestFailedConnectionIsBounded(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("").Rsv(3))
		begin := time.Now()
		require.Error(t, read(t.Context(), c).Err)
		p.WantClose("the code", StatusProtocolError)
		p.WantEOF("our half is ended")
		require.Equal(t, lingerSilence, time.Since(begin))
		<-c.Done()
		require.Equal(t, 5*time.Second, time.Since(begin))
		require.ErrorIs(t, c.Err(), &ProtocolError{Code: StatusProtocolError})
	})
}

// RFC 6455, section 7.1.7: the endpoint "SHOULD send a Close frame". A rule that
// the peer broke in what lies in the buffer already must not come before it.
func TestCloseIsSaidThoughThePeerBrokeARule(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Ping("owed"), wstest.Text("read"), wstest.Cont("continues nothing"))
		_, _, err := c.Read(t.Context())
		require.NoError(t, err)
		result := make(chan error)
		go func() { result <- c.Close(StatusGoingAway, "") }()
		p.Want("the Pong comes first", wstest.Pong("owed"))
		p.WantClose("our Close", StatusGoingAway)
		p.Close()
		require.ErrorIs(t, <-result, &ProtocolError{Code: StatusProtocolError})
		require.ErrorIs(t, c.Err(), net.ErrClosed)
	})
}
