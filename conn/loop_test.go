package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// loopPair returns a server that loops over its messages, and the client's end of
// the TCP connection.
func loopPair(t *testing.T, cfg *Config, body func(c *Conn, m Message) (more bool)) (c *Conn, peer *net.TCPConn, ended <-chan error) {
	wstest.NoLeaks(t)
	nc, other := tcpPair(t)
	c = New(upgraded(other, frame.Server), calm(cfg))
	t.Cleanup(func() { end(c); nc.Close() })
	return c, nc.(*net.TCPConn), call(func() error {
		for m, err := range c.Messages(t.Context()) {
			if err != nil {
				return err
			}
			if !body(c, m) {
				return errLoopLeft
			}
		}
		return nil
	})
}

var errLoopLeft = errors.New("the body has left the loop")

// say has the peer send messages, in one piece.
func say(t *testing.T, peer net.Conn, messages ...string) {
	t.Helper()
	var wire []byte
	for _, m := range messages {
		wire = wstest.Text(m).Wire(wire, frame.Client, frame.Key{1, 2, 3, 4})
	}
	_, err := peer.Write(wire)
	require.NoError(t, err)
}

// hear returns what the server says, up to n messages.
func hear(t *testing.T, peer net.Conn, n int) (said []string) {
	t.Helper()
	require.NoError(t, peer.SetReadDeadline(time.Now().Add(10*time.Second)))
	r := frame.NewReader(peer)
	for range n {
		h, err := r.Next()
		require.NoError(t, err)
		p, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, Text, h.Opcode)
		said = append(said, string(p))
	}
	return said
}

func reply(c *Conn, m Message) bool {
	return c.Write(context.Background(), Text, append([]byte("re: "), m.Data...)) == nil
}

// The end of the stream is announced once, and may come together with bytes: a loop
// that waits without having seen it would wait for ever.
func TestLoopSeesTheEndThatComesWithBytes(t *testing.T) {
	for range 50 {
		_, peer, ended := loopPair(t, nil, reply)
		say(t, peer, "first")
		hear(t, peer, 1)
		say(t, peer, "second")
		require.NoError(t, peer.CloseWrite())
		select {
		case err := <-ended:
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		case <-time.After(10 * time.Second):
			t.Fatal("the loop has not seen the end")
		}
	}
}

// Messages that come in pieces and together, and bytes that come while the body
// runs.
func TestLoopMissesNothing(t *testing.T) {
	_, peer, _ := loopPair(t, nil, reply)
	var wire []byte
	var want []string
	for i := range 300 {
		m := strings.Repeat("x", i*37%5000)
		wire = wstest.Text(m).Wire(wire, frame.Client, frame.Key{1, 2, 3, 4})
		want = append(want, "re: "+m)
	}
	go func() {
		for i := 1; len(wire) > 0; i++ {
			n := min(i*i%3001+1, len(wire))
			peer.Write(wire[:n])
			wire = wire[n:]
			if i%7 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	require.Equal(t, want, hear(t, peer, len(want)))
}

// While the body runs, any method may be called, by it and by others.
func TestInsideALoop(t *testing.T) {
	ctx := context.Background()
	for name, test := range map[string]struct {
		body func(t *testing.T, c *Conn, m Message) bool
		end  error // nil: the loop goes on
	}{
		"Read": {func(t *testing.T, c *Conn, m Message) bool {
			require.Equal(t, received{Text, "two", nil}, read(ctx, c))
			return true
		}, nil},
		"another loop": {func(t *testing.T, c *Conn, m Message) bool {
			for m, err := range c.Messages(ctx) {
				require.NoError(t, err)
				require.Equal(t, "two", string(m.Data))
				break
			}
			return true
		}, nil},
		"Read by another goroutine": {func(t *testing.T, c *Conn, m Message) bool {
			require.Equal(t, received{Text, "two", nil}, <-startRead(ctx, c))
			return true
		}, nil},
		"a read that is cancelled": {func(t *testing.T, c *Conn, m Message) bool {
			require.Equal(t, received{Text, "two", nil}, read(ctx, c))
			short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, read(short, c).Err, context.DeadlineExceeded)
			return true
		}, nil},
		"CloseNow": {func(t *testing.T, c *Conn, m Message) bool {
			require.NoError(t, c.CloseNow())
			<-c.Done()
			return true
		}, net.ErrClosed},
		"CloseNow by another goroutine": {func(t *testing.T, c *Conn, m Message) bool {
			go c.CloseNow()
			<-c.Done()
			return true
		}, net.ErrClosed},
		"leaving": {func(t *testing.T, c *Conn, m Message) bool { return false }, errLoopLeft},
	} {
		t.Run(name, func(t *testing.T) {
			again := make(chan string, 1)
			left := make(chan struct{}) // by the first body
			first := true
			c, peer, ended := loopPair(t, nil, func(c *Conn, m Message) bool {
				if !first {
					again <- string(m.Data)
					return true
				}
				first = false
				defer close(left)
				return test.body(t, c, m)
			})
			say(t, peer, "one")
			time.Sleep(10 * time.Millisecond)
			if test.end == nil {
				say(t, peer, "two")
				<-left
				say(t, peer, "three")
				require.Equal(t, "three", <-again)
				c.CloseNow()
				<-ended
				return
			}
			require.ErrorIs(t, <-ended, test.end)
			if test.end == errLoopLeft {
				say(t, peer, "later")
				require.Equal(t, received{Text, "later", nil}, read(ctx, c))
			}
		})
	}
}

// Close in the body of a loop waits for the peer's Close, like everywhere.
func TestCloseInsideALoop(t *testing.T) {
	closed := make(chan error, 1)
	_, peer, ended := loopPair(t, nil, func(c *Conn, m Message) bool {
		closed <- c.Close(StatusNormalClosure, "enough")
		return true
	})
	say(t, peer, "one", "two")
	client := New(upgraded(peer, frame.Client), nil)
	require.Equal(t, &CloseError{Code: StatusNormalClosure, Reason: "enough"}, read(t.Context(), client).Err)
	require.NoError(t, <-closed)
	require.NoError(t, <-ended, "a loop ends silently when this side has closed with 1000")
	<-client.Done()
}

// The context of a loop ends its wait, and another loop goes on.
func TestLoopIsCancelled(t *testing.T) {
	nc, peer := tcpPair(t)
	defer peer.Close()
	c := New(upgraded(nc, frame.Server), calm(nil))
	defer end(c)
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string, 1)
		ended := call(func() error {
			for m, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				got <- string(m.Data)
			}
			return nil
		})
		if i%2 == 0 {
			say(t, peer, "hello")
			require.Equal(t, "hello", <-got)
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

// A body that panics leaves the connection as it was.
func TestLoopBodyPanics(t *testing.T) {
	nc, peer := tcpPair(t)
	defer peer.Close()
	c := New(upgraded(nc, frame.Server), calm(nil))
	defer end(c)
	say(t, peer, "one", "two")
	require.PanicsWithValue(t, "oh", func() {
		for m := range c.Messages(t.Context()) {
			reply(c, m)
			panic("oh")
		}
	})
	require.Equal(t, []string{"re: one"}, hear(t, peer, 1), "what was held is sent")
	require.Equal(t, received{Text, "two", nil}, read(t.Context(), c))
}

// No descriptor is left of a connection that had two.
func TestLoopLeavesNoDescriptor(t *testing.T) {
	count := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("there is no telling here how many descriptors there are")
		}
		return len(all)
	}
	before := count()
	for range 20 {
		nc, peer := tcpPair(t)
		c := New(upgraded(nc, frame.Server), calm(nil))
		say(t, peer, "one")
		say(t, peer, "two")
		for range c.Messages(t.Context()) {
			c.Read(t.Context())
			c.CloseNow()
		}
		<-c.Done()
		peer.Close()
	}
	require.Eventually(t, func() bool { return count() <= before }, 5*time.Second, time.Millisecond)
}

