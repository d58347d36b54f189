package main

import (
	_ "embed"
	"fmt"
	"strings"
)

// equivalents are the mistakes that are none: with them the program means the
// same, so that no test can find them. Each has a line that says which it is,
// and lines behind a tab that say why.
//
//go:embed equivalent.txt
var equivalents string

// key names a mutant for as long as its line stays as it is, wherever it moves.
func (m mutant) key(src []byte) string {
	_, after, _ := strings.Cut(m.diff(src), "\n+")
	place := strings.TrimSpace(m.file + " " + m.function)
	return fmt.Sprintf("%s %s: %s", place, m.operator, strings.TrimSpace(after))
}

// parseEquivalents returns the reasons by the keys.
func parseEquivalents(text string) (reasons map[string]string, err error) {
	reasons = map[string]string{}
	key := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		reason, isReason := strings.CutPrefix(line, "\t")
		switch {
		case line == "" || line[0] == '#':
		case isReason && key == "":
			return nil, fmt.Errorf("equivalent.txt: a reason without a mistake: %q", line)
		case isReason:
			reasons[key] = strings.TrimSpace(reasons[key] + " " + reason)
		case key != "" && reasons[key] == "":
			return nil, fmt.Errorf("equivalent.txt: no reason for %q", key)
		default:
			key = line
			if _, double := reasons[key]; double {
				return nil, fmt.Errorf("equivalent.txt: twice: %q", key)
			}
			reasons[key] = ""
		}
	}
	if key != "" && reasons[key] == "" {
		return nil, fmt.Errorf("equivalent.txt: no reason for %q", key)
	}
	return reasons, nil
}
