// Package measure has what the benchmarks measure with: the CPU time of this
// process, and what to say of a handful of samples.
package measure

import (
	"fmt"
	"slices"
)

// Samples are measurements of the same thing in several rounds.
type Samples []float64

// Median returns the median, or 0 if there is nothing.
func (s Samples) Median() float64 { return s.quantile(0.5) }

// Spread returns half the distance between the first quartile and the third,
// as a part of the median: half of the rounds were within about ±Spread.
func (s Samples) Spread() float64 {
	m := s.Median()
	if m == 0 {
		return 0
	}
	return (s.quantile(0.75) - s.quantile(0.25)) / 2 / m
}

// quantile returns the q-quantile, between two samples if need be.
func (s Samples) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(s)-1)
	i := int(at)
	next := min(i+1, len(s)-1)
	return sorted[i] + (at-float64(i))*(sorted[next]-sorted[i])
}

// Over returns the ratios of the samples to those of another thing, round by
// round, so that what slowed both down in a round does not count.
func (s Samples) Over(base Samples) Samples {
	ratios := make(Samples, 0, len(s))
	for i := range min(len(s), len(base)) {
		if base[i] != 0 {
			ratios = append(ratios, s[i]/base[i])
		}
	}
	return ratios
}

// Format writes median and spread, the median with three digits: 1.07 ±2%.
func (s Samples) Format() string {
	if len(s) == 0 {
		return "–"
	}
	return fmt.Sprintf("%s ±%.0f%%", Number(s.Median()), 100*s.Spread())
}

// Number writes three significant digits of f, and all digits before the point.
func Number(f float64) string {
	switch {
	case f >= 100 || f == 0:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.2f", f)
	}
}
