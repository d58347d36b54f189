//go:build parley_noraw || (!linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd)

package conn

import (
	"net"
	"syscall"

	"github.com/parleyws/websocket/internal/poll"
)

// socket is nothing here: there is no poller.
type socket struct {
	net.Conn
	loop *eventLoop
	fd   int32
	slot uint32

	again bool
}

// waitingRoom is nothing either.
type waitingRoom struct{}

func newWaitingRoom() (*waitingRoom, error) { panic("BUG: no sockets here") }
func (*waitingRoom) run()                   { panic("BUG: no sockets here") }
func (*waitingRoom) stop()                  { panic("BUG: no sockets here") }

func detach(net.Conn, *eventLoop) *socket { return nil }
func loopOf(net.Conn) *eventLoop          { return nil }

func (s *socket) hold() bool                { panic("BUG: no sockets here") }
func (s *socket) release()                  { panic("BUG: no sockets here") }
func (s *socket) register(poll.Token) error { panic("BUG: no sockets here") }
func (s *socket) rawConn() syscall.RawConn  { panic("BUG: no sockets here") }
