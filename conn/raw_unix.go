//go:build unix

package conn

import (
	"io"
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

const errWouldBlock = syscall.EAGAIN

// sysRead is read(2): at least one byte, or an error, which is io.EOF at the
// end of the stream and errWouldBlock if there is nothing yet.
func sysRead(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// sysWrite is write(2): as much of p as the socket takes now, and errWouldBlock
// if that is not all.
func sysWrite(fd uintptr, p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Write(int(fd), p[done:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
		if done < len(p) {
			// The socket is full. Asking it again would only tell us so.
			return done, errWouldBlock
		}
	}
	return done, nil
}
