// Package browser makes a stream of frames out of the WebSocket that a browser
// gives to its scripts, so that package conn runs over it as over any other
// stream. The browser has already taken the frames apart: whole messages come
// out of it and go into it, and its closing handshake is its own. A [Stream]
// translates. What package conn writes are the frames of a client, which are put
// together to messages; what it reads are the frames of a server, made of the
// messages that came.
//
// The one file that knows of JavaScript is socket_js.go.
package browser

import "github.com/parleyws/websocket/frame"

// Socket is a WebSocket as browsers have it (WHATWG WebSockets Standard, section
// 3). Its events are told to the [Stream] over it, by Stream.Message and
// Stream.Closed, and never from within one of these methods. None of them waits.
type Socket interface {
	// Send sends a message of type frame.Text or frame.Binary. p is the caller's
	// again when it returns.
	Send(typ frame.Opcode, p []byte) error

	// Close begins the closing handshake; once it has begun nothing more is done.
	// The code is 1000 or one from 3000 to 4999, or 1005 for a Close frame without
	// a code, and then without a reason. A socket that is not open yet never will
	// be.
	Close(code frame.StatusCode, reason string)

	// Buffered returns how many bytes of payload were sent that have not left for
	// the network.
	Buffered() int

	// Release has the events end. The Stream calls it once.
	Release()
}

// Data is the payload of a message that came, where the browser keeps it.
type Data interface {
	// Len returns how many bytes it has, of UTF-8 if it is text.
	Len() int

	// CopyTo copies the bytes from the given one on, and returns how many fit.
	CopyTo(dst []byte, from int) int
}
