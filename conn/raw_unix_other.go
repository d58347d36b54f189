//go:build unix && (!linux || 386) && !parley_noraw

package conn

import (
	"io"
	"syscall"
)

// askForRest reports that sysReceive cannot be had.
func askForRest(uintptr) bool { return false }

func sysError(uintptr) error { panic("BUG: nobody asked for the rest") }

func sysReceive(uintptr, []byte) (n int, drained bool, err error) {
	panic("BUG: nobody asked for the rest")
}

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

// sysWritev writes two pieces, the second only if the socket took all of the
// first.
func sysWritev(fd uintptr, a, b []byte) (int, error) {
	n, err := sysWrite(fd, a)
	if err != nil {
		return n, err
	}
	m, err := sysWrite(fd, b)
	return n + m, err
}
