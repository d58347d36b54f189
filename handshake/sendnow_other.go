//go:build !unix

package handshake

import "net"

// sendNow sends nothing: here there are no sockets that do not wait.
func (u *upgrade) sendNow(net.Conn) int { return 0 }
