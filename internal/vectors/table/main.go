// Table runs the vectors of RFC 6455 through connections and prints, as a table
// in Markdown, how many there are for each section and how many passed.
//
//	go run ./internal/vectors/table
//
// A vector has passed when conn.New, over a connection in memory, delivered
// exactly the messages, sent exactly the pongs and the Close frame, and ended
// with exactly the error that the vector asks for. If any has not, the exit
// code is 1.
package main

import (
	"fmt"
	"os"

	"github.com/parleyws/websocket/internal/vectors"
)

func main() {
	results := runAll(vectors.Load(fatal{}, "*"))
	writeTable(os.Stdout, results)
	failed := false
	for _, r := range results {
		if r.err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %s: %v\n", r.vector.Source, r.vector, r.err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// fatal is a vectors.TB for a program.
type fatal struct{}

func (fatal) Helper() {}

func (fatal) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(2)
}
