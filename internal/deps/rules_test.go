package deps

// layers says what of this module each package may import, in the order of the
// layers. The first entry whose pattern matches a directory is its rule.
// Patterns are those of path.Match.
var layers = []layer{
	{dir: "internal/vectors/table", mayImport: []string{"conn", "frame", "handshake", "internal/netpipe", "internal/vectors"}},
	{dir: "internal/vectors", mayImport: []string{"frame"}},
	{dir: "internal/wstest", mayImport: []string{"frame", "internal/netpipe"}},
	{dir: "internal/browser", mayImport: []string{"frame", "internal/deadline"}},
	{dir: "internal/netpipe", mayImport: []string{"internal/deadline"}},
	{dir: "internal/mask", mayImport: []string{"internal/cpu"}},
	{dir: "internal/utf8", mayImport: []string{"internal/cpu"}},
	{dir: "internal/*", mayImport: nil}, // the leaves: cpu, bufpool, flate, …
	{dir: "frame", mayImport: []string{"internal/mask", "internal/utf8"}},
	{dir: "handshake", mayImport: []string{"frame", "internal/browser", "internal/bufpool", "internal/socks"}},
	{dir: "handshake/http2", mayImport: nil},
	{dir: "conn", mayImport: []string{"frame", "handshake", "internal/*"}},
	{dir: "examples/*", mayImport: []string{"frame", "handshake", "handshake/http2", "conn"}},
	{dir: "fuzz", mayImport: []string{"frame", "handshake", "conn", "internal/utf8"}},
}

type layer struct {
	dir       string
	mayImport []string // directories of this module
}

// forTests are the packages that only tests import, of any layer, and programs
// whose layer names them in full. (Whether to have HTTP/2 is for programs to say.)
var forTests = []string{"internal/vectors", "internal/wstest", "handshake/http2"}

// testModule is the one module that tests may import besides.
const testModule = "github.com/stretchr/testify"

// pure are the packages that know bytes alone, and what they may not import to
// stay so: no I/O of their own, no locks, no clock.
var pure = struct{ dirs, mayNotImport []string }{
	dirs:         []string{"frame", "internal/mask", "internal/utf8"},
	mayNotImport: []string{"context", "log", "log/slog", "net", "net/*", "os", "os/*", "sync", "sync/*", "syscall", "time"},
}

// topLevel is what the root directory holds. What .gitignore names may lie there
// too.
var topLevel = []string{
	"frame", "handshake", "conn", "internal", "fuzz", "examples",
	"README.md", "LICENSE", "go.mod", "go.sum",
	".ci", ".git", ".github", ".gitignore",
}
