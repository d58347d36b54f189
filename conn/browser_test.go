package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/browser"
)

// fakeBrowser is a browser's WebSocket, played by another connection. Real ones are
// in internal/interop.
type fakeBrowser struct {
	c      *Conn
	stream *browser.Stream
	jobs   chan func() // what it has still to do

	mu       sync.Mutex
	buffered int
	closing  bool
	frozen   chan struct{} // it sends nothing until that is closed
}

type inBrowser []byte

func (d inBrowser) Len() int                        { return len(d) }
func (d inBrowser) CopyTo(dst []byte, from int) int { return copy(dst, d[from:]) }

// throughBrowser returns a connection over a fake browser, and its peer.
func throughBrowser(t *testing.T, cfg *Config) (c *Conn, f *fakeBrowser, server *Conn) {
	inside, server := Pipe(&Config{MaxMessage: -1, KeepAlive: KeepAlive{Interval: -1}}, &Config{MaxMessage: -1, KeepAlive: KeepAlive{Interval: -1}})
	f = &fakeBrowser{c: inside, jobs: make(chan func(), 1024), frozen: make(chan struct{})}
	f.stream = browser.New(f, "ws://example.com/")
	close(f.frozen)
	c = New(upgraded(f.stream, frame.Client), cfg)
	go f.send()
	go f.listen()
	t.Cleanup(func() {
		c.CloseNow()
		server.CloseNow()
		<-c.Done()
		<-inside.Done()
		<-server.Done()
		f.jobs <- nil
	})
	return c, f, server
}

func (f *fakeBrowser) send() {
	for job := range f.jobs {
		if job == nil {
			return
		}
		<-f.frozen
		job()
	}
}

// listen has the events happen.
func (f *fakeBrowser) listen() {
	for {
		typ, data, err := f.c.Read(context.Background())
		if err != nil {
			<-f.c.Done()
			f.over(err)
			return
		}
		f.stream.Message(typ, inBrowser(data))
	}
}

// over tells how it has ended. Of a Close frame that answers its own, a browser tells
// the code.
func (f *fakeBrowser) over(err error) {
	code, reason := StatusAbnormalClosure, ""
	if e, ok := errors.AsType[*CloseError](err); ok {
		code, reason = e.Code, e.Reason
	} else if f.c.Close(StatusNormalClosure, "") == nil { // both have closed
		code = CloseStatus(err)
	}
	f.stream.Closed(code, reason)
}

func (f *fakeBrowser) Send(typ frame.Opcode, p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buffered += len(p)
	p = bytes.Clone(p)
	f.jobs <- func() {
		f.c.Write(context.Background(), typ, p)
		f.mu.Lock()
		f.buffered -= len(p)
		f.mu.Unlock()
	}
	return nil
}

func (f *fakeBrowser) Close(code frame.StatusCode, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closing {
		f.closing = true
		f.jobs <- func() { f.c.Close(code, reason) }
	}
}

func (f *fakeBrowser) Buffered() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.buffered
}

func (f *fakeBrowser) Release() {}

// bubbleInBrowser runs f in a synctest bubble.
func bubbleInBrowser(t *testing.T, f func(t *testing.T, ctx context.Context, c *Conn, b *fakeBrowser, server *Conn)) {
	synctest.Test(t, func(t *testing.T) {
		c, b, server := throughBrowser(t, nil)
		f(t, t.Context(), c, b, server)
	})
}

