package netpipe

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bubble runs f in a synctest bubble with a fresh Pipe.
func bubble(t *testing.T, f func(t *testing.T, a, b *Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		f(t, a, b)
	})
}

// result is what a call that may block has returned.
type result struct {
	n   int
	err error
}

// start calls f in a goroutine and returns where its result will be.
func start(f func([]byte) (int, error), p []byte) <-chan result {
	done := make(chan result, 1)
	go func() {
		n, err := f(p)
		done <- result{n, err}
	}()
	return done
}

func requireBlocked(t *testing.T, done <-chan result) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-done:
		require.Fail(t, "the call has returned and should block", "%+v", r)
	default:
	}
}

func requireBytes(t *testing.T, c *Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func write(t *testing.T, c *Conn, s string) {
	t.Helper()
	n, err := c.Write([]byte(s))
	require.NoError(t, err)
	require.Equal(t, len(s), n)
}

func TestReadReturnsWhatIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "one ")
		write(t, a, "two")
		p := make([]byte, 100)
		n, err := b.Read(p)
		require.NoError(t, err)
		require.Equal(t, "one two", string(p[:n]), "writes are a stream, not packets")

		write(t, b, "back")
		require.Equal(t, 4, a.Unread())
		requireBytes(t, a, "ba")
		requireBytes(t, a, "ck")
		require.Zero(t, a.Unread())
	})
}

func TestReadBlocksUntilBytesArrive(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		done := start(b.Read, make([]byte, 10))
		requireBlocked(t, done)
		write(t, a, "x")
		require.Equal(t, result{1, nil}, <-done)

		n, err := b.Read(nil)
		require.NoError(t, err, "an empty Read never blocks")
		require.Zero(t, n)
	})
}

func TestWriteBlocksWhileTheBufferIsFull(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		a.SetBuffer(4)
		done := start(a.Write, []byte("abcdefghij"))
		requireBlocked(t, done)
		require.EqualValues(t, 4, a.Written())
		requireBytes(t, b, "abc")
		requireBlocked(t, done)
		require.EqualValues(t, 7, a.Written())
		a.SetBuffer(100)
		require.Equal(t, result{10, nil}, <-done)
		requireBytes(t, b, "defghij")

		n, err := b.Write(make([]byte, DefaultBuffer))
		require.NoError(t, err, "the other direction has its own buffer")
		require.Equal(t, DefaultBuffer, n)
		requireBlocked(t, start(b.Write, []byte("x")))
		require.NoError(t, b.Close())
	})
}

func TestNothingFitsIntoABufferOfZero(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		a.SetBuffer(0)
		done := start(a.Write, []byte("abc"))
		requireBlocked(t, done)
		require.NoError(t, a.Close())
		got := <-done
		require.ErrorIs(t, got.err, net.ErrClosed)
		require.Zero(t, got.n)
		_, err := b.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err, "nothing was sent")
	})
}

func TestWritesDoNotInterleave(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		a.SetBuffer(1)
		first := start(a.Write, bytes.Repeat([]byte("1"), 100))
		synctest.Wait()
		second := start(a.Write, bytes.Repeat([]byte("2"), 100))
		got := make([]byte, 200)
		_, err := io.ReadFull(b, got)
		require.NoError(t, err)
		require.Equal(t, append(bytes.Repeat([]byte("1"), 100), bytes.Repeat([]byte("2"), 100)...), got)
		require.Equal(t, result{100, nil}, <-first)
		require.Equal(t, result{100, nil}, <-second)
	})
}

func TestCloseWriteEndsOneDirection(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "last")
		require.NoError(t, a.CloseWrite())
		requireBytes(t, b, "last")
		for range 2 {
			_, err := b.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err, "EOF is bare, as net's is")
		}
		_, err := a.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
		write(t, b, "still open")
		requireBytes(t, a, "still open")
	})
}

func TestCloseWriteWakesTheReader(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		done := start(b.Read, make([]byte, 1))
		requireBlocked(t, done)
		require.NoError(t, a.CloseWrite())
		require.Equal(t, result{0, io.EOF}, <-done)
	})
}

func TestCloseIsEOFForTheOtherEnd(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "last")
		require.NoError(t, a.Close())
		requireBytes(t, b, "last")
		_, err := b.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestCloseEndsOwnCalls(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		a.SetBuffer(1)
		r := start(a.Read, make([]byte, 1))
		w := start(a.Write, []byte("abc"))
		waiting := start(a.Write, []byte("def"))
		requireBlocked(t, r)
		require.NoError(t, a.Close())
		require.ErrorIs(t, (<-r).err, net.ErrClosed)
		require.ErrorIs(t, (<-w).err, net.ErrClosed)
		require.ErrorIs(t, (<-waiting).err, net.ErrClosed)

		_, err := a.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, a.Close(), net.ErrClosed)
		require.ErrorIs(t, a.CloseWrite(), net.ErrClosed)
		require.ErrorIs(t, a.SetDeadline(time.Time{}), net.ErrClosed)
	})
}

