//go:build unix && !parley_noraw

package conn

import (
	"net"
	"syscall"
)

// rawConn returns the means to try a system call on nc without waiting, or nil
// if nc is no plain socket.
func rawConn(nc net.Conn) syscall.RawConn {
	switch nc := nc.(type) {
	case *net.TCPConn:
		return orNil(nc.SyscallConn())
	case *net.UnixConn:
		return orNil(nc.SyscallConn())
	default:
		return nil
	}
}

func orNil(raw syscall.RawConn, err error) syscall.RawConn {
	if err != nil {
		return nil
	}
	return raw
}

// shutdown ends both halves of the stream.
func shutdown(fd uintptr) { syscall.Shutdown(int(fd), syscall.SHUT_RDWR) }

const errWouldBlock = syscall.EAGAIN
