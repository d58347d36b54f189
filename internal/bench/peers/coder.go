package peers

import (
	"context"
	"net"
	"net/http"
	"unicode/utf8"

	"github.com/coder/websocket"
)

func coder() Peer {
	return Peer{
		Name: "coder", Module: "github.com/coder/websocket", Compresses: true,
		How: "net/http; Reader into memory that is used again, Write; a broadcast is a loop of Write; " +
			"CompressionNoContextTakeover; a context that is never cancelled",
		serve: serveCoder,
	}
}

func serveCoder(ln net.Listener, t *Task) error {
	var opts websocket.AcceptOptions
	if t.Compress {
		opts.CompressionMode = websocket.CompressionNoContextTakeover
	}
	r := newRoom[*websocket.Conn](t)
	return serveHTTP(ln, func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, &opts)
		if err != nil {
			return
		}
		c.SetReadLimit(1 << 20)
		go func() {
			defer c.CloseNow()
			r.join(c)
			defer r.leave(c)
			coderLoop(context.Background(), c, t, r)
		}()
	})
}

func coderLoop(ctx context.Context, c *websocket.Conn, t *Task, r *room[*websocket.Conn]) {
	var p []byte
	for {
		typ, in, err := c.Reader(ctx)
		if err != nil {
			return
		}
		if p, err = readInto(p[:0], in); err != nil || t.Text && !utf8.Valid(p) {
			return
		}
		if t.Broadcast {
			r.each(func(to *websocket.Conn) { to.Write(ctx, typ, p) })
			continue
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return
		}
	}
}