func TestCloseWithUnreadBytesResets(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, b, "unread")
		write(t, a, "destroyed by the reset")
		require.NoError(t, a.Close())
		_, err := b.Read(make([]byte, 100))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = b.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
}

func TestWriteToAClosedEndResets(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "destroyed by the reset")
		require.NoError(t, a.Close())
		_, err := b.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
		_, err = b.Read(make([]byte, 100))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
}

func TestResetWakesTheOtherEnd(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		b.SetBuffer(1)
		r := start(b.Read, make([]byte, 1))
		w := start(b.Write, []byte("abc"))
		requireBlocked(t, w)
		require.NoError(t, a.Reset())
		require.ErrorIs(t, (<-r).err, syscall.ECONNRESET)
		got := <-w
		require.ErrorIs(t, got.err, syscall.ECONNRESET)
		require.Equal(t, 1, got.n)
		require.NoError(t, b.Close(), "the program still has to close its end")
	})
}

func TestReadDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		begin := time.Now()
		require.NoError(t, b.SetReadDeadline(begin.Add(3*time.Second)))
		_, err := b.Read(make([]byte, 1))
		requireTimeout(t, err)
		require.Equal(t, 3*time.Second, time.Since(begin))

		write(t, a, "x")
		_, err = b.Read(make([]byte, 1))
		requireTimeout(t, err) // past the deadline even what is there is not read
		require.NoError(t, b.SetReadDeadline(time.Time{}))
		requireBytes(t, b, "x")
		write(t, b, "writes know nothing of it")
	})
}

func requireTimeout(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var ne net.Error
	require.ErrorAs(t, err, &ne)
	require.True(t, ne.Timeout())
}

func TestDeadlineMovesUnderABlockedRead(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		begin := time.Now()
		require.NoError(t, b.SetReadDeadline(begin.Add(1*time.Second)))
		done := start(b.Read, make([]byte, 1))
		requireBlocked(t, done)
		require.NoError(t, b.SetReadDeadline(begin.Add(5*time.Second)))
		time.Sleep(4 * time.Second)
		requireBlocked(t, done)
		require.NoError(t, b.SetReadDeadline(begin)) // long ago: now
		requireTimeout(t, (<-done).err)
		require.Equal(t, 4*time.Second, time.Since(begin))
	})
}

func TestWriteDeadlineDeliversWhatFits(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		a.SetBuffer(3)
		require.NoError(t, a.SetDeadline(time.Now().Add(time.Second)))
		n, err := a.Write([]byte("abcdef"))
		requireTimeout(t, err)
		require.Equal(t, 3, n)
		requireBytes(t, b, "abc")
		_, err = a.Write([]byte("x"))
		requireTimeout(t, err)
		require.Zero(t, b.Unread())

		require.NoError(t, a.SetDeadline(time.Time{}))
		write(t, a, "def")
		requireBytes(t, b, "def")
	})
}

func TestCountersAndAddresses(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "abc")
		write(t, a, "defg")
		requireBytes(t, b, "abcdefg")
		require.Equal(t, 2, a.Writes())
		require.EqualValues(t, 7, a.Written())
		require.Equal(t, 1, b.Reads())
		require.Zero(t, b.Writes())

		require.Equal(t, "pipe", a.LocalAddr().Network())
		require.Equal(t, "a", a.LocalAddr().String())
		require.Equal(t, a.LocalAddr(), b.RemoteAddr())
		require.Equal(t, b.LocalAddr(), a.RemoteAddr())
		_, err := a.Write(nil)
		require.NoError(t, err)
		require.NoError(t, a.Close())
		_, err = a.Read(nil)
		require.EqualError(t, err, "read pipe a->b: use of closed network connection")
	})
}

func TestTheSteadyStateAllocatesNothing(t *testing.T) {
	a, b := Pipe()
	p, q := make([]byte, 1000), make([]byte, 600)
	var fed int
	n := testing.AllocsPerRun(1000, func() {
		if b.Unread() < 10000 {
			fed, _ = a.Write(p)
		}
		_, _ = b.Read(q)
	})
	require.Equal(t, len(p), fed)
	require.Zero(t, n)
}
