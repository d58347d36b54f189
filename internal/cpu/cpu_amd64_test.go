//go:build !purego

package cpu

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Linux says what it lets programs use.
func TestAVX2AsTheSystemSays(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip("this system does not say: " + err.Error())
	}
	require.Equal(t, strings.Contains(string(info), " avx2"), AVX2)
}
