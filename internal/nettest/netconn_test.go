package nettest

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

func TestNetConnInMemory(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := conn.Pipe(nil, nil)
		return streams(a, b)
	})
}

func TestNetConnOverTCP(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, nil, err
		}
		defer l.Close()
		dialled, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return nil, nil, nil, err
		}
		accepted, err := l.Accept()
		if err != nil {
			return nil, nil, nil, err
		}
		a := conn.New(&handshake.Upgraded{Conn: dialled, Role: frame.Client}, nil)
		b := conn.New(&handshake.Upgraded{Conn: accepted, Role: frame.Server}, nil)
		return streams(a, b)
	})
}

func streams(a, b *conn.Conn) (net.Conn, net.Conn, func(), error) {
	stop := func() {
		a.CloseNow()
		b.CloseNow()
	}
	return conn.NetConn(a, conn.Binary), conn.NetConn(b, conn.Binary), stop, nil
}
