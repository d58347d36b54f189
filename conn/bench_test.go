package conn

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkEcho is one message to and fro over loopback TCP. Allocations are
// those of both sides together.
func BenchmarkEcho(b *testing.B) {
	for _, n := range []int{125, 64 << 10} {
		for _, ctx := range []struct {
			name string
			make func() (context.Context, context.CancelFunc)
		}{
			{"background", func() (context.Context, context.CancelFunc) { return context.Background(), func() {} }},
			{"cancellable", func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }},
		} {
			b.Run(fmt.Sprintf("%dB/%s", n, ctx.name), func(b *testing.B) {
				ctx, cancel := ctx.make()
				defer cancel()
				client, server := connPair(b, nil)
				go echo(ctx, server)
				p, buf := make([]byte, n), make([]byte, 0, n)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, client.Write(ctx, Binary, p))
					var err error
					_, buf, err = client.AppendRead(ctx, buf[:0])
					require.NoError(b, err)
				}
				require.NoError(b, client.Close(StatusNormalClosure, ""))
			})
		}
	}
}
