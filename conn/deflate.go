package conn

import (
	"context"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
	"github.com/parleyws/websocket/internal/flate"
)

// deflater compresses what is sent (RFC 7692, section 7.2.1). Its history has to
// follow the order of the messages on the wire, so it belongs to the owner of the
// socket, who compresses a message when it is next to be sent. Whatever is
// withdrawn or dropped before that has left no trace in it.
type deflater struct {
	level    flate.Level
	bits     int  // of our window
	takeover bool // messages may refer to earlier ones
	min      int  // bytes of a message that is worth it

	c *flate.Compressor // nil: made at the first byte
}

// wants reports whether a message of n bytes is to be compressed, and is not.
func (z *deflater) wants(typ MessageType, n int) bool {
	return z != nil && typ&(Uncompressed|packed) == 0 && (typ&Compressed != 0 || n >= z.min)
}

// packsAhead reports whether Write compresses a message of n bytes before it is its turn.
// Without takeover it does not matter when, and then the short way is open to it, see
// simple. What large messages would take while they wait their turn is too much.
func (z *deflater) packsAhead(typ MessageType, n int) bool {
	return z != nil && !z.takeover && n < largeFrame && z.wants(typ, n)
}

// writePacked is Write for a message that is compressed ahead. Only what is fixed in z
// is touched: others may write too.
func (c *Conn) writePacked(ctx context.Context, typ MessageType, p []byte) error {
	z := c.out.z
	d := flate.NewCompressor(z.level, z.bits)
	b := pack(d, p, true)
	d.Release()
	defer b.Release()
	payload, op := b.B, plainType(typ)|packed
	if len(b.B) >= len(p) {
		payload, op = p, plainType(typ)|Uncompressed
	}
	var e *entry
	if ctx.Err() == nil && c.cfg.Observer == nil {
		var sent bool
		if e, sent = c.sendQuick(op, payload, asMessage, len(p)); sent {
			return nil
		}
	}
	return c.writeSlowly(ctx, e, op, payload, len(p))
}

// wantsEntry reports whether press has something to do for e, whose type with its
// flags is typ.
func (z *deflater) wantsEntry(e *entry, typ MessageType) bool {
	switch {
	case z == nil || e.turn:
		return false
	case e.head.Rsv1:
		return z.takeover
	default:
		return !e.encoded && z.wants(typ, len(e.payload))
	}
}

// press compresses the payload of e, which stays as it is. It returns nil if e is
// to be sent as it is.
func (z *deflater) press(e *entry) *bufpool.Buffer {
	if e.head.Rsv1 {
		// A prepared message, which refers to nothing before it. The peer will
		// have it in its history, but z.c does not.
		if z.c != nil {
			z.c.Reset()
		}
		return nil
	}
	first := e.head.Opcode != frame.Continuation
	if z.c == nil {
		z.c = flate.NewCompressor(z.level, z.bits)
	}
	b := pack(z.c, e.payload, e.head.Fin)
	if e.head.Fin && !z.takeover {
		z.drop()
		if first && len(b.B) >= len(e.payload) {
			b.Release()
			return nil
		}
	}
	return b
}

// drop gives up what only the messages to come could have referred to.
func (z *deflater) drop() {
	z.c.Release()
	z.c = nil
}

// pack compresses p into a borrowed buffer.
//
// RFC 7692, section 7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from
// the tail end."
func pack(c *flate.Compressor, p []byte, end bool) *bufpool.Buffer {
	b := bufpool.Get(min(len(p)+len(p)>>8+64, maxBatch))
	b.B = c.Append(b.B[:0], p, true)
	if end {
		b.B = b.B[:len(b.B)-len(flate.Tail)]
	}
	return b
}

// pressed compresses what is to be compressed of the frames that are next, so
// that they can be gathered, and returns true. The caller owns the socket and
// holds mu.
func (c *Conn) pressed() bool {
	if c.out.z != nil {
		c.pressAll()
	}
	return true
}

func (c *Conn) pressAll() {
	o := &c.out
	if o.air != nil || o.part != nil {
		return // they are first
	}
	n, first := 0, o.front() // first: of the messages of e's batch that may be withdrawn
	for e := first; e != nil && !e.turn && n < maxBatch; {
		if e.press {
			o.commit(first, e)
			if !c.press(e) {
				e = o.front() // e is not there any more
				n, first = 0, e
				continue
			}
		}
		switch {
		case e.next != e.sibling:
			first = e.next
		case e.cut:
			first = e
		}
		n += e.size
		e = e.next
	}
}

// press compresses e without holding mu. It reports whether e still waits to be
// sent.
func (c *Conn) press(e *entry) bool {
	e.pressing = true
	c.mu.Unlock()
	b := c.out.z.press(e)
	c.mu.Lock()
	return c.out.pressed(e, b)
}

// commit has the messages of a batch sent, from first up to e, because e will have
// to be: it is about to enter the history.
func (o *outbound) commit(first, e *entry) {
	for x := first; x != e && o.z.takeover; x = x.next {
		x.cut = true
	}
}

// pressed ends the compressing of e, and does what could not be done meanwhile.
// Once e is in the history of later messages it has to be sent, as if a byte of
// it were.
func (o *outbound) pressed(e *entry, b *bufpool.Buffer) (waits bool) {
	e.press, e.pressing = false, false
	if b != nil {
		e.own.Release()
		e.own, e.payload, e.frozen = b, b.B, true
		e.head.Rsv1 = e.head.Opcode != frame.Continuation
		e.cut = o.z.takeover
	}
	switch {
	case e.err != nil:
		o.finish(e, e.err)
		return false
	case !e.cancelled:
	case e.cut:
		e.alert()
	default:
		o.withdraw(e, errWithdrawn)
		return false
	}
	return true
}
