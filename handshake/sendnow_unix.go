//go:build unix

package handshake

import (
	"net"
	"syscall"
)

// sendNow sends as much of u.out as the socket takes without waiting, and returns how
// much that is; 0 on other streams than plain sockets.
func (u *upgrade) sendNow(nc net.Conn) int {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	u.sent = 0
	if u.try == nil {
		u.try = u.trySend
	}
	raw.Write(u.try)
	return u.sent
}

// trySend is called with the descriptor. What an error says, the next write will.
func (u *upgrade) trySend(fd uintptr) bool {
	if n, err := syscall.Write(int(fd), u.out); err == nil {
		u.sent = n
	}
	return true
}
