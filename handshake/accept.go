package handshake

import "net"

// Accept reads an opening handshake from nc, which no HTTP server has touched,
// and answers it. When it fails the rejection has been sent and nc is closed.
func Accept(nc net.Conn, cfg *ServerConfig) (*Upgraded, error) {
	return nil, &Error{Reason: "not yet"}
}
