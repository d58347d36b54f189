package peers

import (
	"bytes"
	"io"
	"net"
)

// raw is the limit: what a server in Go costs that does not know what it echoes.
func raw() Peer {
	return Peer{
		Name: Limit, Raw: true, Compresses: true,
		How:   "a goroutine a connection, net.Conn.Read and net.Conn.Write, a buffer for a message, up to 64 KiB",
		serve: serveRaw,
	}
}

// handshakeReply is as long as a usual answer to the opening handshake.
var handshakeReply = []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
	"Connection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n")

func serveRaw(ln net.Listener, t *Task) error {
	r := newRoom[net.Conn](t)
	return accept(ln, func(nc net.Conn) {
		defer nc.Close()
		r.join(nc)
		defer r.leave(nc)
		if t.Broadcast {
			broadcastRaw(nc, r, t.Wire)
		} else {
			echoRaw(nc, min(max(t.Wire, 4<<10), 64<<10))
		}
	})
}

// echoRaw sends back what it gets, size bytes at most at a time; for a request of
// HTTP, something as long as the answer to it.
func echoRaw(nc net.Conn, size int) {
	p := make([]byte, size)
	for {
		n, err := nc.Read(p)
		if err != nil {
			return
		}
		out := p[:n]
		if bytes.HasPrefix(out, []byte("GET ")) {
			out = handshakeReply
		}
		if _, err := nc.Write(out); err != nil {
			return
		}
	}
}

// broadcastRaw sends every size bytes to all.
func broadcastRaw(nc net.Conn, r *room[net.Conn], size int) {
	p := make([]byte, size)
	for {
		if _, err := io.ReadFull(nc, p); err != nil {
			return
		}
		r.each(func(to net.Conn) { to.Write(p) })
	}
}
