//go:build unix && !parley_noraw

package conn

import (
	"io"
	"math"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// socketPair returns two sockets that are connected, and neither of which blocks.
// What is written to one and not read is limited to a few KiB.
func socketPair(t testing.TB) (one, other int) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	for _, fd := range fds {
		require.NoError(t, syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 4096))
		require.NoError(t, syscall.SetNonblock(fd, true))
	}
	return fds[0], fds[1]
}

// fill writes to a socket until it takes no more.
func fill(fd int) {
	for _, size := range []int{1000, 1} {
		for err := error(nil); err == nil; {
			_, err = syscall.Write(fd, make([]byte, size))
		}
	}
}

// everything reads what there is.
func everything(t *testing.T, fd int) (all []byte) {
	p := make([]byte, 1000)
	for {
		n, err := sysRead(uintptr(fd), p)
		if err != nil {
			require.Equal(t, errWouldBlock, err)
			return all
		}
		all = append(all, p[:n]...)
	}
}

func TestSysRead(t *testing.T) {
	reset := error(syscall.ECONNRESET)
	if runtime.GOOS != "linux" {
		reset = io.EOF
	}
	for _, tt := range []struct {
		name  string
		peer  func(one, other int)
		first string
		err   error // of the next
	}{
		{"nothing", func(int, int) {}, "", errWouldBlock},
		{"a little", func(_, other int) { syscall.Write(other, []byte("ab")) }, "ab", errWouldBlock},
		{"more than there is room for", func(_, other int) { syscall.Write(other, []byte("abcd")) }, "abc", nil},
		{"the end", func(_, other int) { syscall.Close(other) }, "", io.EOF},
		{"half an end", func(_, other int) { syscall.Shutdown(other, syscall.SHUT_WR) }, "", io.EOF},
		{"bytes and the end", func(_, other int) {
			syscall.Write(other, []byte("ab"))
			syscall.Close(other)
		}, "ab", io.EOF},
		{"reset", func(one, other int) {
			syscall.Write(one, []byte("unread"))
			syscall.Close(other)
		}, "", reset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			one, other := socketPair(t)
			defer syscall.Close(one)
			defer syscall.Close(other)
			tt.peer(one, other)
			p := make([]byte, 3)
			if tt.first != "" {
				n, err := sysRead(uintptr(one), p)
				require.NoError(t, err)
				require.Equal(t, tt.first, string(p[:n]))
			}
			n, err := sysRead(uintptr(one), p)
			require.Equal(t, tt.err, err)
			require.Equal(t, err == nil, n > 0)
		})
	}
	_, err := sysRead(math.MaxInt32, make([]byte, 1))
	require.Equal(t, syscall.EBADF, err)
}

// eachSysWrite calls f with the ways to write p: in one piece, and in two pieces that
// are cut anywhere.
func eachSysWrite(t *testing.T, p []byte, f func(t *testing.T, write func(fd int) (int, error))) {
	t.Run("write", func(t *testing.T) {
		f(t, func(fd int) (int, error) { return sysWrite(uintptr(fd), p) })
	})
	for _, cut := range []int{0, len(p) / 9, len(p) / 3, len(p) - 1} {
		t.Run("writev", func(t *testing.T) {
			f(t, func(fd int) (int, error) { return sysWritev(uintptr(fd), p[:cut], p[cut:]) })
		})
	}
}

// A write says how much the socket took, and that is what arrives.
func TestSysWrite(t *testing.T) {
	for _, size := range []int{1, 100, 2000, 3000, 10_000, 100_000} {
		p := pattern(size)
		eachSysWrite(t, p, func(t *testing.T, write func(fd int) (int, error)) {
			one, other := socketPair(t)
			defer syscall.Close(one)
			defer syscall.Close(other)
			for range 10 {
				n, err := write(one)
				if n < size {
					require.Equal(t, errWouldBlock, err, "what did not go has to wait")
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, string(p[:n]), string(everything(t, other)))
				if size >= 100_000 {
					require.Positive(t, n)
					require.Less(t, n, size, "the socket has no room for that")
				}
			}
			fill(one)
			n, err := write(one)
			require.Zero(t, n)
			require.Equal(t, errWouldBlock, err)
		})
	}
}

func TestSysWriteFails(t *testing.T) {
	eachSysWrite(t, []byte("hello"), func(t *testing.T, write func(fd int) (int, error)) {
		one, other := socketPair(t)
		defer syscall.Close(one)
		syscall.Close(other)
		n, err := write(one)
		require.Zero(t, n)
		require.Equal(t, syscall.EPIPE, err)

		n, err = write(math.MaxInt32)
		require.Zero(t, n)
		require.Equal(t, syscall.EBADF, err)
	})
	n, err := sysWrite(math.MaxInt32, nil)
	require.Zero(t, n)
	require.NoError(t, err, "nothing to be written is written")
}

// Whatever is no plain socket is read and written as it wants it.
func TestRawConnOf(t *testing.T) {
	a, b := tcpPair(t)
	defer a.Close()
	defer b.Close()
	require.NotNil(t, rawConn(a))
	require.Nil(t, rawConn(bare{a}), "a wrapper may change the bytes")
	u, _ := unixPair(t)
	defer u.Close()
	require.NotNil(t, rawConn(u))
	require.Nil(t, orNil(rawConn(a), os.ErrInvalid))
}
