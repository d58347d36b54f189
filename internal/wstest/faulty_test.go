package wstest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

var errBoom = errors.New("boom")

// readAll reads from nc with calls of 100 bytes and returns the sizes of the
// pieces, the bytes, and the error that ended it.
func readAll(nc net.Conn) (sizes []int, all string, err error) {
	for {
		p := make([]byte, 100)
		n, err := nc.Read(p)
		if err != nil {
			return sizes, all, err
		}
		sizes = append(sizes, n)
		all += string(p[:n])
	}
}

func TestNoFaults(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		f := Faulty(a, Faults{})
		n, err := f.Write([]byte("hello"))
		require.NoError(t, err)
		require.Equal(t, 5, n)
		require.Equal(t, 1, a.Writes())
		write(t, b, "hello")
		require.NoError(t, b.CloseWrite())
		sizes, all, err := readAll(f)
		require.Equal(t, io.EOF, err)
		require.Equal(t, "hello", all)
		require.Equal(t, []int{5}, sizes)
	})
}

func TestShortReads(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "0123456789")
		require.NoError(t, a.CloseWrite())
		sizes, all, err := readAll(Faulty(b, Faults{MaxRead: 4}))
		require.Equal(t, io.EOF, err)
		require.Equal(t, "0123456789", all)
		require.Equal(t, []int{4, 4, 2}, sizes)
	})
}

func TestRandomPiecesAreBoundedAndRepeatable(t *testing.T) {
	pieces := func(seed uint64) (sizes []int) {
		bubble(t, func(t *testing.T, a, b *Conn) {
			write(t, a, string(make([]byte, 1000)))
			require.NoError(t, a.CloseWrite())
			sizes, _, _ = readAll(Faulty(b, Faults{MaxRead: 7, Seed: seed}))
		})
		return sizes
	}
	one := pieces(1)
	require.Equal(t, one, pieces(1))
	require.NotEqual(t, one, pieces(2))
	var sum int
	for _, n := range one {
		require.Positive(t, n)
		require.LessOrEqual(t, n, 7)
		sum += n
	}
	require.Equal(t, 1000, sum)
}

func TestWritesInPieces(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		f := Faulty(a, Faults{MaxWrite: 3})
		n, err := f.Write([]byte("0123456789"))
		require.NoError(t, err)
		require.Equal(t, 10, n)
		require.Equal(t, 4, a.Writes())
		requireBytes(t, b, "0123456789")
	})
}

func TestEOFAtByte(t *testing.T) {
	for at := range int64(6) {
		bubble(t, func(t *testing.T, a, b *Conn) {
			write(t, a, "hello, world")
			_, all, err := readAll(Faulty(b, Faults{Read: []Fault{EOFAt(at)}}))
			require.Equal(t, io.EOF, err)
			require.Equal(t, "hello, world"[:at], all)
		})
	}
}

func TestWriteStopsAtByte(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		f := Faulty(a, Faults{Write: []Fault{ErrorAt(5, errBoom)}})
		n, err := f.Write([]byte("abc"))
		require.NoError(t, err)
		require.Equal(t, 3, n)
		n, err = f.Write([]byte("def"))
		require.ErrorIs(t, err, errBoom)
		require.Equal(t, 2, n)
		n, err = f.Write([]byte("x"))
		require.ErrorIs(t, err, errBoom, "it stays")
		require.Zero(t, n)
		requireBytes(t, b, "abcde")
		require.Zero(t, b.Unread())

		write(t, b, "the other direction works")
		requireBytes(t, a, "the other direction works")
	})
}

func TestAWriteThatEndsAtTheFaultIsWhole(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		f := Faulty(a, Faults{Write: []Fault{ErrorAt(5, errBoom)}})
		n, err := f.Write([]byte("abcde"))
		require.NoError(t, err)
		require.Equal(t, 5, n)
		requireBytes(t, b, "abcde")
	})
}

func TestResetAtByteRead(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "hello")
		f := Faulty(b, Faults{Read: []Fault{ResetAt(2)}})
		_, all, err := readAll(f)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Equal(t, "he", all)
		_, err = f.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.ECONNRESET, "both directions are gone")
		_, err = a.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET, "and the peer's")
		var op *net.OpError
		require.ErrorAs(t, err, &op)
	})
}

func TestResetAtByteWrittenWakesTheReader(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		f := Faulty(a, Faults{Write: []Fault{ResetAt(2)}})
		reading := start(f.Read, make([]byte, 1))
		requireBlocked(t, reading)
		n, err := f.Write([]byte("abc"))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Equal(t, 2, n)
		require.ErrorIs(t, (<-reading).err, syscall.ECONNRESET)
		_, err = b.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
}

func TestTimeoutAtCallPasses(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		write(t, a, "hello")
		f := Faulty(b, Faults{
			Read:  []Fault{TimeoutAtCall(1), TimeoutAtCall(3)},
			Write: []Fault{TimeoutAtCall(2)},
		})
		p := make([]byte, 2)
		for call, want := range []string{"", "he", "", "ll", "o"} {
			n, err := f.Read(p)
			require.Equal(t, want, string(p[:n]), "read %d", call+1)
			if want == "" {
				requireTimeout(t, err)
			} else {
				require.NoError(t, err)
			}
		}
		for call, want := range []int{3, 0, 3} {
			n, err := f.Write([]byte("abc"))
			require.Equal(t, want, n, "write %d", call+1)
			if want == 0 {
				requireTimeout(t, err)
			} else {
				require.NoError(t, err)
			}
		}
		requireBytes(t, a, "abcabc")
	})
}

func TestFaultyHasCloseWriteIfTheConnHas(t *testing.T) {
	bubble(t, func(t *testing.T, a, b *Conn) {
		half, ok := Faulty(a, Faults{}).(interface{ CloseWrite() error })
		require.True(t, ok)
		require.NoError(t, half.CloseWrite())
		_, err := b.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	_, ok := Faulty(x, Faults{}).(interface{ CloseWrite() error })
	require.False(t, ok, "net.Pipe has none")
}

func TestResetOfOtherConnections(t *testing.T) {
	x, y := net.Pipe()
	defer y.Close()
	_, err := Faulty(x, Faults{Write: []Fault{ResetAt(0)}}).Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = y.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err, "net.Pipe knows no reset: it is closed")
}

func TestResetOfTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	x, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	y, err := ln.Accept()
	require.NoError(t, err)
	defer y.Close()

	n, err := Faulty(x, Faults{Write: []Fault{ResetAt(3)}}).Write(bytes.Repeat([]byte("x"), 10))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Equal(t, 3, n)
	_, _, err = readAll(y)
	require.Error(t, err)
	require.NotEqual(t, io.EOF, err, "a reset is not a clean end")
}
