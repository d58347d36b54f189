package deps

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// module is the root module as its files are, for all systems and build tags.
type module struct {
	path    string // as in go.mod
	imports []imported
}

// imported is one line of an import declaration.
type imported struct {
	file   string // with its directory, from the root
	path   string
	inTest bool
}

func (i imported) dir() string { return path.Dir(i.file) }

// scan reads the module in fsys. It leaves out what Go leaves out: nested
// modules, testdata, and names that begin with a dot or an underscore.
func scan(fsys fs.FS) (module, error) {
	gomod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return module{}, err
	}
	m := module{path: modulePath(string(gomod))}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && leftOut(fsys, name):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		imports, err := scanFile(fsys, name)
		m.imports = append(m.imports, imports...)
		return err
	})
	return m, err
}

func modulePath(gomod string) string {
	for line := range strings.Lines(gomod) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name)
		}
	}
	panic("BUG: go.mod has no module line")
}

func leftOut(fsys fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return true
	}
	base := path.Base(dir)
	return base == "testdata" || base[0] == '.' || base[0] == '_'
}

func scanFile(fsys fs.FS, name string) (imports []imported, err error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	for _, spec := range f.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		imports = append(imports, imported{file: name, path: target, inTest: strings.HasSuffix(name, "_test.go")})
	}
	return imports, nil
}

// tree is a module for the tests of this package: the name of a file and what
// it imports.
func tree(files map[string][]string) fstest.MapFS {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.org/ws\n\ngo 1.26\n")}}
	for name, imports := range files {
		src := "package p\n"
		for _, i := range imports {
			src += "import " + strconv.Quote(i) + "\n"
		}
		fsys[name] = &fstest.MapFile{Data: []byte(src)}
	}
	return fsys
}

func TestScan(t *testing.T) {
	fsys := tree(map[string][]string{
		"a/a.go":               {"fmt", "example.org/ws/b"},
		"a/a_test.go":          {"testing"},
		"a/a_plan9_mips.s.go":  {"os"},
		"a/testdata/x.go":      {"skipped"},
		"_a/x.go":              {"skipped"},
		".a/x.go":              {"skipped"},
		"nested/x.go":          {"skipped"},
		"nested/deep/x.go":     {"skipped"},
		"examples/one/main.go": {"example.org/ws/a"},
	})
	fsys["nested/go.mod"] = &fstest.MapFile{}
	fsys["a/tagged.go"] = &fstest.MapFile{Data: []byte("//go:build ignore\n\npackage a\n\nimport _ \"embed\"\n")}
	fsys["a/notes.txt"] = &fstest.MapFile{Data: []byte("import skipped")}

	m, err := scan(fsys)
	require.NoError(t, err)
	require.Equal(t, "example.org/ws", m.path)
	require.ElementsMatch(t, []imported{
		{"a/a.go", "fmt", false},
		{"a/a.go", "example.org/ws/b", false},
		{"a/a_test.go", "testing", true},
		{"a/a_plan9_mips.s.go", "os", false},
		{"a/tagged.go", "embed", false},
		{"examples/one/main.go", "example.org/ws/a", false},
	}, m.imports)
	require.Equal(t, "examples/one", imported{file: "examples/one/main.go"}.dir())
}

func TestScanErrors(t *testing.T) {
	_, err := scan(fstest.MapFS{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	fsys := tree(nil)
	fsys["a/a.go"] = &fstest.MapFile{Data: []byte("import")}
	_, err = scan(fsys)
	require.ErrorContains(t, err, "a/a.go:1:1")
}