// A reset behind a message may be announced with it, and is not told of otherwise.
func TestLoopSeesTheResetBehindAMessage(t *testing.T) {
	step := make(chan bool, 3)
	_, peer, ended := loopPair(t, nil, func(_ *Conn, m Message) bool {
		<-step
		return true
	})
	say(t, peer, "1")
	step <- true
	time.Sleep(20 * time.Millisecond)
	say(t, peer, "2")
	time.Sleep(20 * time.Millisecond)
	say(t, peer, "3") // while the body has the second
	require.NoError(t, peer.SetLinger(0))
	require.NoError(t, peer.Close())
	time.Sleep(20 * time.Millisecond)
	step <- true
	step <- true
	select {
	case err := <-ended:
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	case <-time.After(10 * time.Second):
		t.Fatal("the loop waits on a connection that was reset")
	}
}

// Others may end a connection as its loop is left.
func TestLoopIsLeftWhileOthersClose(t *testing.T) {
	for range 20 {
		nc, peer := tcpPair(t)
		c := New(upgraded(nc, frame.Server), calm(nil))
		say(t, peer, "1")
		for range c.Messages(t.Context()) {
			go c.CloseNow()
			break
		}
		<-c.Done()
		peer.Close()
	}
}

// mixed is a context that ends by itself and has the values of another.
type mixed struct {
	context.Context
	done chan struct{}
}

func (m mixed) Done() <-chan struct{} { return m.done }

// Contexts ask the connection's own for what they need, whatever it is doing.
func TestContextsOfTheConnectionsOwn(t *testing.T) {
	for name, derive := range map[string]func(ctx context.Context) (context.Context, context.CancelFunc){
		"itself": func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} },
		"a value": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithValue(ctx, contextKey{}, 1), func() {}
		},
		"cancel": context.WithCancel,
		"timeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		},
		"mixed": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return mixed{ctx, make(chan struct{})}, func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			nc, peer := tcpPair(t)
			defer peer.Close()
			c := New(upgraded(nc, frame.Server), calm(nil))
			ctx, cancel := derive(c.Context())
			defer cancel()
			reading := startRead(ctx, c)
			writing := call(func() (err error) {
				for err == nil {
					err = c.Write(ctx, Binary, pattern(100_000))
				}
				return err
			})
			time.Sleep(20 * time.Millisecond)
			c.CloseNow()
			require.ErrorIs(t, (<-reading).Err, net.ErrClosed)
			require.ErrorIs(t, <-writing, net.ErrClosed)
			require.ErrorIs(t, context.Cause(c.Context()), net.ErrClosed)
		})
	}
}
