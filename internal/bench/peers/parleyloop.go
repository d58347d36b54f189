package peers

import (
	"context"
	"net"

	"github.com/parleyws/websocket/conn"
)

func parleyLoop() Peer {
	return Peer{
		Name: "parley loop", Module: ours, Compresses: true,
		How: "conn.Server: event loops, without net/http; Write in the handler, Group.Broadcast",
		serve: func(ln net.Listener, t *Task) error {
			s := conn.Server{
				Handler: &parleyEvents{task: t},
				Options: &conn.AcceptOptions{Config: parleyConfig(t)},
			}
			return s.Serve(ln)
		},
	}
}

// parleyEvents is a conn.EventHandler.
type parleyEvents struct {
	task *Task
	room conn.Group
}

func (e *parleyEvents) Open(c *conn.Conn) {
	if e.task.Broadcast {
		e.room.Add(c) // it leaves by itself
		e.task.Members.Add(1)
	}
}

func (e *parleyEvents) Message(c *conn.Conn, m conn.Message) {
	if e.task.Broadcast {
		e.room.Broadcast(m.Type, m.Data)
		return
	}
	c.Write(context.Background(), m.Type, m.Data)
}

func (e *parleyEvents) Close(*conn.Conn, error) {
	if e.task.Broadcast {
		e.task.Members.Add(-1)
	}
}
