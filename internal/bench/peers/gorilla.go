package peers

import (
	"io"
	"net"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

func gorilla() Peer {
	return Peer{
		Name: "gorilla", Module: "github.com/gorilla/websocket", Compresses: true,
		How: "net/http; buffers of the size of the messages, up to 64 KiB, those for writing pooled; " +
			"NextReader into memory that is used again, WriteMessage; PreparedMessage; compression level 1, the default",
		serve: serveGorilla,
	}
}

// serveGorilla follows what the package's documentation says under Buffers: "Limit
// the buffer sizes to the maximum expected message size." Up to 4 KiB the buffers
// of net/http are used again.
func serveGorilla(ln net.Listener, t *Task) error {
	u := websocket.Upgrader{EnableCompression: t.Compress}
	if t.Size > 4<<10 {
		u.ReadBufferSize = min(t.Size+14, 64<<10)
		u.WriteBufferSize = u.ReadBufferSize
		u.WriteBufferPool = new(sync.Pool)
	}
	r := newRoom[*websocket.Conn](t)
	return serveHTTP(ln, func(w http.ResponseWriter, req *http.Request) {
		c, err := u.Upgrade(w, req, nil)
		if err != nil {
			return
		}
		go func() { // so that net/http can let go of what it has for the request
			defer c.Close()
			r.join(c)
			defer r.leave(c)
			gorillaLoop(c, t, r)
		}()
	})
}

func gorillaLoop(c *websocket.Conn, t *Task, r *room[*websocket.Conn]) {
	var p []byte
	for {
		typ, in, err := c.NextReader()
		if err != nil {
			return
		}
		if p, err = readInto(p[:0], in); err != nil || t.Text && !utf8.Valid(p) {
			return
		}
		if t.Broadcast {
			m, err := websocket.NewPreparedMessage(typ, p)
			if err != nil {
				return
			}
			r.each(func(to *websocket.Conn) { to.WritePreparedMessage(m) })
			continue
		}
		if err := c.WriteMessage(typ, p); err != nil {
			return
		}
	}
}

// readInto appends all that r gives to p, which grows if need be.
func readInto(p []byte, r io.Reader) ([]byte, error) {
	for {
		if len(p) == cap(p) {
			p = append(p, make([]byte, max(512, len(p)))...)[:len(p)]
		}
		n, err := r.Read(p[len(p):cap(p)])
		p = p[:len(p)+n]
		switch err {
		case nil:
		case io.EOF:
			return p, nil
		default:
			return p, err
		}
	}
}
