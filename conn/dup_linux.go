//go:build !parley_noraw

package conn

import "syscall"

// duplicateFD returns another descriptor of what fd is one of, or -1.
func duplicateFD(fd int) int {
	n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}