// The one engine works over a browser too: all ways to read, and to write.
func TestBrowserMessages(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, _ *fakeBrowser, server *Conn) {
		go echo(ctx, server)
		big := bytes.Repeat([]byte("0123456789abcdef"), 60_000)
		for _, m := range []Message{{Text, nil}, {Binary, nil}, {Text, []byte("hello")}, {Binary, big}} {
			require.NoError(t, c.Write(ctx, m.Type, m.Data))
			typ, p, err := c.Read(ctx)
			require.NoError(t, err)
			require.Equal(t, m.Type, typ)
			require.True(t, bytes.Equal(m.Data, p))
		}

		w, err := c.Writer(ctx, Binary)
		require.NoError(t, err)
		for part := range 16 {
			_, err := w.Write(big[part*60_000:][:60_000])
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		_, r, err := c.Reader(ctx)
		require.NoError(t, err)
		p, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(big, p), "a stream is a message")

		require.NoError(t, c.WriteBatch(ctx, Message{Text, []byte("a")}, Message{Text, []byte("b")}))
		require.NoError(t, c.TryWrite(Text, []byte("c")))
		for _, want := range []string{"a", "b", "c"} {
			_, p, err := c.AppendRead(ctx, nil)
			require.NoError(t, err)
			require.Equal(t, want, string(p))
		}
	})
}

// A read that is cancelled goes on where it was, in the midst of a message too.
func TestBrowserCancelledRead(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, b *fakeBrowser, _ *Conn) {
		for range 3 {
			short, cancel := context.WithTimeout(ctx, time.Second)
			_, _, err := c.Read(short)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
		b.stream.Message(Text, inBrowser("hello"))
		_, p, err := c.Read(ctx)
		require.NoError(t, err)
		require.Equal(t, "hello", string(p))
	})
}

// A browser has no Ping, and so no KeepAlive: silence is no offence.
func TestBrowserHasNoPing(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, b *fakeBrowser, server *Conn) {
		go c.Read(ctx)
		_, err := c.Ping(ctx)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		time.Sleep(time.Hour)
		require.NoError(t, c.Err())
		require.Zero(t, c.Latency())
		require.NoError(t, c.CloseNow())
		_, err = c.Ping(ctx)
		require.Equal(t, c.Err(), err, "as every method of a connection that has ended")
	})
}

// What the browser has not sent counts as backlog, and holds writers up.
func TestBrowserBacklog(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, b *fakeBrowser, server *Conn) {
		go func() {
			for range server.Messages(ctx) {
			}
		}()
		b.frozen = make(chan struct{})
		p := make([]byte, 50<<10)
		require.NoError(t, c.Write(ctx, Binary, p))
		require.Equal(t, 50<<10, c.Backlog(), "the browser has it")
		require.NoError(t, c.Write(ctx, Binary, p), "and takes more as long as it has little")
		require.Equal(t, 100<<10, c.Backlog())

		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		require.ErrorIs(t, c.Write(short, Binary, p), context.DeadlineExceeded, "but no more than that")
		require.Equal(t, 100<<10, c.Backlog(), "a cancelled write leaves no trace")

		taken := 0
		var err error
		for ; err == nil; taken++ {
			err = c.TryWrite(Binary, p)
		}
		require.ErrorIs(t, err, ErrBacklog)
		require.Equal(t, 6, taken, "Config.Backlog is 256 KiB, the sixth did not fit")
		require.Equal(t, 7*50<<10, c.Backlog())

		close(b.frozen)
		go c.Read(ctx)
		time.Sleep(time.Second)
		require.Zero(t, c.Backlog())
		require.NoError(t, c.Err())
	})
}

// A browser that sends nothing is a peer that takes nothing.
func TestBrowserWriteTimeout(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, b *fakeBrowser, _ *Conn) {
		b.frozen = make(chan struct{})
		require.NoError(t, c.Write(ctx, Binary, make([]byte, 100<<10)))
		err := c.Write(ctx, Binary, []byte("x"))
		var timeout *TimeoutError
		require.ErrorAs(t, err, &timeout)
		require.Equal(t, "write", timeout.Op)
		require.Equal(t, err, c.Err())
		close(b.frozen)
	})
}

