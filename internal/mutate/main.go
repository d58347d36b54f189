// Mutate tests the tests. It makes one mistake at a time in the code that states
// the rules of the protocol, such as a < for a <=, a check that is left out, a
// wrong status code, and runs the tests. A mistake that no test finds has
// survived: either the program means the same with it, or a test is missing.
//
//	go run ./internal/mutate                          # all of it, for half an hour or more
//	go run ./internal/mutate -pkg frame               # one package
//	go run ./internal/mutate -run 'inbound.go:1?[0-9] '  # some lines of a file
//	go run ./internal/mutate -run 'drop check'        # one kind of mistake
//	go run ./internal/mutate -shard 2/8               # every eighth, from the second
//	go run ./internal/mutate -list                    # the mistakes, none made
//
// Mistakes are made in a temporary copy of the module. Their order is always the
// same. The exit code is 1 if any survived, apart from those that equivalent.txt
// says to be none.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"time"
)

// options are the flags.
type options struct {
	root    string
	run     *regexp.Regexp
	limit   int // 0: none
	shard   shard
	list    bool
	timeout time.Duration
	known   string // the text of equivalent.txt
}

// shard is every n-th from the i-th, which counts from 1.
type shard struct{ i, n int }

func parseShard(s string) (sh shard, err error) {
	if _, err := fmt.Sscanf(s, "%d/%d", &sh.i, &sh.n); err != nil || sh.i < 1 || sh.i > sh.n {
		return shard{}, fmt.Errorf("%q is no shard, the second of eight is 2/8", s)
	}
	return sh, nil
}

func main() {
	survivors, err := command(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if survivors > 0 {
		os.Exit(1)
	}
}

func command(args []string, out io.Writer) (survivors int, err error) {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(out)
	run := flags.String("run", "", "make only the mistakes whose line of output matches this `regexp`")
	pkg := flags.String("pkg", "frame,handshake,internal/socks,conn", "make mistakes in these `packages`")
	which := flags.String("shard", "1/1", "make every n-th mistake, from the `i/n`-th")
	o := options{known: equivalents}
	flags.StringVar(&o.root, "root", ".", "the root `directory` of the module")
	flags.IntVar(&o.limit, "n", 0, "make at most this `number` of mistakes; 0 is all")
	flags.BoolVar(&o.list, "list", false, "list the mistakes and make none")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "how long one run of tests may take, at most")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	if o.run, err = regexp.Compile(*run); err != nil {
		return 0, err
	}
	if o.shard, err = parseShard(*which); err != nil {
		return 0, err
	}
	chosen, err := choose(*pkg)
	if err != nil {
		return 0, err
	}
	return o.mutate(chosen, out)
}

// job is a mutant and what is needed to try it.
type job struct {
	mutant
	src     []byte
	stages  []stage
	id      int     // counts from 1
	armed   bool    // it is one of those that share a program
	verdict verdict // "" as long as it is not known
}

// jobs are the mutants of the module at root that the options leave.
func (o *options) jobs(root string, chosen []target) (jobs []*job, err error) {
	count := 0
	for _, t := range chosen {
		for _, name := range t.files {
			file := path.Join(t.pkg, name)
			src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
			if err != nil {
				return nil, err
			}
			mutants, err := find(file, src)
			if err != nil {
				return nil, err
			}
			first, err := t.nearest(root, name)
			if err != nil {
				return nil, err
			}
			for _, m := range mutants {
				if !o.run.MatchString(m.String()) || o.limit > 0 && len(jobs) == o.limit {
					continue
				}
				if count++; count%o.shard.n == o.shard.i%o.shard.n {
					jobs = append(jobs, &job{mutant: m, src: src, stages: append(first, t.stages...), id: len(jobs) + 1})
				}
			}
		}
	}
	return jobs, nil
}

// mutate makes the mistakes and reports each of them.
func (o *options) mutate(chosen []target, out io.Writer) (survivors int, err error) {
	if o.list {
		return 0, o.print(chosen, out)
	}
	known, err := parseEquivalents(o.known)
	if err != nil {
		return 0, err
	}
	w, err := newWorkspace(o.root, o.timeout)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(w.dir)
	jobs, err := o.jobs(w.dir, chosen)
	if err != nil {
		return 0, err
	}
	for _, j := range jobs {
		if known[j.key(j.src)] != "" {
			j.verdict = equivalent
		}
	}
	if err := w.arm(jobs); err != nil {
		return 0, err
	}
	if err := w.sound(jobs); err != nil {
		return 0, err
	}
	return w.report(jobs, out)
}

func (w *workspace) report(jobs []*job, out io.Writer) (survivors int, err error) {
	count := map[verdict]int{}
	for _, j := range jobs {
		v, by, err := w.try(j)
		if err != nil {
			return 0, err
		}
		count[v]++
		switch v {
		case survived:
			fmt.Fprintf(out, "%s: %s\n%s\n", v, j, j.diff(j.src))
		case killed:
			fmt.Fprintf(out, "%s: %s, by %s\n", v, j, by)
		default:
			fmt.Fprintf(out, "%s: %s\n", v, j)
		}
	}
	fmt.Fprintf(out, "%d mistakes: %d killed, %d survived, %d equivalent, %d uncompilable\n",
		len(jobs), count[killed], count[survived], count[equivalent], count[uncompilable])
	return count[survived], nil
}

func (o *options) print(chosen []target, out io.Writer) error {
	jobs, err := o.jobs(o.root, chosen)
	for _, j := range jobs {
		fmt.Fprintf(out, "%s\n%s\n", j, j.diff(j.src))
	}
	return err
}
