package conn

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// stuck is a connection whose peer does not read: the transport takes nothing.
type stuck struct {
	*Conn
	peer *wstest.Peer // is to be used once the transport is open
	open func()       // has the transport take everything from now on
}

// settle waits until nothing waits to be sent.
func (s *stuck) settle() {
	for s.Backlog() > 0 {
		time.Sleep(time.Millisecond)
	}
}

// begun waits until all that was queued has been taken by the goroutine that sends
// it, so that it is certain what may be dropped after that.
func (s *stuck) begun() { s.until(func() bool { return s.out.front() == nil }) }

// queued waits until there is more behind that.
func (s *stuck) queued() { s.until(func() bool { return s.out.front() != nil }) }

func (s *stuck) until(condition func() bool) {
	for {
		s.mu.Lock()
		ok := condition()
		s.mu.Unlock()
		if ok {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// whileStuck runs a test in both roles over a socket, which TryWrite can try, and
// over a pipe in a synctest bubble, where all it can do is queue.
func whileStuck(t *testing.T, cfg *Config, test func(t *testing.T, s *stuck)) {
	for _, role := range roles {
		t.Run("socket/"+role.String(), func(t *testing.T) {
			c, other, full := stuffed(t, role, cfg)
			p := wstest.NewPeer(t, other, peerOf(role))
			test(t, &stuck{c, p, func() {
				_, err := io.CopyN(io.Discard, other, full)
				require.NoError(t, err)
			}})
		})
		t.Run("pipe/"+role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p, open := blocked(t, role, cfg, 0)
				test(t, &stuck{c, p, open})
			})
		})
	}
}

// stuffed returns a connection over a socket that is full: before it takes
// anything the peer has to read so many bytes. It is a Unix socket, for TCP is
// never full for certain: its peer's kernel may find room later.
func stuffed(t *testing.T, role frame.Role, cfg *Config) (c *Conn, other net.Conn, full int64) {
	nc, other := unixPair(t)
	require.NoError(t, nc.SetWriteBuffer(4096))
	for refusals := 0; refusals < 3; { // one may be a deadline that passed before the write began
		require.NoError(t, nc.SetWriteDeadline(time.Now().Add(2*time.Millisecond)))
		n, err := nc.Write(make([]byte, 1024))
		full += int64(n)
		if refusals++; err == nil || n > 0 {
			refusals = 0
		}
	}
	require.NoError(t, nc.SetWriteDeadline(time.Time{}))
	c = New(upgraded(nc, role), calm(cfg))
	t.Cleanup(func() { end(c) })
	return c, other, full
}

// unixPair returns the two ends of a Unix socket connection.
func unixPair(t *testing.T) (nc *net.UnixConn, other net.Conn) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer l.Close()
	dialled, err := net.Dial("unix", l.Addr().String())
	require.NoError(t, err)
	other, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { other.Close() })
	return dialled.(*net.UnixConn), other
}

// TryWrite takes what fits into Backlog and refuses the rest, without waiting.
// What it took arrives whole, in order, and nothing else does.
func TestTryWriteRefuse(t *testing.T) {
	whileStuck(t, &Config{Backlog: 10_000}, func(t *testing.T, s *stuck) {
		begin := time.Now()
		buf := make([]byte, 0, 4096)
		var taken [][]byte
		refused := 0
		for i := 0; refused < 5; i++ {
			buf = append(buf[:0], pattern(100+i)...)
			if err := s.TryWrite(Binary, buf); err == nil {
				taken = append(taken, pattern(100+i))
			} else {
				require.Equal(t, ErrBacklog, err)
				refused++
			}
			clear(buf) // it is the caller's again
			require.LessOrEqual(t, s.Backlog(), 10_000)
		}
		require.Greater(t, s.Backlog(), 8_000)
		require.Equal(t, s.Backlog(), s.Stats().Backlog)
		require.EqualValues(t, refused, s.Stats().Dropped)
		require.Less(t, time.Since(begin), time.Second, "it does not wait")
		require.NoError(t, s.Err(), "the connection is as good as before")
		s.open()
		for _, m := range taken {
			s.peer.Want("what was taken arrives in order", wstest.Binary(m))
		}
		s.settle()
		require.NoError(t, s.TryWrite(Text, []byte("there is room again")))
		s.peer.Want("and nothing of what was refused", wstest.Text("there is room again"))
		s.settle()
		require.EqualValues(t, len(taken)+1, s.Stats().MessagesSent)
	})
}

