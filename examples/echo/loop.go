package main

import (
	"log"

	"github.com/parleyws/websocket/conn"
)

// loopEcho echoes by events: a conn.Server calls it, and an idle connection has
// neither a goroutine nor a buffer.
type loopEcho struct{ log *log.Logger }

func (e loopEcho) Open(*conn.Conn) {}

// Message sends m back. A client that does not read what it has asked for holds up
// only itself: what the socket does not take is queued, and when that becomes too much,
// the client is disconnected.
func (e loopEcho) Message(c *conn.Conn, m conn.Message) {
	if err := c.TryWrite(m.Type, m.Data); err == conn.ErrBacklog {
		c.Close(conn.StatusPolicyViolation, "you do not read what you ask for")
	}
}

func (e loopEcho) Close(c *conn.Conn, err error) {
	s := c.Stats()
	e.log.Printf("%v: closed with %d after %d messages, %d bytes", c.RemoteAddr(), conn.CloseStatus(err), s.MessagesReceived, s.BytesReceived)
}
