//go:build !purego

// Go's FIPS 140 mode refuses to start in a program that was built with purego.

package handshake

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// FIPS 140 mode has no SHA-1; RFC 6455 has no other hash.
func TestAcceptKeyInFIPSMode(t *testing.T) {
	if os.Getenv("FIPS_CHILD") != "" {
		return // the tests before have run in that mode
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run=^(TestAcceptKey|TestNewKey|TestAcceptKeyInFIPSMode)$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", "FIPS_CHILD=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestAcceptKey ")
}
