package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mistakes returns what find makes of the body of a function: the operator and
// the text after the mistake.
func mistakes(t *testing.T, decl string) (list []string) {
	t.Helper()
	src := "package p\n\n" + decl
	mutants, err := find("p/p.go", []byte(src))
	require.NoError(t, err)
	for _, m := range mutants {
		after, ok := strings.CutPrefix(string(m.apply([]byte(src))), "package p\n\n")
		require.True(t, ok)
		list = append(list, m.operator+": "+after)
	}
	return list
}

func TestOperators(t *testing.T) {
	for _, tt := range []struct {
		decl string
		want []string
	}{
		{"var x = 1 + 2", nil},
		{"func f() int { return 1 }", nil},
		{"var x = a < b", []string{"flip <: var x = a <= b"}},
		{"var x = a <= b", []string{"flip <=: var x = a < b"}},
		{"var x = a > b", []string{"flip >: var x = a >= b"}},
		{"var x = a >= b", []string{"flip >=: var x = a > b"}},
		{"var x = a == b", []string{"flip ==: var x = a != b"}},
		{"var x = a != b", []string{"flip !=: var x = a == b"}},
		{"var x = a && b", []string{"flip &&: var x = a || b"}},
		{"var x = a || b", []string{"flip ||: var x = a && b"}},
		{"const x = 0x80", []string{"one more: const x = 129", "one less: const x = 127"}},
		{"const x = 0", []string{"one more: const x = 1"}},
		{"func f() { if a { g() } }", []string{"negate: func f() { if !(a) { g() } }"}},
		{"func f() { if a { return } }", []string{
			"negate: func f() { if !(a) { return } }",
			"drop check: func f() { if (a) && false { return } }",
		}},
		{"func f() { if err := g(); err != nil { return } }", []string{
			"drop check: func f() { if err := g(); (err != nil) && false { return } }",
			"flip !=: func f() { if err := g(); err == nil { return } }",
		}},
		{"func f() bool { return a == 0 }", []string{
			"flip ==: func f() bool { return a != 0 }",
			"one more: func f() bool { return a == 1 }",
		}},
		{"func f() { for a < 0 { g() } }", []string{
			"flip <: func f() { for a <= 0 { g() } }",
			"one more: func f() { for a < 1 { g() } }",
		}},
		{"func f() { switch { case a: g() } }", []string{"negate: func f() { switch { case !(a): g() } }"}},
		{"func f() { switch a { case Ping: g() } }", []string{"mistake Ping: func f() { switch a { case Pong: g() } }"}},
		{"var x = g(frame.Text)", []string{"mistake Text: var x = g(frame.Binary)"}},
		{"var x = g(StatusProtocolError)", []string{"mistake StatusProtocolError: var x = g(StatusInvalidPayload)"}},
		{"var x = T{Code: StatusMessageTooBig}", []string{"mistake StatusMessageTooBig: var x = T{Code: StatusProtocolError}"}},
		{"func f() StatusCode { return h.StatusOK }", nil},
		{"func (c *Conn) Close() { c.Ping() }", nil},
		{"const Text Opcode = iota", nil},
	} {
		require.Equal(t, tt.want, mistakes(t, tt.decl), tt.decl)
	}
}

func TestMutantSaysWhere(t *testing.T) {
	src := []byte("package p\n\nvar x =\n\ta < b // why\n")
	mutants, err := find("p/p.go", src)
	require.NoError(t, err)
	require.Len(t, mutants, 1)
	require.Equal(t, "p/p.go:4 flip <", mutants[0].String())
	require.Equal(t, "-\ta < b // why\n+\ta <= b // why", mutants[0].diff(src))
}

func TestFindRefusesWhatIsNoGo(t *testing.T) {
	_, err := find("p/p.go", []byte("package"))
	require.ErrorContains(t, err, "p/p.go:1")
}
