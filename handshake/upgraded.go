package handshake

import (
	"net"
	"net/http"

	"github.com/parleyws/websocket/frame"
)

// Upgraded is a connection after a successful handshake: from here on it speaks
// frames. It is plain data and belongs to whoever asked for it.
type Upgraded struct {
	// Conn is the connection itself, with no deadline set: the net.Conn that was
	// accepted or hijacked, and on a client the *net.TCPConn (or what NetDial
	// returned) or the *tls.Conn over it, through a proxy too. Over HTTP/2 it is a
	// *Stream on both sides. Closing it is the holder's duty.
	Conn net.Conn

	// Buffered holds the bytes that came in the same segments as the handshake
	// and follow it: the first bytes of the frames. Nil when there are none.
	Buffered []byte

	// Role is this endpoint's role.
	Role frame.Role

	// Subprotocol is the one agreed upon, "" if none (RFC 6455, section 1.9).
	Subprotocol string

	// Deflate is what was agreed about compression, nil if it was not (RFC 7692):
	// then no frame may have RSV1.
	Deflate *Deflate

	// URI is the request target in origin-form, "/chat?room=1": on a server the
	// one received, on a client the one sent last, after redirects.
	URI string

	// Host is the authority the request was for, "example.com:8080".
	Host string

	// Header holds, on a client, the fields of the 101 or 200 response; on a server the
	// request's fields that ServerConfig.KeepHeader names, nil if it names none.
	Header http.Header
}
