package utf8

import (
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing is read outside the text, whose limits the processor's own instructions
// do not know: on either side of it lies memory that may not be touched.
func TestWriteStaysInside(t *testing.T) {
	debug.SetPanicOnFault(true) // for this goroutine
	size := syscall.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	defer syscall.Munmap(all)
	page := all[size : 2*size]
	require.NoError(t, syscall.Mprotect(page, syscall.PROT_READ|syscall.PROT_WRITE))

	for _, sample := range []string{"a", "é", "敏", "🦊", "plain ASCII, then 敏捷 🦊. "} {
		text := strings.Repeat(sample, 600)
		for n := range 600 {
			for _, at := range []int{0, size - n} {
				p := page[at : at+n]
				copy(p, text)
				equalsSlow(t, p)
			}
		}
	}
}
