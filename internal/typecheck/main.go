// Command typecheck looks whether packages, tests included, and all that they import
// would compile on other systems, without compiling them: it checks their types, and
// of other modules what they declare alone. That takes a few seconds where a compiler
// takes half a minute for the standard library.
//
//	go run ./internal/typecheck openbsd/riscv64,windows/386 ./...
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: typecheck os/arch,os/arch… packages…")
		os.Exit(2)
	}
	status := 0
	for target := range strings.SplitSeq(os.Args[1], ",") {
		fmt.Println(target)
		n, err := check(target, os.Args[2:]...)
		if err == nil && n == 0 {
			err = errors.New("there are no such packages")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string // of those that are imported by another name
	Module     *struct{ Main bool }
	Error      *struct{ Err string }
}

func (p *listed) ours() bool { return p.Module != nil && p.Module.Main }

// check checks the packages for a target. It returns how many of the main module
// there were, and all errors.
func check(target string, patterns ...string) (n int, err error) {
	goos, goarch, _ := strings.Cut(target, "/")
	sizes := types.SizesFor("gc", goarch)
	if sizes == nil {
		return 0, fmt.Errorf("there is no architecture %q", goarch)
	}
	c := &checker{sizes: sizes, fset: token.NewFileSet(), done: map[string]*types.Package{"unsafe": types.Unsafe}}
	packages, err := list(goos, goarch, patterns)
	for _, p := range packages { // what is imported comes first
		if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") {
			continue // the latter are programs that go test would write
		}
		if p.ours() {
			n++
		}
		c.check(p)
	}
	return n, errors.Join(append(c.errs, err)...)
}

func list(goos, goarch string, patterns []string) (packages []*listed, err error) {
	cmd := exec.Command("go", append([]string{"list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap,Module,Error"}, patterns...)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s/%s: %w", goos, goarch, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		switch err := d.Decode(p); {
		case err == io.EOF:
			return packages, nil
		case err != nil:
			return nil, err
		case p.Error != nil:
			return nil, errors.New(p.Error.Err)
		}
		packages = append(packages, p)
	}
}

type checker struct {
	sizes types.Sizes
	fset  *token.FileSet
	done  map[string]*types.Package
	errs  []error
}

// check checks a package whose imports have been.
func (c *checker) check(p *listed) {
	var files []*ast.File
	for _, name := range p.GoFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		f, err := parser.ParseFile(c.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			c.errs = append(c.errs, err)
			return
		}
		files = append(files, f)
	}
	conf := types.Config{
		Importer: c.importsOf(p), Sizes: c.sizes, IgnoreFuncBodies: !p.ours(),
		Error: func(err error) {
			if p.ours() {
				c.errs = append(c.errs, err)
			}
		},
	}
	path, _, _ := strings.Cut(p.ImportPath, " ")
	c.done[p.ImportPath], _ = conf.Check(path, c.fset, files, nil)
}

// importer finds what a package imports.
type importer func(path string) (*types.Package, error)

// Import implements types.Importer.
func (f importer) Import(path string) (*types.Package, error) { return f(path) }

func (c *checker) importsOf(p *listed) types.Importer {
	return importer(func(path string) (*types.Package, error) {
		if other, ok := p.ImportMap[path]; ok {
			path = other
		}
		if found := c.done[path]; found != nil {
			return found, nil
		}
		return nil, fmt.Errorf("%s is not there", path)
	})
}
