package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
)

// Building a program takes longer than most of the tests that find a mistake in
// it. So all mistakes are made in one program: a function has a copy of its body
// for each of its mistakes, and the environment says which copy is to run. A
// mistake outside of functions, in a constant say, has a program of its own.

// chooser is the environment variable with the number of the mistake to be made,
// and chosen the variable of each package that knows it.
const (
	chooser = "MUTATE_MISTAKE"
	chosen  = "mutateMistake"
)

// chooserFile is the Go file that a package with mistakes has in addition.
func chooserFile(pkg string) []byte {
	return fmt.Appendf(nil, "package %s\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar %s, _ = strconv.Atoi(os.Getenv(%q))\n",
		path.Base(pkg), chosen, chooser)
}

// span is the lines of an armed file where a mistake is.
type span struct {
	job         *job
	first, last int
}

// arm returns a file with all of its mistakes in it, apart from those outside of
// functions, and where they are.
func arm(src []byte, jobs []*job) (armed []byte, spans []span, err error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	at := 0
	for _, decl := range tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		from, to := fset.Position(fn.Body.Lbrace).Offset+1, fset.Position(fn.Body.Rbrace).Offset
		inside := slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return j.start < from || j.start >= to })
		if len(inside) == 0 {
			continue
		}
		armed = append(armed, src[at:from]...)
		at = from
		armed = fmt.Appendf(armed, "\nswitch %s {\n", chosen)
		for _, j := range inside {
			first := lines(armed)
			armed = fmt.Appendf(armed, "case %d:\n{%s\n}\n", j.id, j.within(src, from, to))
			if fn.Type.Results == nil {
				armed = append(armed, "return\n"...)
			}
			spans = append(spans, span{j, first, lines(armed) - 1})
		}
		armed = append(armed, "}\n"...)
	}
	return append(armed, src[at:]...), spans, nil
}

// lines is the number of the line behind p.
func lines(p []byte) int { return 1 + bytes.Count(p, []byte("\n")) }

// within returns the part of the source from one place to another, with the
// mistake in it.
func (m mutant) within(src []byte, from, to int) []byte {
	return m.apply(src)[from : to+len(m.new)-len(m.old)]
}

// arm makes all mistakes in the copy that can be made together, and builds the
// tests that the jobs need. Those that do not compile are found out.
func (w *workspace) arm(jobs []*job) error {
	for {
		spans, err := w.writeArmed(jobs)
		if err != nil {
			return err
		}
		out, ok := w.compile()
		if ok {
			return nil
		}
		if !blame(out, spans) {
			return fmt.Errorf("the module does not compile:\n%s", out)
		}
	}
}

// writeArmed writes all files anew, with the mistakes of which nothing is known.
func (w *workspace) writeArmed(jobs []*job) (spans map[string][]span, err error) {
	open := map[string][]*job{}
	for _, j := range jobs {
		if j.verdict == "" {
			open[j.file] = append(open[j.file], j)
		}
		if err := os.WriteFile(w.path(path.Dir(j.file)+"/"+chosen+".go"), chooserFile(path.Dir(j.file)), 0o644); err != nil {
			return nil, err
		}
	}
	spans = map[string][]span{}
	for _, j := range jobs {
		if _, done := spans[j.file]; done {
			continue
		}
		armed, of, err := arm(j.src, open[j.file])
		if err != nil {
			return nil, err
		}
		spans[j.file] = of
		for _, s := range of {
			s.job.armed = true
		}
		if err := os.WriteFile(w.path(j.file), armed, 0o644); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

var complaint = regexp.MustCompile(`(?m)^(\S+\.go):(\d+):`)

// blame finds out whose fault it is that the program does not compile.
func blame(out string, spans map[string][]span) (found bool) {
	for _, m := range complaint.FindAllStringSubmatch(out, -1) {
		line, _ := strconv.Atoi(m[2])
		for _, s := range spans[m[1]] {
			if s.first <= line && line <= s.last && s.job.verdict == "" {
				s.job.verdict, found = uncompilable, true
			}
		}
	}
	return found
}
