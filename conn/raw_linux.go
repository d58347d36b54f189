//go:build !386 && !parley_noraw

package conn

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// The system calls on Linux. They never wait, so the scheduler need not be told
// of them (syscall.RawSyscall): that is what it would do for one that does, and
// a goroutine may lose its processor over it. MSG_DONTWAIT holds even if somebody
// has made the socket a blocking one, as os.File.Fd does.
//
// They are called where the stack of a waiting goroutine is deepest. So that it is
// not doubled for them, they do with what is reserved at its end (go:nosplit).
//
// On 386 package syscall does not know these calls by name.

const sendFlags = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL

// tcpINQ has the kernel say with each message that recvmsg receives how many
// bytes are left. "After receiving a FIN, tell the user-space to continue reading
// by returning a non-zero inq", says the kernel of itself since version 5.1.
const tcpINQ = 36 // TCP_INQ and TCP_CM_INQ

// askForRest asks for what sysReceive then knows. It reports whether the kernel
// can do that.
func askForRest(fd uintptr) bool {
	return kernelTellsRest() && syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpINQ, 1) == nil
}

var kernelTellsRest = sync.OnceValue(func() bool {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	return err == nil && isSince51(string(release))
})

// isSince51 reports whether the release of a kernel is 5.1 or later.
func isSince51(release string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return n == 2 && (major > 5 || major == 5 && minor >= 1)
}

// sysRead is read(2): at least one byte, or an error, which is io.EOF at the
// end of the stream and errWouldBlock if there is nothing yet.
//
//go:nosplit
func sysRead(fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
		if errno != syscall.EINTR {
			return readResult(n, errno)
		}
	}
}

//go:nosplit
func readResult(n uintptr, errno syscall.Errno) (int, error) {
	switch {
	case errno == errWouldBlock:
		return 0, errWouldBlock // of all errors, this has to be quick
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, io.EOF
	default:
		return int(n), nil
	}
}

// sysReceive is sysRead on a socket that was asked for the rest. It also reports
// whether it has left nothing behind, neither bytes nor the end of the stream.
//
//go:nosplit
func sysReceive(fd uintptr, p []byte) (n int, drained bool, err error) {
	var rest struct {
		head syscall.Cmsghdr
		inq  int32
		_    int32
	}
	iov := syscall.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	msg := syscall.Msghdr{Iov: &iov, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&rest))}
	for {
		msg.SetControllen(int(unsafe.Sizeof(rest)))
		n, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&msg)), syscall.MSG_DONTWAIT)
		if errno == syscall.EINTR {
			continue
		}
		got, err := readResult(n, errno)
		return got, err == nil && rest.head.Type == tcpINQ && rest.inq == 0, err
	}
}

// sysError is what sysRead would return on a socket that is drained. A reset that came
// behind the last bytes is not told with them, as the end of the stream is, and may
// have been announced together with them.
func sysError(fd uintptr) error {
	errno, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
	switch {
	case err != nil:
		return err
	case errno != 0:
		return syscall.Errno(errno)
	default:
		return errWouldBlock
	}
}

// sysWrite is write(2): as much of p as the socket takes now, and errWouldBlock
// if that is not all.
//
//go:nosplit
func sysWrite(fd uintptr, p []byte) (int, error) {
	for len(p) > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), sendFlags, 0, 0)
		if errno != syscall.EINTR {
			return writeResult(n, errno, len(p))
		}
	}
	return 0, nil
}

// writeResult is what a write of size bytes came to. A socket that took less is full:
// asking it again would only tell us so.
//
//go:nosplit
func writeResult(n uintptr, errno syscall.Errno, size int) (int, error) {
	switch {
	case errno != 0:
		return 0, errno
	case int(n) < size:
		return int(n), errWouldBlock
	default:
		return int(n), nil
	}
}

// sysWritev is sysWrite of two pieces in one call, the second of them not empty.
func sysWritev(fd uintptr, a, b []byte) (int, error) {
	if len(a) == 0 {
		return sysWrite(fd, b)
	}
	iov := [2]syscall.Iovec{{Base: &a[0]}, {Base: &b[0]}}
	iov[0].SetLen(len(a))
	iov[1].SetLen(len(b))
	msg := syscall.Msghdr{Iov: &iov[0], Iovlen: 2}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&msg)), sendFlags)
		if errno != syscall.EINTR {
			return writeResult(n, errno, len(a)+len(b))
		}
	}
}
