//go:build linux && amd64 && !purego

package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"strings"
)

// counts are what one operation takes, or may take.
type counts struct {
	instructions, allocations, calls float64
}

// A result is what was counted of an operation.
type result struct {
	name string
	counts
}

// exceeds returns an error for each count that is beyond its bound.
func (m result) exceeds(bound counts) error {
	check := func(what string, is, most float64) error {
		if is <= most {
			return nil
		}
		return fmt.Errorf("%s takes %.4g %s, %.4g are allowed", m.name, is, what, most)
	}
	return errors.Join(
		check("instructions", m.instructions, bound.instructions),
		check("allocations", m.allocations, bound.allocations),
		check("system calls", m.calls, bound.calls),
	)
}

// bound is what m may become. Pure code takes nearly the same each time; with sockets
// it depends a little on who comes first.
func (m result) bound() counts {
	return counts{
		instructions: roundUp(m.instructions * 1.12),
		allocations:  math.Round(m.allocations*1.02*10)/10 + 0.1,
		calls:        math.Round(m.calls*1.02*10)/10 + 0.1,
	}
}

// stale reports whether m takes so little that the bound no longer guards it.
func (m result) stale(bound counts) bool {
	return m.instructions < 0.7*bound.instructions || m.allocations < bound.allocations-1 || m.calls < 0.8*bound.calls-1
}

// roundUp keeps three digits.
func roundUp(f float64) float64 {
	unit := math.Pow(10, max(0, math.Floor(math.Log10(max(f, 1)))-2))
	return math.Ceil(f/unit) * unit
}

const head = `# What each operation may take: 12 % more instructions than were measured, 2 % and a
# tenth more allocations and system calls. To renew it, in internal/bench:
#
#	go run ./guard -renew guard/bounds.txt
#
# A change that needs more than this says why in its message.
#
# operation            instructions  allocations  system calls
`

func formatBounds(measured []result) string {
	var text strings.Builder
	text.WriteString(head)
	for _, m := range measured {
		b := m.bound()
		fmt.Fprintf(&text, "%-22s %12.0f %12.1f %13.1f\n", m.name, b.instructions, b.allocations, b.calls)
	}
	return text.String()
}

func parseBounds(text string) (map[string]counts, error) {
	bounds := map[string]counts{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var name string
		var c counts
		if _, err := fmt.Sscan(line, &name, &c.instructions, &c.allocations, &c.calls); err != nil {
			return nil, fmt.Errorf("bounds.txt, line %d: a name and three numbers are wanted: %w", n, err)
		}
		if _, again := bounds[name]; again {
			return nil, fmt.Errorf("bounds.txt, line %d: %s again", n, name)
		}
		bounds[name] = c
	}
	return bounds, lines.Err()
}
