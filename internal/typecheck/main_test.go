package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each target sees its own files, its own size of an int, and the tests.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, src := range map[string]string{
		"go.mod":       "module example.org/m\n\ngo 1.26\n",
		"a.go":         "package m\n\nimport \"net/http\"\n\nvar Client = http.Client{}\n",
		"a_windows.go": "package m\n\nvar text string = 1\n",
		"a_test.go":    "package m\n\nimport \"testing\"\n\nfunc Test(t *testing.T) { t.Log(Client, int(1<<40)) }\n",
		"a_openbsd.go": "package m\n\nimport \"syscall\"\n\nvar fd = syscall.NoSuchCall()\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600))
	}
	t.Chdir(dir)
	for target, want := range map[string]string{
		"linux/amd64":     "",
		"linux/386":       "a_test.go:5:", // the constant overflows int
		"windows/arm64":   "a_windows.go:3:",
		"openbsd/riscv64": "a_openbsd.go:5:",
		"js/wasm":         "",
		"linux/vax":       "no architecture",
	} {
		n, err := check(target, "./...")
		if want == "" {
			require.NoError(t, err, target)
			require.Equal(t, 2, n, "%s: the package, and it with its tests", target)
			continue
		}
		require.ErrorContains(t, err, want, target)
	}
}

func TestCheckWithoutPackages(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := check("linux/amd64", "./...")
	require.Error(t, err)
}
