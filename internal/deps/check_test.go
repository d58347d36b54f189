package deps

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Each check returns what is wrong, a sentence for each mistake that says what
// to do about it.

// checkLayers: imports within the module go from higher to lower layers.
func checkLayers(m module) (wrong []string) {
	for _, i := range m.imports {
		target, ok := strings.CutPrefix(i.path, m.path+"/")
		if !ok {
			continue
		}
		may, ok := mayImport(i.dir())
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s: %s has no layer; add it to layers in internal/deps/rules_test.go", i.file, i.dir()))
		case slices.Contains(may, target):
		case matchAny(may, target) && !slices.Contains(forTests, target):
		case i.inTest && (target == i.dir() || slices.Contains(forTests, target)):
		case slices.Contains(forTests, target):
			wrong = append(wrong, fmt.Sprintf("%s: imports %s, which is for tests; do without, or move the code to a _test.go file", i.file, target))
		default:
			wrong = append(wrong, fmt.Sprintf("%s: imports %s, but %s may import of this module only %q; turn the dependency round, or move what both need further down", i.file, target, i.dir(), may))
		}
	}
	return wrong
}

func mayImport(dir string) (dirs []string, ok bool) {
	for _, l := range layers {
		if matchAny([]string{l.dir}, dir) {
			return l.mayImport, true
		}
	}
	return nil, false
}

// checkModules: code imports the standard library, and tests testify besides.
func checkModules(m module) (wrong []string) {
	for _, i := range m.imports {
		switch {
		case isStandard(i.path) || strings.HasPrefix(i.path, m.path+"/"):
		case i.inTest && (i.path == testModule || strings.HasPrefix(i.path, testModule+"/")):
		case i.inTest:
			wrong = append(wrong, fmt.Sprintf("%s: imports %s; tests use the standard library and %s, anything else goes into a nested module", i.file, i.path, testModule))
		default:
			wrong = append(wrong, fmt.Sprintf("%s: imports %s; the root module has no dependencies, use the standard library or make a nested module", i.file, i.path))
		}
	}
	return wrong
}

// isStandard reports whether an import path is of the standard library: the
// first element has no dot. Cgo's "C" is not, for it needs a C compiler.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return first != "C" && !strings.Contains(first, ".")
}

// checkPure: the pure packages have no I/O, no locks and no clock.
func checkPure(m module) (wrong []string) {
	for _, i := range m.imports {
		if !i.inTest && slices.Contains(pure.dirs, i.dir()) && matchAny(pure.mayNotImport, i.path) {
			wrong = append(wrong, fmt.Sprintf("%s: imports %s; %s is pure, bytes in and bytes out: let its caller do that", i.file, i.path, i.dir()))
		}
	}
	return wrong
}

// checkTopLevel: the root directory holds what topLevel says.
func checkTopLevel(fsys fs.FS) (wrong []string, err error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	ignored, err := fs.ReadFile(fsys, ".gitignore")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !slices.Contains(topLevel, e.Name()) && !matchAny(strings.Fields(string(ignored)), e.Name()) {
			wrong = append(wrong, fmt.Sprintf("%s: does not belong to the top level; move it into the directory that needs it, code that only we use into internal", e.Name()))
		}
	}
	return wrong, nil
}

// checkLayersExist: no rule is left over from a package that is gone.
func checkLayersExist(m module) (wrong []string) {
	for _, l := range layers {
		if !slices.ContainsFunc(m.imports, func(i imported) bool { return matchAny([]string{l.dir}, i.dir()) }) {
			wrong = append(wrong, fmt.Sprintf("layers has a rule for %s, where nothing imports anything; remove it from internal/deps/rules_test.go", l.dir))
		}
	}
	return wrong
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(strings.TrimSuffix(pattern, "/"), name)
		if err != nil {
			panic("BUG: pattern " + pattern)
		}
		return ok
	})
}
