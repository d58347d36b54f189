package conn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	ctx := t.Context()
	c, s := connPair(t, &Config{MaxMessage: -1})
	go echo(ctx, s)
	for _, n := range []int{0, 1, 125, 126, 4096, 65535, 65536, 1 << 20, 16 << 20} {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(i * 7)
		}
		errc := make(chan error, 1)
		go func() { errc <- c.Write(ctx, Binary, p) }()
		typ, got, err := c.Read(ctx)
		require.NoError(t, err)
		require.NoError(t, <-errc)
		require.Equal(t, Binary, typ)
		require.Equal(t, p, got)
	}
	require.NoError(t, c.Close(StatusNormalClosure, "bye"))
}
