//go:build !unix || parley_noraw

package conn

import (
	"net"
	"testing"
)

func shrink(*testing.T, net.Conn) { panic("BUG: no raw sockets here") }
func fillUp(*testing.T, net.Conn) { panic("BUG: no raw sockets here") }