// Backlog counts every byte that waits: of the message that was tried first, too.
func TestTryWriteBacklogCounts(t *testing.T) {
	whileStuck(t, nil, func(t *testing.T, s *stuck) {
		require.Zero(t, s.Backlog())
		for i := range 5 {
			require.NoError(t, s.TryWrite(Binary, make([]byte, 1000)))
			require.GreaterOrEqual(t, s.Backlog(), (i+1)*1000)
			require.LessOrEqual(t, s.Backlog(), (i+1)*(1000+frame.MaxHeaderSize))
		}
		s.open()
		for range 5 {
			s.peer.Want("each", wstest.Binary(make([]byte, 1000)))
		}
		s.settle()
		require.NoError(t, s.Err())
	})
}

// The memory behind a stuck peer is bounded however small the messages are.
func TestTryWriteSmallMessages(t *testing.T) {
	for _, n := range []int{0, 1} {
		whileStuck(t, nil, func(t *testing.T, s *stuck) {
			var err error
			p := make([]byte, n)
			grown := allocatedBy(func() {
				for range 300_000 {
					if err = s.TryWrite(Binary, p); err != nil {
						break
					}
				}
			})
			require.Equal(t, ErrBacklog, err, "300,000 messages of %d bytes are queued", n)
			require.Less(t, grown, uint64(8<<20), "for 256 KiB of backlog")
		})
	}
}

// A peer that is stuck costs nothing but its backlog: no allocation for what it is
// not given.
func TestTryWriteToAStuckPeerAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets at random")
	}
	for _, policy := range []SlowConsumer{Refuse, DropOldest} {
		for _, role := range roles {
			c, _, _ := stuffed(t, role, &Config{Backlog: 10_000, SlowConsumer: policy})
			m, err := NewPrepared(Binary, pattern(1000))
			require.NoError(t, err)
			for range 20 {
				c.TryWritePrepared(m)
			}
			require.Zero(t, testing.AllocsPerRun(100, func() { c.TryWritePrepared(m) }), "%v %v", policy, role)
		}
	}
}

// There is one queue: TryWrite never overtakes Write, nor the reverse.
func TestTryWriteKeepsOrderWithWrite(t *testing.T) {
	for _, n := range []int{10, largeFrame + 1} {
		whileStuck(t, nil, func(t *testing.T, s *stuck) {
			require.NoError(t, s.TryWrite(Text, []byte("first")))
			s.begun()
			writing := call(func() error { return s.Write(context.Background(), Binary, pattern(n)) })
			s.queued()
			begin := time.Now()
			require.NoError(t, s.TryWrite(Text, []byte("third")), "also while another goroutine waits in Write")
			require.Less(t, time.Since(begin), time.Second)
			s.open()
			s.peer.Want("in the order of the calls", wstest.Text("first"), wstest.Binary(pattern(n)), wstest.Text("third"))
			require.NoError(t, <-writing)
			s.settle()
		})
	}
}

// DropOldest drops whole messages, the oldest first, and none that was begun.
func TestTryWriteDropOldest(t *testing.T) {
	var drops []int
	cfg := &Config{Backlog: 20_000, SlowConsumer: DropOldest, Observer: &Observer{
		Drop: func(_ *Conn, typ MessageType, n int) { drops = append(drops, n) },
	}}
	whileStuck(t, cfg, func(t *testing.T, s *stuck) {
		drops = nil
		const messages = 100
		size := func(i int) int { return 1000 + i } // so that each can be told from the others
		for i := range messages {
			require.NoError(t, s.TryWrite(Binary, pattern(size(i))), "there is room, if the oldest goes")
			require.LessOrEqual(t, s.Backlog(), 20_000)
			if i == 0 {
				s.begun()
			}
		}
		before := len(drops)
		require.Equal(t, ErrBacklog, s.TryWrite(Binary, pattern(20_001)), "that would not fit if all went")
		require.Len(t, drops, before+1, "so nothing else was dropped for it")
		require.EqualValues(t, len(drops), s.Stats().Dropped)
		drops = drops[:before]
		s.open()
		var got []int
		for range messages - len(drops) {
			f := s.peer.Next("a message")
			require.Equal(t, pattern(len(f.Payload)), f.Payload, "whole")
			got = append(got, len(f.Payload))
		}
		var all []int
		for i := range messages {
			all = append(all, size(i))
		}
		last := messages - len(drops)
		require.Equal(t, all[1:len(drops)+1], drops, "the oldest first, but not the one that was begun")
		require.Equal(t, append(all[:1:1], all[messages-last+1:]...), got, "that one, and the latest")
		s.settle()
		require.NoError(t, s.Err())
	})
}

