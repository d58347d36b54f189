//go:build linux

// Package process runs the servers of the benchmark in processes of their own:
// this program again, with other arguments, pinned to a core, and with a pipe each
// way to ask what it has used.
package process

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/parleyws/websocket/internal/bench/peers"
)

// Command is the first argument of a program that is to be a server.
const Command = "serve"

// Serve is a server process: it prints the address it listens at, then answers
// each line of input with its usage, and returns at the end of input. The line
// "settle" has it give memory back first, "profile FILE" begin a CPU profile, and
// "profiled" end it.
func Serve(args []string, in io.Reader, out io.Writer) error {
	var t peers.Task
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	name := flags.String("peer", "", "the `name` of the server")
	flags.BoolVar(&t.Broadcast, "broadcast", false, "")
	flags.BoolVar(&t.Text, "text", false, "")
	flags.BoolVar(&t.Compress, "compress", false, "")
	flags.IntVar(&t.Size, "size", 0, "")
	flags.IntVar(&t.Wire, "wire", 0, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all := peers.All()
	at := slices.IndexFunc(all, func(p peers.Peer) bool { return p.Name == *name })
	if at < 0 {
		return fmt.Errorf("there is no server %q", *name)
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	fmt.Fprintln(out, ln.Addr())
	failed := make(chan error, 1)
	go func() { failed <- all[at].Serve(ln, &t) }()
	go func() { failed <- answer(&t, in, out) }()
	return <-failed
}

// answer is the conversation with the process that has started this one.
func answer(t *peers.Task, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		switch what, file, _ := strings.Cut(lines.Text(), " "); what {
		case "settle":
			settle()
		case "profile":
			f, err := os.Create(file)
			if err != nil {
				return err
			}
			defer f.Close()
			if err := pprof.StartCPUProfile(f); err != nil {
				return err
			}
		case "profiled":
			pprof.StopCPUProfile()
		}
		if err := json.NewEncoder(out).Encode(usage(t.Members.Load())); err != nil {
			return err
		}
	}
	return lines.Err()
}

// arguments are those that make Serve do t.
func arguments(peer string, t *peers.Task) []string {
	return []string{
		Command, "-peer", peer,
		fmt.Sprintf("-broadcast=%t", t.Broadcast), fmt.Sprintf("-text=%t", t.Text), fmt.Sprintf("-compress=%t", t.Compress),
		fmt.Sprintf("-size=%d", t.Size), fmt.Sprintf("-wire=%d", t.Wire),
	}
}

// IsServer reports whether the arguments of a program say that it is a server.
func IsServer(args []string) bool { return len(args) > 1 && args[1] == Command }

// Main is a server process, from its first line to its end.
func Main() {
	if err := Serve(os.Args[2:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench serve:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
