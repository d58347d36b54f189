package handshake

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A callback may refuse with any status from 300 to 599, and the bounds are
// meant: what is no answer to refuse with becomes 403.
func TestRefusalStatusBounds(t *testing.T) {
	for status, want := range map[int]int{
		299: 403, 300: 300, 301: 301, 599: 599, 600: 403,
	} {
		require.Equal(t, want, refusal("Check", &Error{Status: status}).Status, "%d", status)
	}
}
