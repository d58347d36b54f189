package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	gone, err := os.Open(file.Name())
	require.NoError(t, err)
	gone.Close()
	for name, v := range map[string]any{
		"a file": file, "a pipe": w, "the null device, which is a device": null, "a closed file": gone, "a buffer": &brokenPipe{},
	} {
		require.False(t, isTerminal(v), name)
	}
	require.True(t, isTerminal(newOutput(true)))
}

func TestSize(t *testing.T) {
	require.Equal(t, "512.0 B", size(512))
	require.Equal(t, "1.5 KiB", size(1536))
	require.Equal(t, "2.0 MiB", size(2<<20))
	require.Equal(t, "2048.0 GiB", size(2<<40))
}
