//go:build linux && amd64 && !purego

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// command is the first argument of a process that operates.
const command = "operate"

// patience is how long one process may take. They take a second or two.
const patience = time.Minute

// countAll counts what one of each chosen operation takes, two at a time.
func countAll(chosen *regexp.Regexp) ([]result, error) {
	var list []operation
	for _, o := range operations() {
		if chosen.MatchString(o.name) {
			list = append(list, o)
		}
	}
	results, failures := make([]result, len(list)), make([]error, len(list))
	var wg sync.WaitGroup
	free := make(chan struct{}, max(1, min(2, runtime.NumCPU())))
	for i, o := range list {
		wg.Go(func() {
			free <- struct{}{}
			results[i], failures[i] = count(o)
			<-free
		})
	}
	wg.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// count counts what one operation takes.
func count(o operation) (result, error) {
	once, err := process(o.name, o.times)
	if err != nil {
		return result{}, err
	}
	twice, err := process(o.name, 2*o.times)
	if err != nil {
		return result{}, err
	}
	per := func(twice, once float64) float64 { return max(0, twice-once) / float64(o.times) }
	return result{o.name, counts{
		instructions: per(twice.instructions, once.instructions),
		allocations:  per(twice.allocations, once.allocations),
		calls:        per(twice.calls, once.calls),
	}}, nil
}

// process counts what a whole process takes that does an operation n times.
func process(name string, n int) (total counts, err error) {
	self, err := os.Executable()
	if err != nil {
		return total, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// What valgrind says is kept from what the process says: a line of one may begin in
	// the middle of a line of the other.
	file, err := os.CreateTemp("", "guard")
	if err != nil {
		return total, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	// Without a simulated cache, cachegrind does nothing but count.
	cmd := exec.CommandContext(ctx, "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
		"--trace-syscalls=yes", "--log-file="+file.Name(), self, command, name, strconv.Itoa(n))
	// One goroutine runs at a time, and neither a collector nor a timer comes between.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	log, unread := io.ReadAll(file)
	if err = errors.Join(err, unread); err != nil {
		return total, fmt.Errorf("%s, under valgrind: %w: %.2000s\n%.2000s", name, err, said.String(), tail(string(log)))
	}
	return parse(string(out), string(log))
}

// tail returns the last lines of a log, without those of system calls.
func tail(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "SYSCALL[") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-20):], "")
}

var (
	instructions = regexp.MustCompile(`(?m)^==\d+== I +refs: +([\d,]+)`)
	allocations  = regexp.MustCompile(`(?m)^allocations: (\d+)$`)
	// Those on descriptors. What Go's scheduler calls, futexes and naps, is not the
	// operation's.
	systemCall = regexp.MustCompile(`SYSCALL\[\d+,\d+\]\(\d+\) sys_(read|write|readv|writev|sendto|recvfrom|sendmsg|recvmsg|epoll_\w+|accept4?|socket|connect|close|shutdown|[gs]etsockopt|fcntl) `)
)

func parse(out, log string) (total counts, err error) {
	find := func(r *regexp.Regexp, text string) (n float64) {
		found := r.FindStringSubmatch(text)
		if found == nil {
			err = fmt.Errorf("nothing that is like %v in what valgrind prints: %.2000s", r, tail(log))
			return 0
		}
		n, err = strconv.ParseFloat(strings.ReplaceAll(found[1], ",", ""), 64)
		return n
	}
	total.instructions = find(instructions, log)
	if err == nil {
		total.allocations = find(allocations, out)
	}
	total.calls = float64(len(systemCall.FindAllStringIndex(log, -1)))
	return total, err
}
