//go:build linux && amd64 && !purego

// Guard fails when an operation takes more than it used to: more instructions, more
// allocations, more system calls. These are counted, not timed, so a busy machine
// changes nothing.
//
//	go run ./guard                              # compare with bounds.txt
//	go run ./guard -only 'echo|accept'          # some of them
//	go run ./guard -renew guard/bounds.txt      # write what is measured now, with some room
//
// Each operation runs in a process of its own under Valgrind, N times and 2·N
// times; the difference, divided by N, is what one costs, without the start of the
// program and the first uses of everything. Valgrind shows programs the same processor
// on all machines with AVX2, so the counts depend on the code and on the
// compiler. After an update of Go they may have to be renewed; after a change of the
// code, only if what it costs is worth it.
//
// Elsewhere, and without Valgrind, it says so and counts nothing.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"text/tabwriter"

	"github.com/parleyws/websocket/internal/cpu"
)

//go:embed bounds.txt
var boundsText string

func main() {
	if len(os.Args) == 4 && os.Args[1] == command {
		os.Exit(operate(os.Args[2], os.Args[3]))
	}
	if err := guard(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func guard(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("guard", flag.ContinueOnError)
	flags.SetOutput(out)
	only := flags.String("only", "", "only the operations whose name matches this `regexp`")
	renew := flags.String("renew", "", "write bounds to this `file`, and compare with none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	bounds, err := parseBounds(boundsText)
	if err != nil {
		return err
	}
	if reason := cannot(); reason != "" {
		fmt.Fprintln(out, "skipped:", reason)
		return nil
	}
	measured, err := countAll(chosen)
	if err != nil {
		return err
	}
	if *renew != "" {
		return os.WriteFile(*renew, []byte(formatBounds(measured)), 0o666)
	}
	return compare(measured, bounds, out)
}

// cannot says why nothing can be counted here, if that is so.
func cannot() string {
	if _, err := exec.LookPath("valgrind"); err != nil {
		return "there is no valgrind"
	}
	if !cpu.AVX2 {
		return "the bounds are for processors with AVX2"
	}
	return ""
}

// compare prints what was measured, and returns what is too much.
func compare(measured []result, bounds map[string]counts, out io.Writer) (err error) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tinstructions\tat most\tallocations\tat most\tsystem calls\tat most\t\n")
	for _, m := range measured {
		b, known := bounds[m.name]
		if !known {
			err = errors.Join(err, fmt.Errorf("%s has no bound in bounds.txt", m.name))
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", m.name,
			m.instructions, b.instructions, m.allocations, b.allocations, m.calls, b.calls)
		if known {
			err = errors.Join(err, m.exceeds(b))
		}
	}
	t.Flush()
	for _, m := range measured {
		if b := bounds[m.name]; m.stale(b) {
			fmt.Fprintf(out, "%s takes much less than its bound: renew it, or it guards nothing\n", m.name)
		}
	}
	return err
}
