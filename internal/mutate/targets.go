package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// target is a package, the files of it that state rules of the protocol, and
// how its mutants are looked for.
type target struct {
	pkg    string
	files  []string
	stages []stage // the cheap ones first
}

// stage is the tests of a package, or those of them that the flags choose.
type stage struct {
	pkg   string
	flags []string
}

func (s stage) String() string { return s.pkg + " " + strings.Join(s.flags, " ") }

// binary is the file with the tests.
func (s stage) binary(where string) string { return path.Join(where, path.Base(s.pkg)+".test") }

// rules are the tests of conn that are bytes in, events out.
const rules = "-test.run=Rule|Inbound|Machine"

// slow are the tests of conn that count bytes, goroutines or system calls, or
// that wait for chance to strike. They take long, and on a busy machine they may
// fail without any mistake.
const slow = "-test.skip=Memory|Alloc|Soup|Model|TenThousand|Stress|Transports|Chaos|HalfOpen|Share|Floods|Patience|ShortReads|OfTheLiving"

func targets() []target {
	return []target{
		{
			pkg: "frame",
			files: []string{
				"close.go", "error.go", "header.go", "key.go", "opcode.go", "parse.go",
				"reader.go", "status.go", "validator.go", "writer.go",
			},
			stages: []stage{{"frame", []string{"-test.skip=Alloc"}}, {"conn", []string{"-test.short", rules, slow}}},
		},
		{
			pkg: "handshake",
			files: []string{
				"clientrequest.go", "extension.go", "head.go", "host.go", "judge.go", "key.go", "origin.go",
				"proxy.go", "redirect.go", "reply.go", "request.go", "requesttarget.go", "response.go", "target.go",
				"token.go", "tunnel.go",
			},
			stages: []stage{{"handshake", nil}},
		},
		{
			pkg:    "internal/socks",
			files:  []string{"client.go"},
			stages: []stage{{"internal/socks", nil}},
		},
		{
			pkg:    "conn",
			files:  []string{"closing.go", "control.go", "errors.go", "inbound.go", "lifetime.go", "sink.go"},
			stages: []stage{{"conn", []string{"-test.short", rules, slow}}, {"conn", []string{"-test.short", slow}}},
		},
	}
}

var testName = regexp.MustCompile(`(?m)^func (Test\w*)\(`)

// nearest is the stage before the others: the tests that stand beside the file,
// if there are any.
func (t target) nearest(root, name string) (stages []stage, err error) {
	name = strings.TrimSuffix(name, ".go") + "_test.go"
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(t.pkg), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, m := range testName.FindAllSubmatch(src, -1) {
		names = append(names, string(m[1]))
	}
	return []stage{{t.pkg, []string{"-test.run=^(" + strings.Join(names, "|") + ")$", slow}}}, err
}

// choose returns the targets with these names, which commas separate.
func choose(names string) (chosen []target, err error) {
	all := targets()
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(t target) bool { return t.pkg == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no target %q, choose of frame, handshake, internal/socks and conn", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
