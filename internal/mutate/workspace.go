package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// verdict is what the tests say of a mutant.
type verdict string

const (
	killed       verdict = "killed"       // a test fails
	survived     verdict = "SURVIVED"     // no test fails
	uncompilable verdict = "uncompilable" // it is no program, and says nothing of the tests
)

// workspace is a copy of the module that may be broken.
type workspace struct {
	dir     string
	timeout time.Duration // of one run of tests
}

// newWorkspace copies the module at root. Whoever calls it removes dir.
func newWorkspace(root string, timeout time.Duration) (*workspace, error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	return &workspace{dir, timeout}, copyModule(dir, root)
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

// try breaks the copy as m says, runs the stages until one finds it, and mends
// the copy again. src is the file as it was.
func (w *workspace) try(m mutant, src []byte, stages [][]string) (verdict, error) {
	if err := os.WriteFile(w.path(m.file), m.apply(src), 0o644); err != nil {
		return "", err
	}
	v := survived
	for _, args := range stages {
		if v, _ = w.test(args); v != survived {
			break
		}
	}
	return v, os.WriteFile(w.path(m.file), src, 0o644)
}

// test runs go test with args. A run that does not end fails: a mutant that
// hangs is found out.
func (w *workspace) test(args []string) (verdict, string) {
	const build = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout+build)
	defer cancel()
	args = append([]string{"test", "-vet=off", "-count=1", "-failfast", "-timeout", w.timeout.String()}, args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = w.dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return survived, string(out)
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return uncompilable, string(out)
	default:
		return killed, string(out)
	}
}
