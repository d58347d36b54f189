package handshake

import "syscall"

// Plan 9 has words in place of numbers.
const (
	errReset = syscall.ErrorString("connection reset by peer")
	errPipe  = syscall.ErrorString("broken pipe")
)
