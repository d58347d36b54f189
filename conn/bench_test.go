package conn

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkEcho is one message to and fro over loopback TCP: a dialled client, and
// a server that runs inside net/http. Allocations are those of both sides
// together.
func BenchmarkEcho(b *testing.B) {
	s := httptest.NewServer(Handler(nil, echo))
	defer s.Close()
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, n := range []int{125, 64 << 10} {
		for name, ctx := range map[string]context.Context{
			"background": context.Background(), "cancellable": cancellable,
		} {
			b.Run(fmt.Sprintf("%dB/%s", n, name), func(b *testing.B) {
				c, err := Dial(ctx, s.URL, nil)
				require.NoError(b, err)
				p, buf := make([]byte, n), make([]byte, 0, n)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, c.Write(ctx, Binary, p))
					_, buf, err = c.AppendRead(ctx, buf[:0])
					require.NoError(b, err)
				}
				require.NoError(b, c.Close(StatusNormalClosure, ""))
			})
		}
	}
}
