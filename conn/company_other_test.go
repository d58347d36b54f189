//go:build !unix

package conn

import (
	"net"
	"testing"
)

func shrink(*testing.T, net.Conn) { panic("BUG: no raw sockets here") }
func fillUp(*testing.T, net.Conn) { panic("BUG: no raw sockets here") }
