//go:build !unix

package main

import "time"

// cpuTime is not known here, and the tables say so.
func cpuTime() (used time.Duration, known bool) { return 0, false }
