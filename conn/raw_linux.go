package conn

import (
	"syscall"
	"unsafe"
)

// sysWritev is writev(2) of two pieces, the second of them not empty: as much as the
// socket takes now, and errWouldBlock if that is not all.
func sysWritev(fd uintptr, a, b []byte) (int, error) {
	if len(a) == 0 {
		return sysWrite(fd, b)
	}
	iov := [2]syscall.Iovec{{Base: &a[0]}, {Base: &b[0]}}
	iov[0].SetLen(len(a))
	iov[1].SetLen(len(b))
	for {
		n, _, errno := syscall.Syscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
		switch {
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return 0, errno
		case int(n) < len(a)+len(b):
			return int(n), errWouldBlock
		default:
			return int(n), nil
		}
	}
}
