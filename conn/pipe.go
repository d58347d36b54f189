package conn

import (
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/netpipe"
)

// Pipe returns the two ends of a connection in memory, for the tests of programs
// that use this package. All there is to a connection is there, frames and the
// closing handshake included; only the opening handshake is left out,
// and compression is agreed on if both ask for it. A nil
// Config means the zero one. It may be used in a testing/synctest bubble.
func Pipe(client, server *Config) (*Conn, *Conn) {
	a, b := netpipe.Pipe()
	d := agreement(client, server)
	return New(&handshake.Upgraded{Conn: a, Role: frame.Client, Deflate: d}, client),
		New(&handshake.Upgraded{Conn: b, Role: frame.Server, Deflate: d}, server)
}
