//go:build unix && !parley_noraw

package conn

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// shrink gives a socket the smallest buffer to be written to that there is.
func shrink(t *testing.T, nc net.Conn) {
	onDescriptor(t, nc, func(fd int) {
		require.NoError(t, syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1))
	})
}

// fillUp writes to a socket, past its owner, until it takes no more.
func fillUp(t *testing.T, nc net.Conn) {
	shrink(t, nc)
	onDescriptor(t, nc, fill)
}

func onDescriptor(t *testing.T, nc net.Conn, f func(fd int)) {
	raw, err := nc.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { f(int(fd)) }))
}
