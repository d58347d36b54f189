//go:build (linux || darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package conn

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parleyws/websocket/internal/poll"
)

// socket is the stream beneath a connection that an event loop reads: a descriptor
// of which Go's own poller knows nothing. It is small, for there may be a million.
//
// The loop reads, and sends what nobody waits for. Somebody who has to wait until the
// peer takes what he writes does so in the waitingRoom; so it may even be the loop
// itself, which waits for a handler then.
type socket struct {
	loop  *eventLoop
	fd    int32
	slot  uint32
	users atomic.Int32 // of fd, and closedBit: the last one closes it

	again bool // it is in eventLoop.again
	unix  bool
	port  uint16
	ip    [16]byte // of the peer
}

const closedBit = 1 << 30

// detach takes the descriptor out of a connection of package net, which is closed
// thereby, or the socket out of a newcomer. It returns nil if nc is of another kind.
func detach(nc net.Conn, l *eventLoop) *socket {
	if n, ok := nc.(*newcomer); ok {
		n.socket.loop = l
		return n.socket
	}
	raw := rawConn(nc)
	if raw == nil {
		return nil
	}
	fd := -1
	raw.Control(func(old uintptr) { fd = duplicateFD(int(old)) })
	if fd < 0 {
		return nil
	}
	s := &socket{loop: l, fd: int32(fd)}
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		addr := tcp.AddrPort()
		s.ip, s.port = addr.Addr().As16(), addr.Port()
	} else {
		s.unix = true
	}
	nc.Close()
	return s
}

// hold keeps the descriptor open, or reports that it is closed.
func (s *socket) hold() bool {
	for {
		n := s.users.Load()
		if n&closedBit != 0 {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *socket) isClosed() bool { return s.users.Load()&closedBit != 0 }

func (s *socket) release() {
	if s.users.Add(-1) == closedBit {
		s.destroy()
	}
}

func (s *socket) destroy() { syscall.Close(int(s.fd)) }

// Close implements net.Conn. It never blocks.
func (s *socket) Close() error {
	for {
		n := s.users.Load()
		if n&closedBit != 0 {
			return net.ErrClosed
		}
		if s.users.CompareAndSwap(n, n|closedBit) {
			s.loop.server.waiting.dismiss(s)
			if n == 0 {
				s.destroy()
			} else {
				syscall.Shutdown(int(s.fd), syscall.SHUT_RDWR)
			}
			return nil
		}
	}
}

// CloseWrite ends our half of the stream.
func (s *socket) CloseWrite() error {
	return s.Control(func(fd uintptr) { syscall.Shutdown(int(fd), syscall.SHUT_WR) })
}

// Control calls f with the descriptor.
func (s *socket) Control(f func(fd uintptr)) error {
	if !s.hold() {
		return net.ErrClosed
	}
	defer s.release()
	f(uintptr(s.fd))
	return nil
}

// socketRaw is a socket as a syscall.RawConn. Read is never called: the loop reads.
type socketRaw socket

func (r *socketRaw) Control(f func(fd uintptr)) error { return (*socket)(r).Control(f) }

func (r *socketRaw) Read(func(fd uintptr) bool) error { panic("BUG: an event loop reads this socket") }

// Write calls f once: whoever has to wait does so elsewhere.
func (r *socketRaw) Write(f func(fd uintptr) bool) error {
	s := (*socket)(r)
	if !s.hold() {
		return net.ErrClosed
	}
	f(uintptr(s.fd))
	s.release()
	return nil
}

// SyscallConn gives access to the descriptor, to tune it.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return (*socketRaw)(s), nil }

// Read implements net.Conn, and fails.
func (s *socket) Read([]byte) (int, error) { return 0, errServed }

// SetReadDeadline implements net.Conn: nobody waits for bytes.
func (s *socket) SetReadDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn.
func (s *socket) SetDeadline(t time.Time) error { return s.SetWriteDeadline(t) }

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr {
	if s.unix {
		return &net.UnixAddr{Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(s.ip).Unmap(), s.port))
}

// LocalAddr implements net.Conn. It asks the kernel, which knows it as long as the
// socket is open.
func (s *socket) LocalAddr() net.Addr {
	var sa syscall.Sockaddr
	s.Control(func(fd uintptr) { sa, _ = syscall.Getsockname(int(fd)) })
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *syscall.SockaddrInet6:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *syscall.SockaddrUnix:
		return &net.UnixAddr{Net: "unix", Name: sa.Name}
	case nil:
	}
	if s.unix {
		return &net.UnixAddr{Net: "unix"}
	}
	return &net.TCPAddr{}
}

var _ interface {
	net.Conn
	syscall.Conn
	io.Closer
} = (*socket)(nil)

// register has the poller tell the loop of s.
func (s *socket) register(t poll.Token) error { return s.loop.poller.Add(int(s.fd), t) }

// asStream makes an upgraded stream of s what conn.New wants.
func (s *socket) rawConn() syscall.RawConn { return (*socketRaw)(s) }
