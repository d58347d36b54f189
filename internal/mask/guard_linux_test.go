package mask

import (
	"bytes"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// guarded returns a page of memory between two that may not be touched: whoever
// reads or writes one byte too many panics.
func guarded(t *testing.T) []byte {
	size := syscall.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(all)) })
	page := all[size : 2*size : 2*size]
	require.NoError(t, syscall.Mprotect(page, syscall.PROT_READ|syscall.PROT_WRITE))
	return page
}

// No loop touches a byte outside its slices, whose limits the processor's own
// instructions do not know.
func TestXORStaysInside(t *testing.T) {
	src, dst := guarded(t), guarded(t)
	for _, loop := range loops {
		t.Run(loop.name, func(t *testing.T) {
			debug.SetPanicOnFault(true) // for this goroutine
			for n := range 600 {
				copy(src, random(n))
				copy(src[len(src)-n:], src[:n])
				for _, from := range []int{0, len(src) - n} {
					for _, to := range []int{0, len(dst) - n} {
						loop.xor(dst[to:to+n], src[from:from+n], keys[1])
						require.True(t, bytes.Equal(slow(src[from:from+n], keys[1]), dst[to:to+n]), "%d bytes", n)
					}
				}
				loop.xor(src[len(src)-n:], src[len(src)-n:], keys[1])
				loop.xor(src[:n], src[:n], keys[1])
			}
		})
	}
}
