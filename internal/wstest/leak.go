package wstest

import (
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// leakPatience is how long Main waits for what is on its way out.
const leakPatience = 2 * time.Second

// Main runs the tests of a package and then fails if they have left anything
// behind: a goroutine, or (where there is /proc) an open file descriptor.
//
//	func TestMain(m *testing.M) { wstest.Main(m) }
func Main(m *testing.M) {
	before := takeInventory()
	code := m.Run()
	if code == 0 { // failed tests leave things behind, and have said why they failed
		code = report(before.leftAfter(leakPatience))
	}
	os.Exit(code)
}

// NoLeaks fails a test that leaves behind what Main looks for. It is to be called
// first of all, for what the test's Cleanup functions put away is not left. Other
// tests must not run at the same time.
func NoLeaks(t TB) {
	before := takeInventory()
	t.Cleanup(func() {
		if left := before.leftAfter(leakPatience); len(left) > 0 {
			t.Fatalf("the test has left %d things behind:\n\n%s", len(left), strings.Join(left, "\n\n"))
		}
	})
}

func report(left []string) (code int) {
	if len(left) == 0 {
		return 0
	}
	fmt.Fprintf(os.Stderr, "FAIL: the tests have left %d things behind; close what they opened and wait for what they started:\n\n%s\n",
		len(left), strings.Join(left, "\n\n"))
	return 1
}

// inventory is what a process has, each thing by a name that is not used twice
// and with a description.
type inventory map[string]string

func takeInventory() inventory {
	startRuntime()
	all := goroutines()
	maps.Copy(all, descriptors())
	return all
}

// leftAfter returns the descriptions of what is there now and was not before.
// It waits for such things to go, though not longer than patience, which it counts
// by looking: in a process that was stopped meanwhile nothing could go.
func (before inventory) leftAfter(patience time.Duration) []string {
	const pause = 10 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		now := takeInventory()
		maps.DeleteFunc(now, func(name, _ string) bool { _, ok := before[name]; return ok })
		if len(now) == 0 || waited >= patience {
			return slices.Sorted(maps.Values(now))
		}
		runtime.GC() // package net keeps pipes for splice(2) until they are collected
		time.Sleep(pause)
	}
}

// goroutines returns the stacks of all goroutines, by number.
func goroutines() inventory {
	all := inventory{}
	for stack := range strings.SplitSeq(stacks(), "\n\n") {
		name, _, _ := strings.Cut(stack, " [") // goroutine 7 [running]:
		all[name] = strings.TrimSpace(stack)
	}
	return all
}

func stacks() string {
	for buf := make([]byte, 64<<10); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return string(buf[:n])
		}
	}
}

// descriptors returns the open file descriptors, by what they refer to. It is
// empty on systems without /proc.
func descriptors() inventory {
	all := inventory{}
	names, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range names {
		target, err := os.Readlink(name)
		if err != nil {
			continue // it was the one that read the directory
		}
		all[name+" "+target] = fmt.Sprintf("file descriptor %s: %s", filepath.Base(name), target)
	}
	return all
}

// startRuntime makes the runtime start what it keeps for good once it is used:
// the descriptors of the network poller, the goroutine that forwards signals.
func startRuntime() {
	if r, w, err := os.Pipe(); err == nil {
		_ = r.Close()
		_ = w.Close()
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
}
