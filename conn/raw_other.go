//go:build !unix || parley_noraw

package conn

import (
	"errors"
	"net"
	"syscall"
)

// Where sockets cannot be tried without waiting, they are read and written
// through net.Conn, with a buffer in hand. The build tag parley_noraw has all systems
// do that, and do without event loops, so that it can be tested anywhere:
//
//	go test -tags parley_noraw ./conn

func rawConn(net.Conn) syscall.RawConn { return nil }

var errWouldBlock = errors.New("conn: would block")

func sysRead(uintptr, []byte) (int, error) { panic("BUG: no raw sockets here") }

func sysWrite(uintptr, []byte) (int, error) { panic("BUG: no raw sockets here") }

func sysWritev(uintptr, []byte, []byte) (int, error) { panic("BUG: no raw sockets here") }

func shutdown(uintptr) { panic("BUG: no raw sockets here") }

func askForRest(uintptr) bool { return false }

func sysError(uintptr) error { panic("BUG: no raw sockets here") }

func sysReceive(uintptr, []byte) (int, bool, error) { panic("BUG: no raw sockets here") }
