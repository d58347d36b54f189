package wstest

import "github.com/parleyws/websocket/internal/netpipe"

// DefaultBuffer is how many unread bytes one direction of a Pipe holds.
const DefaultBuffer = netpipe.DefaultBuffer

// Conn is one end of a Pipe, see [netpipe.Conn].
type Conn = netpipe.Conn

// Pipe returns the two ends of an in-memory connection, see [netpipe.Pipe].
func Pipe() (a, b *Conn) { return netpipe.Pipe() }
