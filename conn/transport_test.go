package conn

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// bare is a stream that has nothing but what net.Conn asks for: no CloseWrite,
// no descriptor.
type bare struct{ net.Conn }

// Streams of all kinds do, each with what it can.
func TestTransports(t *testing.T) {
	for name, pair := range map[string]func(t *testing.T) (net.Conn, net.Conn){
		"TCP": func(t *testing.T) (net.Conn, net.Conn) { return tcpPair(t) },
		"TCP without its descriptor": func(t *testing.T) (net.Conn, net.Conn) {
			a, b := tcpPair(t)
			return bare{a}, bare{b}
		},
		"Unix":             func(t *testing.T) (net.Conn, net.Conn) { return unixPair(t) },
		"synchronous pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() },
		"one of each kind": func(t *testing.T) (net.Conn, net.Conn) {
			a, b := tcpPair(t)
			return a, bare{b}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			client, server := New(upgraded(a, frame.Client), nil), New(upgraded(b, frame.Server), nil)
			defer end(client)
			defer end(server)
			serving := call(func() error { return echo(context.Background(), server) })
			require.Equal(t, a, client.Transport())
			require.Equal(t, a.LocalAddr(), client.LocalAddr())
			require.Equal(t, a.RemoteAddr(), client.RemoteAddr())
			for _, n := range []int{0, 1, 5000, 300_000} {
				for _, w := range ways {
					converse(t, client, w, n)
				}
			}
			reading := startRead(t.Context(), client)
			_, err := client.Ping(t.Context())
			require.NoError(t, err)
			begin := time.Now()
			require.NoError(t, client.Close(StatusNormalClosure, ""))
			require.Error(t, (<-reading).Err)
			require.NoError(t, <-serving)
			require.Less(t, time.Since(begin), 4*time.Second, "Close frames were exchanged, nothing is to be waited for")
		})
	}
}

// converse sends a message and reads its echo, after a read that was cancelled.
func converse(t *testing.T, c *Conn, w way, n int) {
	t.Helper()
	soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, w.receive(soon, c).Err, context.DeadlineExceeded)
	message := pattern(n)
	writing := call(func() error { return c.Write(t.Context(), Binary, message) })
	m := w.receive(t.Context(), c)
	require.NoError(t, m.Err)
	require.True(t, m.Data == string(message), "%d bytes, got %d", n, len(m.Data))
	require.NoError(t, <-writing)
}
