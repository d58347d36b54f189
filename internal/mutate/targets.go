package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is a package, the files of it that state rules of the protocol, and
// how its mutants are looked for: each stage is the arguments of one go test,
// the cheap ones first.
type target struct {
	pkg    string
	files  []string
	stages [][]string
}

// rules are the tests of conn that are bytes in, events out.
const rules = "Rule|Inbound|Machine"

func targets() []target {
	return []target{
		{
			pkg: "frame",
			files: []string{
				"close.go", "error.go", "header.go", "key.go", "opcode.go", "parse.go",
				"reader.go", "status.go", "validator.go", "writer.go",
			},
			stages: [][]string{{"./frame"}, {"-short", "-run", rules, "./conn"}},
		},
		{
			pkg: "handshake",
			files: []string{
				"clientrequest.go", "extension.go", "head.go", "host.go", "judge.go", "key.go", "origin.go",
				"redirect.go", "reply.go", "request.go", "requesttarget.go", "response.go", "target.go", "token.go",
			},
			stages: [][]string{{"./handshake"}},
		},
		{
			pkg:    "conn",
			files:  []string{"closing.go", "control.go", "errors.go", "inbound.go", "lifetime.go", "sink.go"},
			stages: [][]string{{"-short", "-run", rules, "./conn"}, {"-short", "./conn"}},
		},
	}
}

// choose returns the targets with these names, which commas separate.
func choose(names string) (chosen []target, err error) {
	all := targets()
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(t target) bool { return t.pkg == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no target %q, choose of frame, handshake and conn", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
