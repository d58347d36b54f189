package main

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// usage is what has been used so far.
type usage struct {
	scope           string
	busyCPU, allCPU float64 // of the machine, in one unit, 0 if not known
	ownCPU          float64 // seconds
	used, total     uint64  // bytes
	own             uint64  // bytes
}

// measure reads /proc where there is one.
func measure() usage {
	files := map[string]string{}
	for _, name := range []string{"/proc/stat", "/proc/meminfo", "/proc/self/stat", "/proc/self/statm"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return ofRuntime()
		}
		files[name] = string(text)
	}
	u := usage{scope: "machine"}
	u.busyCPU, u.allCPU = parseStat(files["/proc/stat"])
	u.used, u.total = parseMeminfo(files["/proc/meminfo"])
	u.ownCPU = parseSelfStat(files["/proc/self/stat"])
	u.own = parseStatm(files["/proc/self/statm"])
	return u
}

// ofRuntime is what the Go runtime knows, which is of this process, and of its CPU time
// as of the latest garbage collection.
func ofRuntime() usage {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	own := samples[2].Value.Uint64() - samples[3].Value.Uint64()
	return usage{
		scope:  "process",
		ownCPU: samples[0].Value.Float64() - samples[1].Value.Float64(),
		used:   own, total: samples[2].Value.Uint64(), own: own,
	}
}

// parseStat reads the first line of /proc/stat: user, nice, system, idle, iowait, irq,
// softirq, steal, and what is in the first two already.
func parseStat(text string) (busy, all float64) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[0] != "cpu" {
		return 0, 0
	}
	for i, field := range fields[1:min(9, len(fields))] {
		ticks := number(field)
		all += ticks
		if i != 3 && i != 4 {
			busy += ticks
		}
	}
	return busy, all
}

// parseMeminfo reads lines such as "MemTotal:  16384 kB".
func parseMeminfo(text string) (used, total uint64) {
	var available uint64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			total = uint64(number(fields[1])) << 10
		case "MemAvailable:":
			available = uint64(number(fields[1])) << 10
		}
	}
	return total - min(available, total), total
}

// parseSelfStat reads the CPU time out of /proc/self/stat: the 14th and 15th field, in
// ticks of a hundredth of a second. The second is the program's name, in parentheses,
// with anything in it.
func parseSelfStat(text string) (seconds float64) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	return (number(fields[11]) + number(fields[12])) / 100
}

// parseStatm reads the resident pages, the second field.
func parseStatm(text string) (bytes uint64) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	return uint64(number(fields[1])) * uint64(os.Getpagesize())
}

// number is the number in a field, 0 for anything else.
func number(field string) float64 {
	n, _ := strconv.ParseUint(field, 10, 62)
	return float64(n)
}
