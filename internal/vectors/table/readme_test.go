package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/vectors"
)

// readme is the file that has the table in it.
const readme = "../../../README.md"

// The README says of itself that its table is made by this program: all vectors
// pass, and the table is that of the vectors and the code that are there.
func TestReadmeHasTheTable(t *testing.T) {
	results := runAll(vectors.Load(t, "*"))
	for _, r := range results {
		require.NoError(t, r.err, "%s: %s", r.vector.Source, r.vector)
	}
	var want strings.Builder
	writeTable(&want, results)
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	require.Equal(t, want.String(), tableIn(t, string(text)),
		"the table in README.md is stale: put in its place what `go run ./internal/vectors/table` prints")
}

// tableIn cuts the table out of a text, from its first line to the end of the
// list below it.
func tableIn(t *testing.T, text string) string {
	t.Helper()
	const head = "| RFC 6455, section |"
	_, after, found := strings.Cut(text, "\n"+head)
	require.True(t, found, "there is no line that begins with %q", head)
	list := strings.Index(after, "\n\n- ")
	require.Positive(t, list, "there is no list behind the table")
	end := strings.Index(after[list+2:], "\n\n")
	require.Positive(t, end, "the list behind the table has no end")
	return head + after[:list+2+end] + "\n"
}

func TestTableIn(t *testing.T) {
	require.Equal(t, "| RFC 6455, section | x |\n\nNot in it:\n\n- a.\n- b.\n",
		tableIn(t, "before\n\n| RFC 6455, section | x |\n\nNot in it:\n\n- a.\n- b.\n\nafter\n"))
}