// Disconnect: what has been begun, one Close frame with 1008, and nothing more.
func TestTryWriteDisconnect(t *testing.T) {
	cfg := &Config{Backlog: 10_000, SlowConsumer: Disconnect}
	whileStuck(t, cfg, func(t *testing.T, s *stuck) {
		require.NoError(t, s.TryWrite(Text, []byte("begun")))
		s.begun()
		var err error
		for range 11 {
			if err = s.TryWrite(Binary, make([]byte, 1000)); err != nil {
				break
			}
		}
		require.ErrorIs(t, err, ErrBacklog)
		require.ErrorIs(t, err, net.ErrClosed)
		require.Equal(t, StatusPolicyViolation, CloseStatus(err))
		require.Equal(t, err, s.Err())
		require.Equal(t, err, s.TryWrite(Text, nil), "the same for ever")
		require.Equal(t, err, s.Write(t.Context(), Text, nil))
		s.open()
		s.peer.Want("what was begun is finished", wstest.Text("begun"))
		s.peer.WantClose("and the rest is dropped", StatusPolicyViolation)
		s.peer.Send(wstest.Close(StatusPolicyViolation, ""))
		s.peer.CloseWrite()
		s.peer.WantEOF("the Close frame is the last")
		<-s.Done()
		require.Equal(t, err, s.Err())
		require.Zero(t, s.Backlog(), "nothing waits any more")
	})
}

// Disconnect of a peer that takes nothing at all is bounded by CloseTimeout.
func TestTryWriteDisconnectStuckPeer(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := blocked(t, role, &Config{Backlog: 10, SlowConsumer: Disconnect}, 3)
			require.NoError(t, c.TryWrite(Text, []byte("hello")))
			begin := time.Now()
			err := c.TryWrite(Text, []byte("too much"))
			require.ErrorIs(t, err, ErrBacklog)
			<-c.Done()
			require.Equal(t, 5*time.Second, time.Since(begin))
			require.Equal(t, err, c.Err())
		})
	}
}

func TestTryWriteNegativeBacklog(t *testing.T) {
	whileStuck(t, &Config{Backlog: -1}, func(t *testing.T, s *stuck) {
		for range 3 {
			require.Equal(t, ErrBacklog, s.TryWrite(Text, nil))
			require.Equal(t, ErrBacklog, s.TryWrite(Text, []byte("no trace")))
		}
		require.Zero(t, s.Backlog())
		writing := call(func() error { return s.Write(context.Background(), Text, []byte("Write waits")) })
		s.open()
		s.peer.Want("only what waited", wstest.Text("Write waits"))
		require.NoError(t, <-writing)
	})
}

// While a message is streamed, others wait for its end.
func TestTryWriteWhileStreaming(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		w, err := c.Writer(t.Context(), Text)
		require.NoError(t, err)
		require.NoError(t, c.TryWrite(Binary, []byte("waits")))
		require.Positive(t, c.Backlog())
		p.WantIdle("the stream has the right of way, though nothing of it was written yet")
		_, err = io.WriteString(w, "one, ")
		require.NoError(t, err)
		require.NoError(t, w.(interface{ Flush() error }).Flush())
		p.Want("a fragment", wstest.Text("one, ").NoFin())
		require.NoError(t, c.TryWrite(Binary, []byte("waits too")))
		p.WantIdle("no message comes between fragments: RFC 6455, section 5.4")
		_, err = io.WriteString(w, "two")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		p.Want("what waited follows", wstest.Cont("two"), wstest.Binary([]byte("waits")), wstest.Binary([]byte("waits too")))
		synctest.Wait()
		require.Zero(t, c.Backlog())
	})
}

