//go:build unix

package wstest

import (
	"syscall"
	"time"
)

// cpuTime is the time of processors that this process has taken, its own and the
// system's for it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return wallTime()
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
