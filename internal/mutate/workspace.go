package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// verdict is what the tests say of a mutant.
type verdict string

const (
	killed       verdict = "killed"       // a test fails
	survived     verdict = "SURVIVED"     // no test fails
	equivalent   verdict = "equivalent"   // no test can fail, see equivalent.txt
	uncompilable verdict = "uncompilable" // it is no program, and says nothing of the tests
)

// workspace is a copy of the module that may be broken.
type workspace struct {
	dir     string
	timeout time.Duration            // of one run of tests, at most
	usual   map[string]time.Duration // how long a stage takes without a mistake
}

// newWorkspace copies the module at root. Whoever calls it removes dir.
func newWorkspace(root string, timeout time.Duration) (*workspace, error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	for _, where := range []string{common, single} {
		if err := os.MkdirAll(filepath.Join(dir, where), 0o755); err != nil {
			return nil, err
		}
	}
	return &workspace{dir, timeout, map[string]time.Duration{}}, copyModule(dir, root)
}

// copyModule copies all but what no test of the module needs.
func copyModule(to, from string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch base := d.Name(); {
		case d.IsDir() && rel != "." && (base[0] == '.' || base == "node_modules"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o644)
	})
}

func (w *workspace) path(file string) string { return filepath.Join(w.dir, filepath.FromSlash(file)) }

// gotool runs the go command in the copy.
func (w *workspace) gotool(args ...string) (out string, ok bool) {
	cmd := exec.Command("go", args...)
	cmd.Dir = w.dir
	b, err := cmd.CombinedOutput()
	return string(b), err == nil
}

// compile builds the module, and says all that is wrong with it.
func (w *workspace) compile() (out string, ok bool) { return w.gotool("build", "-gcflags=-e", "./...") }

// Where the tests of a package are: those of the program with all mistakes, and
// those of a program for one.
const (
	common = ".tests/common"
	single = ".tests/single"
)

// build makes the tests of a stage.
func (w *workspace) build(where string, s stage) (out string, ok bool) {
	return w.gotool("test", "-c", "-vet=off", "-o", s.binary(where), "./"+s.pkg)
}

// try runs the stages until one finds the mistake. It returns which test did.
func (w *workspace) try(j *job) (v verdict, by string, err error) {
	switch {
	case j.verdict != "":
		return j.verdict, "", nil
	case j.armed:
		v, by = w.tryArmed(j)
		return v, by, nil
	}
	armed, err := os.ReadFile(w.path(j.file))
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(w.path(j.file), j.apply(j.src), 0o644); err != nil {
		return "", "", err
	}
	v, by = w.trySingle(j)
	return v, by, os.WriteFile(w.path(j.file), armed, 0o644)
}

func (w *workspace) tryArmed(j *job) (v verdict, by string) {
	for _, s := range j.stages {
		if out, ok := w.test(common, s, j.id); !ok {
			return killed, culprit(out)
		}
	}
	return survived, ""
}

func (w *workspace) trySingle(j *job) (v verdict, by string) {
	built := ""
	for _, s := range j.stages {
		if s.pkg != built {
			if _, ok := w.build(single, s); !ok {
				return uncompilable, ""
			}
			built = s.pkg
		}
		if out, ok := w.test(single, s, 0); !ok {
			return killed, culprit(out)
		}
	}
	return survived, ""
}

// test runs one stage. A run that does not end fails: a mistake that makes the
// tests hang is found out.
func (w *workspace) test(where string, s stage, id int) (out string, ok bool) {
	limit := w.limit(s)
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	args := append([]string{"-test.failfast", "-test.timeout", limit.String()}, s.flags...)
	cmd := exec.CommandContext(ctx, w.path(s.binary(where)), args...)
	cmd.Dir = w.path(s.pkg)
	cmd.Env = append(os.Environ(), chooser+"="+strconv.Itoa(id))
	cmd.WaitDelay = time.Second
	b, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrNotExist) {
		panic("BUG: the tests were not built: " + err.Error())
	}
	return string(b), err == nil
}

// limit is how long a stage may take: much longer than it does when all is well.
func (w *workspace) limit(s stage) time.Duration {
	usual, ok := w.usual[s.String()]
	if !ok {
		return w.timeout
	}
	return min(w.timeout, 5*time.Second+5*usual)
}

// sound sees to it that the tests pass as long as no mistake is made.
func (w *workspace) sound(jobs []*job) error {
	for _, j := range jobs {
		for _, s := range j.stages {
			if _, done := w.usual[s.String()]; done {
				continue
			}
			if err := w.measure(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure takes the time of a stage. It builds the tests if they are not there.
func (w *workspace) measure(s stage) error {
	if _, err := os.Stat(w.path(s.binary(common))); err != nil {
		if out, ok := w.build(common, s); !ok {
			return fmt.Errorf("the tests of %s do not compile:\n%s", s.pkg, out)
		}
	}
	begin := time.Now()
	if out, ok := w.test(common, s, 0); !ok {
		return fmt.Errorf("the tests of %s fail without any mistake of ours, mend that first:\n%s", s.pkg, out)
	}
	w.usual[s.String()] = time.Since(begin)
	return nil
}

var (
	failure = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	caller  = regexp.MustCompile(`(?m)\.(Test\w+|Example\w*)(?:\.func\S+)?\(`)
)

// culprit returns the first test that failed, as far as the output tells.
func culprit(out string) string {
	if m := failure.FindStringSubmatch(out); m != nil {
		return m[1]
	}
	switch m := caller.FindStringSubmatch(out); {
	case strings.Contains(out, "panic: test timed out"):
		return "the time limit"
	case m != nil:
		return m[1]
	case strings.Contains(out, "the tests have left"):
		return "what it leaves"
	default:
		return "a crash"
	}
}
