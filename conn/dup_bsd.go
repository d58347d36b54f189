//go:build (darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package conn

import "syscall"

// duplicateFD returns another descriptor of what fd is one of, or -1.
func duplicateFD(fd int) int {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	other, err := syscall.Dup(fd)
	if err != nil {
		return -1
	}
	syscall.CloseOnExec(other)
	return other
}