// No goroutine without a backlog, one with it, and none again afterwards.
func TestTryWriteGoroutines(t *testing.T) {
	whileStuck(t, nil, func(t *testing.T, s *stuck) {
		before := runtime.NumGoroutine()
		for range 100 {
			require.NoError(t, s.TryWrite(Text, []byte("hello")))
			require.LessOrEqual(t, runtime.NumGoroutine(), before+1)
		}
		s.open()
		for range 100 {
			s.peer.Want("each", wstest.Text("hello"))
		}
		for runtime.NumGoroutine() > before {
			time.Sleep(time.Millisecond)
		}
	})
}

// A backlog that the peer does not take for WriteTimeout ends the connection.
func TestTryWriteTimeout(t *testing.T) {
	whileStuck(t, &Config{WriteTimeout: 50 * time.Millisecond}, func(t *testing.T, s *stuck) {
		begin := time.Now()
		require.NoError(t, s.TryWrite(Text, []byte("hello")))
		<-s.Done()
		want := &TimeoutError{Op: "write", After: 50 * time.Millisecond}
		require.Equal(t, want, s.Err())
		require.Equal(t, want, s.TryWrite(Text, nil))
		require.GreaterOrEqual(t, time.Since(begin), 50*time.Millisecond)
		require.Zero(t, s.Backlog())
	})
}

func TestTryWriteOverTLS(t *testing.T) {
	overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn) {
		buffer := nc.SetBuffer(0)
		for i := range 20 {
			require.NoError(t, c.TryWrite(Binary, pattern(i*1000)))
		}
		require.GreaterOrEqual(t, c.Backlog(), 190_000)
		require.Equal(t, ErrBacklog, c.TryWrite(Binary, make([]byte, 100_000)))
		nc.SetBuffer(buffer)
		for i := range 20 {
			p.Want("in order", wstest.Binary(pattern(i*1000)))
		}
		synctest.Wait()
		require.Zero(t, c.Backlog())
		require.NoError(t, c.Err())
	})
}

func TestTryWriteNothingButTextAndBinary(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		for _, op := range []frame.Opcode{frame.Continuation, frame.Close, frame.Ping, 3, 15} {
			require.Equal(t, errType, c.TryWrite(op, nil))
		}
		p.WantIdle("nothing was sent")
	})
}

// Messages that are queued when this side closes are sent before the Close frame. They
// are not if it is the peer who closes, or has broken a rule, or if time is up.
func TestClosingSendsWhatWasTaken(t *testing.T) {
	queue := func(t *testing.T, c *Conn) {
		owned(c)
		for _, text := range []string{"one", "two"} {
			require.NoError(t, c.TryWrite(Text, []byte(text)))
		}
	}
	for name, begin := range map[string]func(c *Conn){
		"Close":    func(c *Conn) { go c.Close(StatusGoingAway, "") },
		"Shutdown": func(c *Conn) { g := new(Group); g.Add(c); go g.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
				queue(t, c)
				begin(c)
				synctest.Wait()
				require.ErrorIs(t, c.TryWrite(Text, []byte("three")), net.ErrClosed)
				release(c)
				p.Want("what was taken", wstest.Text("one"), wstest.Text("two"), wstest.Close(StatusGoingAway, ""))
				p.Send(wstest.Close(StatusGoingAway, ""))
				<-c.Done()
				require.Zero(t, c.Backlog())
			})
		})
	}
	t.Run("the peer's Close comes first", func(t *testing.T) {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			queue(t, c)
			go c.Close(StatusGoingAway, "")
			synctest.Wait()
			p.Send(wstest.Close(StatusNormalClosure, ""))
			synctest.Wait()
			require.Zero(t, c.Backlog())
			release(c)
			p.Want("nothing but our Close", wstest.Close(StatusGoingAway, ""))
		})
	})
	t.Run("the peer takes nothing", func(t *testing.T) {
		play(t, &Config{CloseTimeout: time.Second}, func(t *testing.T, c *Conn, p *wstest.Peer) {
			queue(t, c)
			begin := time.Now()
			require.Error(t, c.Close(StatusGoingAway, ""))
			require.Equal(t, time.Second, time.Since(begin))
			require.Zero(t, c.Backlog())
		})
	})
}
