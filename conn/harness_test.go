package conn

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

// upgraded is a stream on which the opening handshake has been done.
func upgraded(nc net.Conn, role frame.Role) *handshake.Upgraded {
	return &handshake.Upgraded{Conn: nc, Role: role}
}

// tcpPair returns the two ends of a TCP connection over loopback.
func tcpPair(tb testing.TB) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	require.NoError(tb, err)
	server, err = l.Accept()
	require.NoError(tb, err)
	return client, server
}

// connPair returns two connections that talk over TCP.
func connPair(tb testing.TB, cfg *Config) (client, server *Conn) {
	a, b := tcpPair(tb)
	client, server = New(upgraded(a, frame.Client), cfg), New(upgraded(b, frame.Server), cfg)
	tb.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
		<-client.Done()
		<-server.Done()
	})
	return client, server
}

// echo sends back what comes until the connection ends.
func echo(ctx context.Context, c *Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}
