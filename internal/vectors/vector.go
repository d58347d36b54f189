package vectors

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/parleyws/websocket/frame"
)

// Vector is what a peer sends, and what the endpoint that reads it must do.
type Vector struct {
	Name    string // unique together with Role
	RFC     string // as in "RFC 6455, section 5.2"
	Rule    int    // of the list of rules, 0 for none
	Comment string
	Source  string // file and line, as in "testdata/close.txt:12"

	Role frame.Role // of the endpoint that reads Wire
	Max  int64      // the most bytes a message may have, 0 for no limit
	Wire []byte     // what the peer sends

	Messages []Message // delivered, in their order
	Pongs    [][]byte  // payloads of the pongs that the endpoint sends
	End      End       // how the bytes leave the connection

	// Code is the status code of the Close frame that the endpoint sends: the
	// echo if End is Closed, its own if End is Failed. It is
	// frame.StatusNoStatusReceived where the peer's Close frame has no code,
	// and 0 if the endpoint sends none.
	Code   frame.StatusCode
	Reason string // the peer's, if End is Closed

	// FailAt is the number of bytes of Wire with which the endpoint must have
	// failed, if End is Failed.
	FailAt int
}

// Message is a message that the peer has sent in full.
type Message struct {
	Type frame.Opcode // frame.Text or frame.Binary
	Data []byte
}

// String returns name and role, a name for a subtest.
func (v Vector) String() string { return v.Name + "/" + v.Role.String() }

// End is how the bytes of a Vector leave the connection.
type End int

const (
	Open       End = iota // open, between two messages
	Incomplete            // open, inside a message
	Closed                // closed by the peer
	Failed                // failed by the endpoint, for the peer broke a rule
)

func (e End) String() string {
	switch e {
	case Open:
		return "open"
	case Incomplete:
		return "incomplete"
	case Closed:
		return "close"
	case Failed:
		return "fail"
	default:
		panic(fmt.Sprintf("BUG: End(%d)", int(e)))
	}
}

//go:embed testdata/*.txt
var testdata embed.FS

// TB is what Load uses of a testing.TB.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Load returns the vectors of the files in testdata whose names without .txt
// match the pattern, in the syntax of path.Match: "*" for all. The caller owns
// them. Load fails the test if any vector of any file has a mistake, or if the
// pattern matches none.
func Load(tb TB, pattern string) []Vector {
	tb.Helper()
	if _, err := load(testdata, "*"); err != nil {
		tb.Fatalf("%v", err)
	}
	vs, err := load(testdata, pattern)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return vs
}

// load reads the files of fsys and sees to what concerns them all.
func load(fsys fs.FS, pattern string) (all []Vector, err error) {
	files, err := fs.Glob(fsys, "testdata/"+pattern+".txt")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("vectors: no file in testdata matches %q, name one that is there without its .txt", pattern)
	}
	seen := map[string]string{}
	for _, file := range files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		vs, err := parseFile(file, string(text))
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			if first, ok := seen[v.String()]; ok {
				return nil, fmt.Errorf("%s: the name %q is that of the vector at %s, choose another", v.Source, v.Name, first)
			}
			seen[v.String()] = v.Source
		}
		all = append(all, vs...)
	}
	return all, nil
}
