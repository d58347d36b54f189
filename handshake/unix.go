package handshake

import (
	"context"
	"net"
)

// UnixDial returns a ClientConfig.NetDial that connects to the Unix socket at path,
// whatever the host of the URL. The URL still says what the request is: its Host
// field, its path, and whether there is TLS. No proxy is asked unless
// ClientConfig.Proxy is set.
//
//	u, err := handshake.Connect(ctx, "ws://localhost/chat", &handshake.ClientConfig{
//		NetDial: handshake.UnixDial("/run/chat.sock"),
//	})
//
// On Linux a path that begins with @ is an abstract socket.
func UnixDial(path string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
}
