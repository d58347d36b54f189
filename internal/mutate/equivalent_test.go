package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseEquivalents(t *testing.T) {
	reasons, err := parseEquivalents("# a comment\n\np/p.go f flip <: a <= b\n\tBoth\n\tmean it.\n\np/p.go g negate: !(c)\n\tSo do they.")
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"p/p.go f flip <: a <= b": "Both mean it.",
		"p/p.go g negate: !(c)":   "So do they.",
	}, reasons)
}

func TestParseEquivalentsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"\tWhy.\n":            "a reason without a mistake",
		"x\ny\n\tWhy.\n":      `no reason for "x"`,
		"x\n\tWhy.\ny\n":      `no reason for "y"`,
		"x\n\tA.\nx\n\tB.\n":  `twice: "x"`,
		"x\n\tA.\nx\n\tB.\ny": `twice: "x"`,
	} {
		_, err := parseEquivalents(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

// TestEquivalentsAreThere: an entry stands for one mistake. Code that has changed
// since may mean something else.
func TestEquivalentsAreThere(t *testing.T) {
	reasons, err := parseEquivalents(equivalents)
	require.NoError(t, err)
	jobs, err := optionsOf("../..", "").jobs("../..", targets())
	require.NoError(t, err)
	count := map[string]int{}
	for _, j := range jobs {
		count[j.key(j.src)]++
	}
	for key := range reasons {
		require.Equal(t, 1, count[key], "equivalent.txt: how many mistakes are %q", key)
	}
}
