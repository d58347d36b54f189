package frame

import "strconv"

// Opcode says what a frame is: 4 bits on the wire. RFC 6455, section 5.2.
type Opcode byte

// The opcodes that RFC 6455, section 5.2, defines.
const (
	Continuation Opcode = 0x0 // the next fragment of the message that is open
	Text         Opcode = 0x1 // a text message, or its first fragment
	Binary       Opcode = 0x2 // a binary message, or its first fragment
	Close        Opcode = 0x8 // the closing handshake; see AppendClose
	Ping         Opcode = 0x9 // a question whose payload the pong must repeat
	Pong         Opcode = 0xA // the answer to a ping, or a sign of life
)

// maxOpcode is the largest value that fits its 4 bits.
const maxOpcode Opcode = 0xF

// IsControl reports whether op is a control opcode, 0x8 to 0xF, reserved or
// not. RFC 6455, section 5.5: "Control frames are identified by opcodes where
// the most significant bit of the opcode is 1."
func (op Opcode) IsControl() bool { return op >= Close && op <= maxOpcode }

// IsData reports whether op is a data opcode, 0x0 to 0x7, reserved or not, so
// Continuation too. RFC 6455, section 5.6.
func (op Opcode) IsData() bool { return op < Close }

// IsReserved reports whether op is none of the six opcodes that RFC 6455,
// section 5.2, defines.
func (op Opcode) IsReserved() bool {
	return op > Pong || op > Binary && op < Close
}

// String returns the name of op in capitals, as in "TEXT", or for a reserved
// opcode its number, as in "RESERVED(0xb)".
func (op Opcode) String() string {
	switch op {
	case Continuation:
		return "CONTINUATION"
	case Text:
		return "TEXT"
	case Binary:
		return "BINARY"
	case Close:
		return "CLOSE"
	case Ping:
		return "PING"
	case Pong:
		return "PONG"
	default:
		return "RESERVED(0x" + strconv.FormatUint(uint64(op), 16) + ")"
	}
}
