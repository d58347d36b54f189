package wstest

import (
	"encoding/binary"
	"fmt"

	"github.com/parleyws/websocket/frame"
)

// Frame is a frame for a Peer to send or to want. It is made by Text, Binary,
// Cont, Ping, Pong, Close, EmptyClose or Op, and changed by its methods, each
// of which returns another Frame:
//
//	p.Send(wstest.Text("Hel").NoFin(), wstest.Ping("?"), wstest.Cont("lo"))
//
// Nothing stops it from breaking every rule of the protocol.
type Frame struct {
	// Header has the opcode, FIN and the RSV bits. In a frame that was read it
	// is all that was on the wire; Send sees to length, mask and key.
	frame.Header

	// Payload is not masked.
	Payload []byte

	wrongMask bool
}

// Op returns a frame with FIN set and any opcode.
func Op(op frame.Opcode, payload []byte) Frame {
	return Frame{Header: frame.Header{Opcode: op, Fin: true, Length: int64(len(payload))}, Payload: payload}
}

// Text returns a text frame with FIN set.
func Text(s string) Frame { return Op(frame.Text, []byte(s)) }

// Binary returns a binary frame with FIN set. It keeps b.
func Binary(b []byte) Frame { return Op(frame.Binary, b) }

// Cont returns a continuation frame with FIN set.
func Cont(s string) Frame { return Op(frame.Continuation, []byte(s)) }

// Ping returns a ping.
func Ping(s string) Frame { return Op(frame.Ping, []byte(s)) }

// Pong returns a pong.
func Pong(s string) Frame { return Op(frame.Pong, []byte(s)) }

// Close returns a close frame with any code, legal or not.
func Close(code frame.StatusCode, reason string) Frame {
	return Op(frame.Close, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// EmptyClose returns a close frame without a body.
func EmptyClose() Frame { return Op(frame.Close, nil) }

// NoFin returns f without FIN: a fragment that is not the last.
func (f Frame) NoFin() Frame {
	f.Fin = false
	return f
}

// Rsv returns f with the RSV bits of these numbers, 1 to 3, set.
func (f Frame) Rsv(bits ...int) Frame {
	for _, bit := range bits {
		switch bit {
		case 1:
			f.Rsv1 = true
		case 2:
			f.Rsv2 = true
		case 3:
			f.Rsv3 = true
		default:
			panic(fmt.Sprintf("wstest: there is no RSV%d, only 1 to 3", bit))
		}
	}
	return f
}

// WrongMask returns f masked if the sender is a server and not masked if it is
// a client.
func (f Frame) WrongMask() Frame {
	f.wrongMask = true
	return f
}

// Wire appends f to dst as an endpoint of that role sends it, and returns the
// extended slice. A client masks with key.
func (f Frame) Wire(dst []byte, role frame.Role, key frame.Key) []byte {
	h := f.Header
	h.Length = int64(len(f.Payload))
	h.Masked = (role == frame.Client) != f.wrongMask
	h.Key = key
	dst = h.Append(dst)
	start := len(dst)
	dst = append(dst, f.Payload...)
	if h.Masked {
		key.XOR(dst[start:])
	}
	return dst
}

// String describes f: its header, and as much of its payload as helps.
func (f Frame) String() string {
	if f.Opcode == frame.Close && len(f.Payload) >= 2 {
		code := frame.StatusCode(binary.BigEndian.Uint16(f.Payload))
		return fmt.Sprintf("%v %v %q", f.Header, code, f.Payload[2:])
	}
	if n := len(f.Payload); n > 64 {
		return fmt.Sprintf("%v %q… (%d bytes more)", f.Header, f.Payload[:64], n-64)
	}
	return fmt.Sprintf("%v %q", f.Header, f.Payload)
}

// same reports whether two frames say the same, apart from the mask.
func (f Frame) same(g Frame) bool {
	return f.Opcode == g.Opcode && f.Fin == g.Fin &&
		f.Rsv1 == g.Rsv1 && f.Rsv2 == g.Rsv2 && f.Rsv3 == g.Rsv3 &&
		string(f.Payload) == string(g.Payload)
}
