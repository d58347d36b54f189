//go:build !unix

package wstest

import "time"

// cpuTime is unknown here: the time on the wall has to do.
func cpuTime() time.Duration { return wallTime() }
