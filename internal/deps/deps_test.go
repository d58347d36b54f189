package deps

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// root is the repository.
func root(t *testing.T) module {
	t.Helper()
	m, err := scan(os.DirFS("../.."))
	require.NoError(t, err)
	require.Greater(t, len(m.imports), 50, "this is not the module")
	return m
}

func requireNothing(t *testing.T, wrong []string) {
	t.Helper()
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
}

func TestImportsGoDown(t *testing.T) { requireNothing(t, checkLayers(root(t))) }

func TestRootModuleNeedsTheStandardLibraryOnly(t *testing.T) {
	requireNothing(t, checkModules(root(t)))
}

func TestPurePackagesDoNoIO(t *testing.T) { requireNothing(t, checkPure(root(t))) }

func TestNoRuleIsLeftOver(t *testing.T) { requireNothing(t, checkLayersExist(root(t))) }

func TestTopLevel(t *testing.T) {
	wrong, err := checkTopLevel(os.DirFS("../.."))
	require.NoError(t, err)
	requireNothing(t, wrong)
}

// TestChecks has a file, one import of it, and what each check says of it.
func TestChecks(t *testing.T) {
	const up = "turn the dependency round"
	for _, tt := range []struct {
		file, imports       string
		layer, module, pure string
	}{
		{file: "frame/a.go", imports: "fmt"},
		{file: "frame/a.go", imports: "example.org/ws/internal/mask"},
		{file: "frame/a.go", imports: "example.org/ws/internal/bufpool", layer: up},
		{file: "frame/a.go", imports: "example.org/ws/handshake", layer: up},
		{file: "frame/a_test.go", imports: "example.org/ws/conn", layer: up},
		{file: "frame/a_test.go", imports: "example.org/ws/frame"},
		{file: "frame/a_test.go", imports: "example.org/ws/internal/vectors"},
		{file: "frame/a.go", imports: "example.org/ws/internal/vectors", layer: "which is for tests"},
		{file: "handshake/a.go", imports: "example.org/ws/frame"},
		{file: "handshake/a.go", imports: "example.org/ws/conn", layer: up},
		{file: "conn/a.go", imports: "example.org/ws/handshake"},
		{file: "conn/a.go", imports: "example.org/ws/internal/bufpool"},
		{file: "conn/a.go", imports: "example.org/ws/internal/wstest", layer: "which is for tests"},
		{file: "conn/a.go", imports: "example.org/ws/examples/echo", layer: up},
		{file: "internal/mask/a.go", imports: "example.org/ws/internal/utf8", layer: up},
		{file: "internal/mask/a.go", imports: "example.org/ws/frame", layer: up},
		{file: "internal/wstest/a.go", imports: "example.org/ws/frame"},
		{file: "internal/vectors/table/a.go", imports: "example.org/ws/internal/vectors"},
		{file: "internal/vectors/table/a.go", imports: "example.org/ws/internal/wstest", layer: "which is for tests"},
		{file: "examples/echo/main.go", imports: "example.org/ws/conn"},
		{file: "examples/echo/main.go", imports: "example.org/ws/internal/bufpool", layer: up},
		{file: "tools/x/a.go", imports: "example.org/ws/conn", layer: "tools/x has no layer"},

		{file: "conn/a.go", imports: "golang.org/x/net/http2", module: "has no dependencies"},
		{file: "conn/a.go", imports: "C", module: "has no dependencies"},
		{file: "conn/a.go", imports: "github.com/stretchr/testify/require", module: "has no dependencies"},
		{file: "conn/a_test.go", imports: "github.com/stretchr/testify/require"},
		{file: "conn/a_test.go", imports: "github.com/stretchr/testifying", module: "goes into a nested module"},
		{file: "conn/a_test.go", imports: "github.com/gorilla/websocket", module: "goes into a nested module"},

		{file: "frame/a.go", imports: "io"},
		{file: "frame/a.go", imports: "sync", pure: "frame is pure"},
		{file: "frame/a.go", imports: "sync/atomic", pure: "frame is pure"},
		{file: "frame/a.go", imports: "net/http", pure: "frame is pure"},
		{file: "frame/a.go", imports: "time", pure: "frame is pure"},
		{file: "frame/a_test.go", imports: "time"},
		{file: "internal/mask/a.go", imports: "os", pure: "internal/mask is pure"},
		{file: "conn/a.go", imports: "time"},
	} {
		m, err := scan(tree(map[string][]string{tt.file: {tt.imports}}))
		require.NoError(t, err)
		for name, check := range map[string]struct {
			want string
			got  []string
		}{
			"layer":  {tt.layer, checkLayers(m)},
			"module": {tt.module, checkModules(m)},
			"pure":   {tt.pure, checkPure(m)},
		} {
			got := strings.Join(check.got, "\n")
			if check.want == "" {
				require.Empty(t, got, "%s of %s in %s", name, tt.imports, tt.file)
				continue
			}
			require.Contains(t, got, check.want, "%s of %s in %s", name, tt.imports, tt.file)
			require.True(t, strings.HasPrefix(got, tt.file+": "), "it says where: %s", got)
		}
	}
}

func TestCheckTopLevel(t *testing.T) {
	fsys := fstest.MapFS{
		".gitignore":    {Data: []byte("*.prof\ncoverage/\n")},
		"frame/x.go":    {},
		"README.md":     {},
		"cpu.prof":      {},
		"coverage/x":    {},
		"util/util.go":  {},
		"CHANGELOG.md":  {},
		".golangci.yml": {},
	}
	wrong, err := checkTopLevel(fsys)
	require.NoError(t, err)
	got := strings.Join(wrong, "\n")
	require.Len(t, wrong, 3, got)
	for _, name := range []string{"util", "CHANGELOG.md", ".golangci.yml"} {
		require.Contains(t, got, name+": does not belong to the top level")
	}
	_, err = checkTopLevel(fstest.MapFS{})
	require.Error(t, err)
}

func TestCheckLayersExist(t *testing.T) {
	files := map[string][]string{}
	for _, l := range layers {
		files[strings.ReplaceAll(l.dir, "*", "x")+"/a.go"] = []string{"fmt"}
	}
	m, err := scan(tree(files))
	require.NoError(t, err)
	requireNothing(t, checkLayersExist(m))
	delete(files, "handshake/a.go")
	m, err = scan(tree(files))
	require.NoError(t, err)
	require.Len(t, checkLayersExist(m), 1)
	require.Contains(t, checkLayersExist(m)[0], "a rule for handshake")
}
