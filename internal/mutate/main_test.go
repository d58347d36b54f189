package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// module is a small one, as a root and its targets. Its function has one check
// that is tested, and one that is not.
func module(t *testing.T, test string) (root string, chosen []target) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":               "module example.org/m\n\ngo 1.26\n",
		".git/config":          "",
		"node_modules/x/x.js":  "",
		"p/testdata/golden.md": "",
		"p/p.go": `package p

func Positive(x int) bool {
	if x < 0 {
		return false
	}
	return x != 7
}

const Far = uint8(255)
`,
		"p/p_test.go": test,
	} {
		write(t, root, name, text)
	}
	return root, []target{{pkg: "p", files: []string{"p.go"}, stages: []stage{{pkg: "p"}}}}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
}

const negativeIsTested = `package p

import "testing"

func Test(t *testing.T) {
	if Positive(-1) || !Positive(5) {
		t.Fatal()
	}
}
`

func optionsOf(root, run string) *options {
	return &options{root: root, run: regexp.MustCompile(run), shard: shard{1, 1}, timeout: time.Minute}
}

func TestMutateTellsSurvivors(t *testing.T) {
	root, chosen := module(t, negativeIsTested)
	before, err := os.ReadFile(filepath.Join(root, "p", "p.go"))
	require.NoError(t, err)
	var out strings.Builder
	survivors, err := optionsOf(root, "flip|drop|:10 one").mutate(chosen, &out)
	require.NoError(t, err)
	require.Equal(t, `killed: p/p.go:4 drop check, by Test
SURVIVED: p/p.go:4 flip <
-	if x < 0 {
+	if x <= 0 {
killed: p/p.go:7 flip !=, by Test
uncompilable: p/p.go:10 one more
SURVIVED: p/p.go:10 one less
-const Far = uint8(255)
+const Far = uint8(254)
5 mistakes: 2 killed, 2 survived, 0 equivalent, 1 uncompilable
`, out.String())
	require.Equal(t, 2, survivors)
	after, err := os.ReadFile(filepath.Join(root, "p", "p.go"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "mistakes are made in a copy")
}

func TestMutateTellsWhatIsNoProgram(t *testing.T) {
	root, chosen := module(t, negativeIsTested)
	write(t, root, "p/p.go", `package p

const Ping, Pong = 1, 2

func Positive(x int) bool {
	switch x {
	case Ping, Pong:
		return true
	}
	return x > 0
}
`)
	var out strings.Builder
	_, err := optionsOf(root, "mistake|flip").mutate(chosen, &out)
	require.NoError(t, err)
	require.Equal(t, `uncompilable: p/p.go:7 mistake Ping
uncompilable: p/p.go:7 mistake Pong
SURVIVED: p/p.go:10 flip >
-	return x > 0
+	return x >= 0
3 mistakes: 0 killed, 1 survived, 0 equivalent, 2 uncompilable
`, out.String())
}

func TestMutateKnowsEquivalents(t *testing.T) {
	root, chosen := module(t, negativeIsTested)
	o := optionsOf(root, "flip")
	o.known = "p/p.go Positive flip <: if x <= 0 {\n\tNobody asks for zero.\n"
	var out strings.Builder
	survivors, err := o.mutate(chosen, &out)
	require.NoError(t, err)
	require.Equal(t, `equivalent: p/p.go:4 flip <
killed: p/p.go:7 flip !=, by Test
2 mistakes: 1 killed, 0 survived, 1 equivalent, 0 uncompilable
`, out.String())
	require.Zero(t, survivors)

	o.known = "p/p.go Positive flip <: if x <= 0 {\n"
	_, err = o.mutate(chosen, &out)
	require.ErrorContains(t, err, "no reason")
}

func TestMutateWantsAProgram(t *testing.T) {
	root, chosen := module(t, negativeIsTested)
	write(t, root, "p/q.go", "package p\n\nvar x int = true\n")
	_, err := optionsOf(root, "").mutate(chosen, new(strings.Builder))
	require.ErrorContains(t, err, "does not compile")

	root, chosen = module(t, "package p\n\nvar x int = true\n")
	_, err = optionsOf(root, "").mutate(chosen, new(strings.Builder))
	require.ErrorContains(t, err, "the tests of p do not compile")
}

// A mistake after which the tests do not end is found, within a limit.
func TestMutateBearsTestsThatHang(t *testing.T) {
	root, chosen := module(t, "package p\n\nimport \"testing\"\n\nfunc Test(t *testing.T) {\n\tfor !Positive(5) {\n\t}\n}\n")
	o := optionsOf(root, "flip !=")
	o.timeout = 2 * time.Second
	var out strings.Builder
	_, err := o.mutate(chosen, &out)
	require.NoError(t, err)
	require.Contains(t, out.String(), "killed: p/p.go:7 flip !=, by the time limit")
}

func TestMutateWantsTestsThatPass(t *testing.T) {
	root, chosen := module(t, "package p\n\nimport \"testing\"\n\nfunc Test(t *testing.T) { t.Fatal(`broken`) }\n")
	_, err := optionsOf(root, "").mutate(chosen, new(strings.Builder))
	require.ErrorContains(t, err, "fail without any mistake of ours")
	require.ErrorContains(t, err, "broken")
}

func TestCopyLeavesOutWhatNoTestNeeds(t *testing.T) {
	root, _ := module(t, negativeIsTested)
	w, err := newWorkspace(root, time.Minute)
	require.NoError(t, err)
	defer os.RemoveAll(w.dir)
	require.FileExists(t, w.path("p/testdata/golden.md"))
	require.NoDirExists(t, w.path(".git"))
	require.NoDirExists(t, w.path("node_modules"))
}

func TestJobsAreChosen(t *testing.T) {
	root, chosen := module(t, negativeIsTested)
	list := func(o *options) (names []string) {
		jobs, err := o.jobs(root, chosen)
		require.NoError(t, err)
		for i, j := range jobs {
			require.Equal(t, i+1, j.id)
			names = append(names, j.String())
		}
		return names
	}
	all := list(optionsOf(root, ""))
	require.Equal(t, all, list(optionsOf(root, "")), "the order is always the same")
	require.Len(t, all, 9)

	first := optionsOf(root, "")
	first.limit = 3
	require.Equal(t, all[:3], list(first))

	var shards []string
	for i := range 3 {
		o := optionsOf(root, "")
		o.shard = shard{i + 1, 3}
		shards = append(shards, list(o)...)
	}
	require.ElementsMatch(t, all, shards, "shards have everything, and nothing twice")
}

func TestNearestTestsComeFirst(t *testing.T) {
	root, chosen := module(t, negativeIsTested)
	write(t, root, "p/q.go", "package p\n\nvar x = 1 < 2\n")
	chosen[0].files = []string{"p.go", "q.go"}
	jobs, err := optionsOf(root, "").jobs(root, chosen)
	require.NoError(t, err)
	require.Equal(t, []stage{{"p", []string{"-test.run=^(Test)$", slow}}, {pkg: "p"}}, jobs[0].stages)
	require.Equal(t, []stage{{pkg: "p"}}, jobs[len(jobs)-1].stages, "there is no q_test.go")
}

func TestShard(t *testing.T) {
	sh, err := parseShard("2/8")
	require.NoError(t, err)
	require.Equal(t, shard{2, 8}, sh)
	for _, s := range []string{"", "2", "0/8", "9/8", "x/8", "2/"} {
		_, err := parseShard(s)
		require.ErrorContains(t, err, "is no shard", s)
	}
}

// TestTargetsAreThere lists the mistakes in this module: a file that was renamed
// would drop out unseen.
func TestTargetsAreThere(t *testing.T) {
	for _, name := range []string{"frame", "handshake", "conn"} {
		var out strings.Builder
		_, err := command([]string{"-root", "../..", "-list", "-pkg", name}, &out)
		require.NoError(t, err)
		require.Greater(t, strings.Count(out.String(), "\n"), 100, name)
	}
}

func TestCommandRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"no target":                 {"-pkg", "frames"},
		"is no shard":               {"-shard", "3/2"},
		"missing closing":           {"-run", "("},
		"flag provided but not def": {"-x"},
	} {
		_, err := command(args, new(strings.Builder))
		require.ErrorContains(t, err, want)
	}
}
