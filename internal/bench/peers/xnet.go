package peers

import (
	"net"
	"net/http"
	"unicode/utf8"

	"golang.org/x/net/websocket"
)

func xnet() Peer {
	return Peer{
		Name: "x/net", Module: "golang.org/x/net",
		How:   "websocket.Server in net/http; a Codec that keeps the type of a message; it has no compression",
		serve: serveXnet,
	}
}

// xnetMessage is a message with its type, which websocket.Message does not tell.
type xnetMessage struct {
	data []byte
	typ  byte
}

var xnetCodec = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) {
		m := v.(*xnetMessage)
		return m.data, m.typ, nil
	},
	Unmarshal: func(data []byte, typ byte, v any) error {
		*v.(*xnetMessage) = xnetMessage{data, typ}
		return nil
	},
}

func serveXnet(ln net.Listener, t *Task) error {
	r := newRoom[*websocket.Conn](t)
	server := websocket.Server{
		Handshake: func(*websocket.Config, *http.Request) error { return nil }, // the origin
		Handler: func(c *websocket.Conn) {
			r.join(c)
			defer r.leave(c)
			xnetLoop(c, t, r)
		},
	}
	return serveHTTP(ln, server.ServeHTTP)
}

func xnetLoop(c *websocket.Conn, t *Task, r *room[*websocket.Conn]) {
	var m xnetMessage
	for {
		if err := xnetCodec.Receive(c, &m); err != nil || t.Text && !utf8.Valid(m.data) {
			return
		}
		if t.Broadcast {
			r.each(func(to *websocket.Conn) { xnetCodec.Send(to, &m) })
			continue
		}
		if err := xnetCodec.Send(c, &m); err != nil {
			return
		}
	}
}
