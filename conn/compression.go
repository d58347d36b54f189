package conn

import (
	"cmp"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/flate"
)

// Compression offers or accepts permessage-deflate (RFC 7692). The zero value is
// what most programs want that want compression: messages are compressed each by
// itself, so that connections keep nothing between them.
//
// Compression costs time on both sides, and can tell secrets: where a message
// holds both a secret and what an attacker chose, or takeover is on, the length of
// the encrypted message says how much the two have in common. Send such messages
// with the type Text | [Uncompressed].
type Compression struct {
	// MinSize is how many bytes a message must have to be compressed. If zero,
	// 128 where messages may refer to earlier ones, and 512 where they may not. If
	// negative, all are compressed. A message that would become no shorter is sent
	// as it is where messages may not refer to it.
	MinSize int

	// Level is how much work is put into it: LevelFastest to LevelSmallest. If
	// zero, LevelFastest.
	Level CompressionLevel

	// ServerContextTakeover lets the messages of the server refer to its earlier
	// messages, if the peer agrees ("context takeover"). Small messages of a kind
	// become much smaller. Each connection then keeps the last bytes that were
	// sent, and the client those that it received, see ServerMaxWindowBits. A
	// message that has been compressed must then be sent: for a ctx that ends, it
	// counts as begun.
	ServerContextTakeover bool

	// ClientContextTakeover is the same for the messages of the client.
	ClientContextTakeover bool

	// ServerMaxWindowBits is the base-2 logarithm of how many bytes back the
	// messages of the server may refer to, from 8 to 15. It bounds the memory that
	// takeover costs: with 12 bits, about 10 KiB where messages are sent and 4 KiB
	// where they are received. If zero, 15. The peer may ask for less.
	ServerMaxWindowBits int

	// ClientMaxWindowBits is the same for the messages of the client. A client that
	// does not let itself be told uses 15.
	ClientMaxWindowBits int
}

// CompressionLevel is how hard to try, see [Compression].
type CompressionLevel int8

// The levels. With context takeover and 12 window bits, LevelFastest keeps about
// 10 KiB a connection and the others 18 KiB.
const (
	// LevelFastest looks for what repeats in one place. It costs a fraction of
	// compress/flate's level 1 and compresses at least as well.
	LevelFastest CompressionLevel = 1

	// LevelBalanced looks in a few places: some 6 % smaller for more than twice
	// the time.
	LevelBalanced CompressionLevel = 2

	// LevelSmallest looks in many. It is for messages that are prepared once and
	// sent to many, and for slow links.
	LevelSmallest CompressionLevel = 3
)

// Flags for the type of a message that is written, as in Text | Uncompressed.
// They say for one message what Compression.MinSize says for all. They have no
// effect on a connection without compression.
const (
	Compressed   MessageType = 0x40 // compress it, however small, if that makes it no longer
	Uncompressed MessageType = 0x80 // do not compress it
)

// packed says inside this package that a payload is compressed already.
const packed MessageType = 0x20

// isMessage reports whether typ is a type of a message, with one flag or none.
func isMessage(typ MessageType) bool {
	plain := typ &^ (Compressed | Uncompressed)
	return (plain == Text || plain == Binary) && typ&^plain != Compressed|Uncompressed
}

// plainType returns typ without its flags.
func plainType(typ MessageType) MessageType { return typ &^ (Compressed | Uncompressed | packed) }

// handshake returns what is to be negotiated.
func (z *Compression) handshake() *handshake.DeflateConfig {
	if z == nil {
		return nil
	}
	return &handshake.DeflateConfig{
		ServerContextTakeover: z.ServerContextTakeover,
		ClientContextTakeover: z.ClientContextTakeover,
		ServerMaxWindowBits:   z.ServerMaxWindowBits,
		ClientMaxWindowBits:   z.ClientMaxWindowBits,
	}
}

// useDeflate sets up what was negotiated.
func (c *Conn) useDeflate(d *handshake.Deflate) {
	in := &inflater{bits: windowBits(d.ClientMaxWindowBits), takeover: !d.ClientNoContextTakeover}
	out := &deflater{bits: windowBits(d.ServerMaxWindowBits), takeover: !d.ServerNoContextTakeover}
	if c.out.role == frame.Client {
		in.bits, out.bits = out.bits, in.bits
		in.takeover, out.takeover = out.takeover, in.takeover
	}
	c.in.z, c.in.rules.AllowRsv1 = in, true
	if z := c.cfg.Compression; z != nil {
		out.configure(z, c.out.role)
		c.out.z = out
	}
}

// configure sets what needs no agreement: how much work to put into it, and to do
// with less memory than was agreed on.
func (z *deflater) configure(cfg *Compression, role frame.Role) {
	takeover, bits := cfg.ServerContextTakeover, cfg.ServerMaxWindowBits
	if role == frame.Client {
		takeover, bits = cfg.ClientContextTakeover, cfg.ClientMaxWindowBits
	}
	z.takeover = z.takeover && takeover
	z.bits = min(z.bits, windowBits(bits))
	z.level = flate.Level(min(max(cfg.Level, LevelFastest), LevelSmallest))
	if z.takeover {
		z.min = cmp.Or(cfg.MinSize, 128)
	} else {
		z.min = cmp.Or(cfg.MinSize, 512)
	}
}

// windowBits returns the window that n stands for. Negotiation refuses what is
// out of bounds, a program that made its own handshake.Upgraded has none.
func windowBits(n int) int { return min(max(cmp.Or(n, 15), 8), 15) }

// agreement returns what two configurations agree on, as handshake would have
// it.
func agreement(client, server *Config) *handshake.Deflate {
	if client == nil || client.Compression == nil || server == nil || server.Compression == nil {
		return nil
	}
	a, b := client.Compression, server.Compression
	return &handshake.Deflate{
		ServerNoContextTakeover: !(a.ServerContextTakeover && b.ServerContextTakeover),
		ClientNoContextTakeover: !(a.ClientContextTakeover && b.ClientContextTakeover),
		ServerMaxWindowBits:     min(windowBits(a.ServerMaxWindowBits), windowBits(b.ServerMaxWindowBits)),
		ClientMaxWindowBits:     min(windowBits(a.ClientMaxWindowBits), windowBits(b.ClientMaxWindowBits)),
	}
}
