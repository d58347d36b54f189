package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// mutant is one mistake: in a file, some bytes that become others.
type mutant struct {
	file     string // from the root of the module, with slashes
	line     int
	function string // it is in, "" if none
	operator string // what kind of mistake, as in "negate"
	start    int    // of the bytes that are replaced
	old, new string
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d %s", m.file, m.line, m.operator) }

// apply returns the source with the mistake in it.
func (m mutant) apply(src []byte) []byte {
	return slices.Concat(src[:m.start], []byte(m.new), src[m.start+len(m.old):])
}

// diff shows the line before and after.
func (m mutant) diff(src []byte) string {
	from := strings.LastIndexByte(string(src[:m.start]), '\n') + 1
	end := m.start + len(m.old)
	rest, _, _ := strings.Cut(string(src[end:]), "\n")
	before, after := string(src[from:m.start]), rest
	return "-" + before + m.old + after + "\n+" + before + m.new + after
}

// finder walks over a file and notes where mistakes can be made.
type finder struct {
	file    string
	src     []byte
	fset    *token.FileSet
	within  string // the function that is looked at
	mutants []mutant
}

// find returns all mutants of a file, in the order of its text.
func find(file string, src []byte) ([]mutant, error) {
	f := &finder{file: file, src: src, fset: token.NewFileSet()}
	tree, err := parser.ParseFile(f.fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range tree.Decls {
		f.within = ""
		if fn, ok := decl.(*ast.FuncDecl); ok {
			f.within = fn.Name.Name
		}
		ast.Inspect(decl, f.visit)
	}
	slices.SortStableFunc(f.mutants, func(a, b mutant) int { return a.start - b.start })
	return slices.Compact(f.mutants), nil
}

// replace notes that the text from one place to another may become s.
func (f *finder) replace(operator string, from, to token.Pos, s string) {
	at := f.fset.Position(from)
	end := f.fset.Position(to).Offset
	f.mutants = append(f.mutants, mutant{f.file, at.Line, f.within, operator, at.Offset, string(f.src[at.Offset:end]), s})
}

func (f *finder) text(n ast.Node) string {
	return string(f.src[f.fset.Position(n.Pos()).Offset:f.fset.Position(n.End()).Offset])
}

// visit is the table of operators.
func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.IfStmt:
		f.condition(n.Cond)
		f.drop(n)
	case *ast.ForStmt:
		f.literals(n.Cond)
	case *ast.SwitchStmt:
		f.cases(n)
	case *ast.ReturnStmt:
		f.results(n)
	case *ast.GenDecl:
		f.constants(n)
	case *ast.SelectorExpr:
		f.selector(n)
		return f.isPlain(n)
	case *ast.CallExpr, *ast.CaseClause, *ast.AssignStmt, *ast.CompositeLit, *ast.KeyValueExpr:
		f.names(n)
	}
	return true
}

// isPlain reports whether what is within a selector is of interest: of
// frame.Ping nothing is.
func (f *finder) isPlain(n *ast.SelectorExpr) bool {
	_, ok := n.X.(*ast.Ident)
	return !ok
}

var flipped = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS,
	token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LAND: token.LOR, token.LOR: token.LAND,
}

// binary: < and <=, > and >=, == and !=, && and || are taken for each other.
func (f *finder) binary(n *ast.BinaryExpr) {
	if op, ok := flipped[n.Op]; ok {
		f.replace("flip "+n.Op.String(), n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), op.String())
	}
	f.name(n.X)
	f.name(n.Y)
}

// condition: it is taken for its opposite, and its numbers are off by one.
func (f *finder) condition(cond ast.Expr) {
	if b, ok := cond.(*ast.BinaryExpr); !ok || b.Op != token.EQL && b.Op != token.NEQ {
		f.replace("negate", cond.Pos(), cond.End(), "!("+f.text(cond)+")")
	}
	f.literals(cond)
}

// cases: the same for a switch over conditions.
func (f *finder) cases(n *ast.SwitchStmt) {
	for _, clause := range n.Body.List {
		for _, expr := range clause.(*ast.CaseClause).List {
			if n.Tag == nil {
				f.condition(expr)
			}
		}
	}
}

// drop: a check that leaves the function is forgotten.
func (f *finder) drop(n *ast.IfStmt) {
	if len(n.Body.List) == 0 || n.Else != nil {
		return
	}
	if _, ok := n.Body.List[len(n.Body.List)-1].(*ast.ReturnStmt); ok {
		f.replace("drop check", n.Cond.Pos(), n.Cond.End(), "("+f.text(n.Cond)+") && false")
	}
}

// results: what a predicate returns is a condition too.
func (f *finder) results(n *ast.ReturnStmt) {
	for _, expr := range n.Results {
		f.name(expr)
		if b, ok := expr.(*ast.BinaryExpr); ok {
			f.literals(b)
		}
	}
}

// constants: the number that a constant stands for is off by one.
func (f *finder) constants(n *ast.GenDecl) {
	if n.Tok != token.CONST {
		return
	}
	for _, spec := range n.Specs {
		for _, value := range spec.(*ast.ValueSpec).Values {
			f.literals(value)
		}
	}
}

// literals: the integers in n, one more and one less.
func (f *finder) literals(n ast.Expr) {
	if n == nil {
		return
	}
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.INT {
			f.offByOne(lit)
		}
		return true
	})
}

func (f *finder) offByOne(lit *ast.BasicLit) {
	v, err := strconv.ParseInt(lit.Value, 0, 64)
	if err != nil {
		return // larger than any bound of ours
	}
	f.replace("one more", lit.Pos(), lit.End(), strconv.FormatInt(v+1, 10))
	if v > 0 {
		f.replace("one less", lit.Pos(), lit.End(), strconv.FormatInt(v-1, 10))
	}
}

// mistaken says for which other an opcode, a status code or a role is taken.
// Status codes that are not in the list are taken for 1002.
var mistaken = map[string]string{
	"Continuation": "Text", "Text": "Binary", "Binary": "Text",
	"Close": "Ping", "Ping": "Pong", "Pong": "Ping",
	"Client": "Server", "Server": "Client",
	"StatusProtocolError": "StatusInvalidPayload",
}

func mistake(name string) (string, bool) {
	if other, ok := mistaken[name]; ok {
		return other, true
	}
	return "StatusProtocolError", strings.HasPrefix(name, "Status") && len(name) > len("Status") && name != "StatusCode"
}

// selector: a constant of another package.
func (f *finder) selector(n *ast.SelectorExpr) {
	pkg, ok := n.X.(*ast.Ident)
	other, known := mistake(n.Sel.Name)
	if ok && known && (pkg.Name == "frame" || pkg.Name == "conn") {
		f.replace("mistake "+n.Sel.Name, n.Sel.Pos(), n.Sel.End(), other)
	}
}

// names: constants of this package, wherever a value may stand.
func (f *finder) names(n ast.Node) {
	var values []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		values = n.Args
	case *ast.CaseClause:
		values = n.List
	case *ast.AssignStmt:
		values = n.Rhs
	case *ast.CompositeLit:
		values = n.Elts
	case *ast.KeyValueExpr:
		values = []ast.Expr{n.Value}
	}
	for _, value := range values {
		f.name(value)
	}
}

func (f *finder) name(expr ast.Expr) {
	id, ok := expr.(*ast.Ident)
	if !ok {
		return
	}
	if other, ok := mistake(id.Name); ok {
		f.replace("mistake "+id.Name, id.Pos(), id.End(), other)
	}
}