// RFC 6455, section 7.4: which codes the server is told for those of the program.
func TestBrowserCloses(t *testing.T) {
	for code, told := range map[StatusCode]StatusCode{1000: 1000, 1001: 1000, 1005: 1005, 1011: 4011, 3000: 3000, 4999: 4999} {
		bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, _ *fakeBrowser, server *Conn) {
			reason := "why"
			if code == StatusNoStatusReceived {
				reason = ""
			}
			ended := make(chan error)
			go func() { _, _, err := server.Read(ctx); ended <- err }()
			require.NoError(t, c.Close(code, reason), "the closing handshake is completed")
			require.Equal(t, &CloseError{Code: told, Reason: reason}, <-ended)
			require.Equal(t, code, CloseStatus(c.Err()), "this side knows what it has said")
			require.ErrorIs(t, c.Err(), net.ErrClosed)
		})
	}
}

func TestBrowserServerCloses(t *testing.T) {
	for _, code := range []StatusCode{1000, 1001, 1005, 1011, 4999} {
		bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, _ *fakeBrowser, server *Conn) {
			reason := "so long"
			if code == StatusNoStatusReceived {
				reason = ""
			}
			require.NoError(t, server.Write(ctx, Text, []byte("last words")))
			require.NoError(t, server.Close(code, reason))
			synctest.Wait()
			require.NoError(t, c.Write(ctx, Text, []byte("nobody reads this")), "as on a socket")
			_, p, err := c.Read(ctx)
			require.NoError(t, err)
			require.Equal(t, "last words", string(p))
			_, _, err = c.Read(ctx)
			require.Equal(t, &CloseError{Code: code, Reason: reason}, err)
			require.NoError(t, c.Close(StatusNormalClosure, ""), "Close frames have been exchanged")
		})
	}
}

// A connection that breaks is 1006, after what had come, also for who closes it.
func TestBrowserFails(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, _ *fakeBrowser, server *Conn) {
		require.NoError(t, server.Write(ctx, Text, []byte("last words")))
		synctest.Wait()
		require.NoError(t, server.CloseNow())
		synctest.Wait()
		_, _, err := c.Read(ctx)
		require.NoError(t, err)
		_, _, err = c.Read(ctx)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, StatusAbnormalClosure, CloseStatus(err))
		require.Equal(t, err, c.Close(StatusNormalClosure, ""))
		require.Equal(t, err, c.Write(ctx, Text, nil))
	})
}

// Nobody can break a browser's connection off: CloseNow has it close without a code.
func TestBrowserCloseNow(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, _ *fakeBrowser, server *Conn) {
		require.NoError(t, c.CloseNow())
		_, _, err := server.Read(ctx)
		require.Equal(t, &CloseError{Code: StatusNoStatusReceived}, err)
	})
}

// RFC 6455, section 10.4: a message over the limit is refused before it is copied.
func TestBrowserMessageTooBig(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, _ *fakeBrowser, server *Conn) {
		require.NoError(t, server.Write(ctx, Binary, make([]byte, 1<<20+1)))
		_, _, err := c.Read(ctx)
		var broken *ProtocolError
		require.ErrorAs(t, err, &broken)
		require.Equal(t, StatusMessageTooBig, broken.Code)
		_, _, err = server.Read(ctx)
		require.Equal(t, &CloseError{Code: 4009, Reason: broken.Reason}, err)
		start := time.Now()
		<-c.Done()
		require.Less(t, time.Since(start), time.Second, "the browser ends it")
	})
}

// More than may wait ends the connection, with a reason that says so.
func TestBrowserUnread(t *testing.T) {
	bubbleInBrowser(t, func(t *testing.T, ctx context.Context, c *Conn, _ *fakeBrowser, server *Conn) {
		go func() {
			for server.Write(ctx, Binary, make([]byte, 1<<20)) == nil {
			}
		}()
		_, _, err := server.Read(ctx)
		require.Equal(t, StatusCode(4008), CloseStatus(err))
		n := 0
		for ; err == nil || n == 0; n++ {
			_, _, err = c.Read(ctx)
		}
		require.Equal(t, browser.MaxUnread>>20+1, n)
		require.ErrorIs(t, err, browser.ErrUnread)
		require.Equal(t, StatusAbnormalClosure, CloseStatus(err))
	})
}
