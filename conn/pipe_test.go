package conn

import (
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// A pipe is a connection like any other, with frames and a closing handshake.
func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(nil, nil)
		echoing := call(func() error { return echo(t.Context(), server) })
		for _, n := range []int{0, 1, 125, 126, 65536, 1 << 20} {
			writing := call(func() error { return client.Write(t.Context(), Binary, pattern(n)) })
			require.Equal(t, received{Type: Binary, Data: string(pattern(n))}, read(t.Context(), client))
			require.NoError(t, <-writing)
		}
		require.Empty(t, client.Subprotocol())
		require.Equal(t, client.LocalAddr(), server.RemoteAddr())
		require.NotEqual(t, client.LocalAddr(), server.LocalAddr())
		begin := time.Now()
		require.NoError(t, client.Close(StatusNormalClosure, "bye"))
		require.NoError(t, <-echoing, "1000 ends the loop")
		<-server.Done()
		require.Equal(t, &CloseError{Code: StatusNormalClosure, Reason: "bye"}, server.Err())
		require.ErrorIs(t, client.Err(), net.ErrClosed)
		require.Zero(t, time.Since(begin))
	})
}

// The first end is the client's: it masks, and the second does not.
func TestPipeRoles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i := range 2 {
			client, server := Pipe(nil, nil)
			ends := [2]*Conn{client, server}
			require.NoError(t, ends[i].Write(t.Context(), Text, []byte("hello")))
			wire := make([]byte, 100)
			n, err := ends[1-i].Transport().Read(wire)
			require.NoError(t, err)
			h, _, err := frame.ParseHeader(wire[:n])
			require.NoError(t, err)
			require.Equal(t, i == 0, h.Masked)
			end(client)
			end(server)
		}
	})
}

// Each end has a Config of its own.
func TestPipeConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(&Config{MaxMessage: 10}, &Config{MaxMessage: 20})
		require.NoError(t, client.Write(t.Context(), Text, make([]byte, 20)))
		require.NoError(t, read(t.Context(), server).Err)
		require.NoError(t, server.Write(t.Context(), Text, make([]byte, 11)))
		require.ErrorIs(t, read(t.Context(), client).Err, &ProtocolError{Code: StatusMessageTooBig})
		require.ErrorIs(t, read(t.Context(), server).Err, &CloseError{Code: StatusMessageTooBig})
		<-client.Done()
		<-server.Done()
	})
}

// Both ends may write at once more than anybody has room for, and both may close
// at once.
func TestPipeIsBuffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(nil, nil)
		var results []<-chan error
		for i, c := range []*Conn{client, server} {
			results = append(results, call(func() error {
				for k := range 10 {
					if err := c.Write(t.Context(), Binary, pattern(100_000+k)); err != nil {
						return fmt.Errorf("end %d: %w", i, err)
					}
				}
				return nil
			}), call(func() error {
				for k := range 10 {
					if got := read(t.Context(), c); got.Err != nil || got.Data != string(pattern(100_000+k)) {
						return fmt.Errorf("end %d: %d bytes, %w", i, len(got.Data), got.Err)
					}
				}
				return nil
			}))
		}
		for _, result := range results {
			require.NoError(t, <-result)
		}
		closing := call(func() error { return client.Close(StatusNormalClosure, "") })
		require.NoError(t, server.Close(StatusNormalClosure, ""))
		require.NoError(t, <-closing)
	})
}

// In a bubble a pipe's clock is the bubble's: a silent half hour takes no time.
func TestPipeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(nil, nil)
		reading, other := startRead(t.Context(), client), startRead(t.Context(), server)
		time.Sleep(30 * time.Minute)
		notYet(t, reading, "KeepAlive's Pings are answered")
		require.NoError(t, client.CloseNow())
		require.ErrorIs(t, (<-other).Err, io.ErrUnexpectedEOF)
		require.ErrorIs(t, (<-reading).Err, net.ErrClosed)
		<-server.Done()
		require.IsType(t, new(wstest.Conn), client.Transport())
	})
}
