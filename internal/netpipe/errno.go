//go:build !plan9

package netpipe

import "syscall"

// What the system calls of a socket say.
const (
	errReset = syscall.ECONNRESET
	errPipe  = syscall.EPIPE
)

func isErrno(err error) bool {
	_, ok := err.(syscall.Errno)
	return ok
}
