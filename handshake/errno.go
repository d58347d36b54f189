//go:build !plan9

package handshake

import "syscall"

// What the system calls of a socket say.
const (
	errReset = syscall.ECONNRESET
	errPipe  = syscall.EPIPE
)
