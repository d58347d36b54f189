package peers

import (
	"net"

	websocket "github.com/lxzan/gws"
)

func gws() Peer {
	return Peer{
		Name: "gws", Module: "github.com/lxzan/gws", Compresses: true,
		How: "gws.NewServer without net/http, no parallel messages; OnMessage with WriteMessage; Broadcaster; " +
			"UTF-8 is checked for text only; PermessageDeflate with its defaults",
		serve: serveGWS,
	}
}

func serveGWS(ln net.Listener, t *Task) error {
	server := websocket.NewServer(&gwsHandler{task: t, room: newRoom[*websocket.Conn](t)}, &websocket.ServerOption{
		CheckUtf8Enabled:  t.Text,
		PermessageDeflate: websocket.PermessageDeflate{Enabled: t.Compress},
		Logger:            silent{},
	})
	return server.RunListener(ln)
}

// silent logs nothing of clients that hang up.
type silent struct{}

func (silent) Error(...any) {}

type gwsHandler struct {
	websocket.BuiltinEventHandler
	task *Task
	room *room[*websocket.Conn]
}

func (h *gwsHandler) OnOpen(c *websocket.Conn) { h.room.join(c) }

func (h *gwsHandler) OnClose(c *websocket.Conn, _ error) { h.room.leave(c) }

func (h *gwsHandler) OnMessage(c *websocket.Conn, m *websocket.Message) {
	defer m.Close()
	if !h.task.Broadcast {
		c.WriteMessage(m.Opcode, m.Bytes()) // a failure is for OnClose
		return
	}
	b := websocket.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	h.room.each(func(to *websocket.Conn) { b.Broadcast(to) })
}
