package peers

import (
	"context"
	"net"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

const ours = "github.com/parleyws/websocket"

func parley() Peer {
	return Peer{
		Name: "parley", Module: ours, Compresses: true,
		How: "conn.Handler in net/http, the zero Config; Messages and Write; Group.Broadcast",
		serve: func(ln net.Listener, t *Task) error {
			var h parleyHandler
			h.task = t
			opts := &conn.AcceptOptions{Config: parleyConfig(t)}
			return serveHTTP(ln, conn.Handler(opts, h.function()).ServeHTTP)
		},
	}
}

func parleyRaw() Peer {
	return Peer{
		Name: "parley raw", Module: ours, Compresses: true,
		How: "handshake.Accept and conn.New, without net/http, and then a goroutine; the rest as in parley",
		serve: func(ln net.Listener, t *Task) error {
			var h parleyHandler
			h.task = t
			cfg, serve := parleyConfig(t), h.function()
			var hs handshake.ServerConfig
			if t.Compress {
				hs.Deflate = new(handshake.DeflateConfig)
			}
			return accept(ln, func(nc net.Conn) {
				u, err := handshake.Accept(nc, &hs)
				if err != nil {
					return
				}
				c := conn.New(u, &cfg)
				go func() { // whose stack is small, and stays so
					defer c.CloseNow()
					serve(context.Background(), c)
				}()
			})
		},
	}
}

// parleyConfig is the zero Config, but for what the workload asks for.
func parleyConfig(t *Task) (cfg conn.Config) {
	if t.Compress {
		cfg.Compression = new(conn.Compression)
	}
	return cfg
}

type parleyHandler struct {
	task *Task
	room conn.Group
}

// function returns what serves a connection: as little as the task asks for, since it
// is on the stack all the time.
func (h *parleyHandler) function() func(context.Context, *conn.Conn) error {
	if h.task.Broadcast {
		return h.broadcast
	}
	return parleyEcho
}

func (h *parleyHandler) broadcast(ctx context.Context, c *conn.Conn) error {
	h.room.Add(c) // it leaves by itself
	h.task.Members.Add(1)
	defer h.task.Members.Add(-1)
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		h.room.Broadcast(m.Type, m.Data)
	}
	return nil
}

func parleyEcho(ctx context.Context, c *conn.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}
