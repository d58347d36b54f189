//go:build unix

package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the CPU time that this process has used so far, in user mode and
// in the kernel, all threads together, so that the garbage collector counts.
func CPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic("BUG: getrusage: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
