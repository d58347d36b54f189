package peers

import (
	"net"
	"net/http"
	"time"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

const nbioModule = "github.com/lesismal/nbio"

// nbioMixed is what nbio recommends where there are not too many connections. Its
// author's benchmark sets it up in the same way.
func nbioMixed() Peer {
	return Peer{
		Name: "nbio", Module: nbioModule, Compresses: true,
		How: "IOModMixed: a goroutine a connection up to 10,000, written to directly; " +
			"buffers of the size of the messages, up to 64 KiB; ReleaseWebsocketPayload, no keep-alive; a broadcast is a loop of WriteMessage; compression level 1, the default",
		serve: func(ln net.Listener, t *Task) error { return serveNbio(ln, t, nbhttp.IOModMixed) },
	}
}

// nbioPoller is what it recommends for very many.
func nbioPoller() Peer {
	return Peer{
		Name: "nbio poller", Module: nbioModule, Compresses: true,
		How:   "IOModNonBlocking: epoll and a pool of goroutines; the rest as in nbio",
		serve: func(ln net.Listener, t *Task) error { return serveNbio(ln, t, nbhttp.IOModNonBlocking) },
	}
}

func serveNbio(ln net.Listener, t *Task, mode int) error {
	logging.SetLevel(logging.LevelNone)
	r := newRoom[*websocket.Conn](t)
	u := nbioUpgrader(t, r)
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network: "tcp", Addrs: []string{ln.Addr().String()},
		Listen:                       func(string, string) (net.Listener, error) { return ln, nil },
		IOMod:                        mode,
		ReleaseWebsocketPayload:      true,
		MaxWebsocketFramePayloadSize: max(t.Size, nbhttp.DefaultMaxWebsocketFramePayloadSize), // a message is a frame
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if c, err := u.Upgrade(w, req, nil); err == nil {
				c.SetReadDeadline(time.Time{})
			}
		}),
	})
	if err := engine.Start(); err != nil {
		return err
	}
	select {} // until the process ends
}

func nbioUpgrader(t *Task, r *room[*websocket.Conn]) *websocket.Upgrader {
	u := websocket.NewUpgrader()
	u.KeepaliveTime = 0
	u.BlockingModAsyncWrite = false
	u.BlockingModReadBufferSize = min(max(t.Size+14, websocket.DefaultBlockingReadBufferSize), 64<<10)
	u.EnableCompression(t.Compress)
	u.OnOpen(r.join)
	u.OnClose(func(c *websocket.Conn, _ error) { r.leave(c) })
	u.OnMessage(func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		if t.Broadcast {
			r.each(func(to *websocket.Conn) { to.WriteMessage(typ, p) })
			return
		}
		c.WriteMessage(typ, p)
	})
	return u
}
