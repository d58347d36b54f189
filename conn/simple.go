package conn

import "github.com/parleyws/websocket/frame"

// This file is the short way of most messages: nobody else writes, nothing waits,
// and the socket takes all of it at once. No entry is made for them.

// simple reports whether a message may go the short way: nothing else waits or is
// being sent, but for what is held, and it needs only to be encoded.
func (o *outbound) simple(op frame.Opcode, p []byte, k kind) bool {
	switch {
	case o.owned || o.over || o.streaming || len(p) >= largeFrame && !o.inPlace(p, k):
		return false
	case k == asFragment || k == asLast || k == asTurn:
		return false
	case o.z != nil && (o.z.takeover || o.z.wants(op, len(p))):
		return false
	}
	return o.nothingWaits()
}

// inPlace reports whether a message is simple although it is large, because it is sent
// from where it lies, in one piece.
func (o *outbound) inPlace(p []byte, k kind) bool {
	return o.role == frame.Server && k != asEncoded && len(p) <= maxDirect
}

// sendQuick sends a simple message, or has it held. It reports whether that is all
// there is to be done. If not, but the message was begun, there is an entry for it
// now, and the caller owns the socket.
//
// Every 32nd message is not sent that way, see letOthersJoin.
func (c *Conn) sendQuick(op frame.Opcode, p []byte, k kind, size int) (e *entry, sent bool) {
	c.mu.Lock()
	switch {
	case c.raw == nil || !c.out.simple(op, p, k):
	case c.mayHold(p):
		c.hold(op, p, k, size)
		sent = true
	case !c.shared && c.out.sent.batches%32 != 31:
		c.out.take(op, p, k)
		if sent = c.sendTaken(); sent {
			c.tookSimple(size)
		} else {
			e = c.notSimple(op, p, k, size)
		}
	}
	c.mu.Unlock()
	return e, sent
}

// sendTaken sends a simple message that was taken. It reports whether the socket took
// all of it. The caller holds mu.
func (c *Conn) sendTaken() bool {
	f := c.out.air
	c.replies.beginSend()
	c.mu.Unlock()
	err := c.raw.Write(f.try)
	c.mu.Lock()
	return f.tried(err) && f.err == nil && c.now() != dead
}

// tookSimple ends the batch of a simple message that was sent.
func (c *Conn) tookSimple(size int) {
	c.replies.haveSent()
	c.out.sent.batches++
	c.out.count(size)
	c.out.endBatch()
	c.handOver()
}

// count counts a message that was sent.
func (o *outbound) count(size int) {
	o.sent.messages++
	o.sent.bytes += uint64(size)
}

// take makes a batch of what is held and a simple message behind it, to be sent now. The
// caller owns the socket then.
func (o *outbound) take(op frame.Opcode, p []byte, k kind) {
	f := newFlight(o.held, copied(p))
	o.air, o.held, o.owned = f, nil, true
	f.simple = len(f.batch.B)
	if len(p) < largeFrame {
		f.batch.B = o.appendMessage(f.batch.B, op, p, k)
	} else {
		f.batch.B, f.direct = appendHeader(f.batch.B, op, len(p)), p
	}
	f.load()
}

// copied is for how many bytes a simple message needs room in the batch.
func copied(p []byte) int {
	if len(p) < largeFrame {
		return frame.MaxHeaderSize + len(p)
	}
	return frame.MaxHeaderSize
}

// appendHeader appends the header of a message that is sent from where it lies.
func appendHeader(dst []byte, op frame.Opcode, size int) []byte {
	h := frame.Header{Fin: true, Rsv1: op&packed != 0, Opcode: plainType(op), Length: int64(size)}
	return h.Append(dst)
}

// notSimple makes an entry of a message that was taken, and not sent as a whole.
//
//go:noinline
func (c *Conn) notSimple(op frame.Opcode, p []byte, k kind, size int) *entry {
	o := &c.out
	e := o.entry(op, p, k)
	e.payload, e.size, e.begun, e.press = nil, size, true, false
	e.start, e.end = o.air.simple, len(o.air.batch.B)+len(o.air.direct)
	if len(o.air.direct) > 0 {
		o.air.lying = e
	}
	switch {
	case c.now() == dead:
		o.endBatch()
		o.finish(e, c.why())
	case o.air.err == errWouldBlock || isTimeout(o.air.err):
		o.air.flying.push(e)
		c.settle(o.air.n, nil)
	default:
		o.air.flying.push(e)
		c.settle(o.air.n, c.writeError(o.air.err))
	}
	return e
}

// appendMessage appends a message as a frame to dst, which has room for it.
func (o *outbound) appendMessage(dst []byte, op frame.Opcode, p []byte, k kind) []byte {
	if k == asEncoded {
		return append(dst, p...)
	}
	if o.role == frame.Server && len(p) < 126 && op&packed == 0 {
		// Fast path: FIN, the opcode and the length, for which a frame.Header takes longer.
		return append(append(dst, 0x80|byte(plainType(op)), byte(len(p))), p...)
	}
	h := frame.Header{Fin: true, Rsv1: op&packed != 0, Opcode: plainType(op), Length: int64(len(p))}
	if o.role == frame.Server {
		return append(h.Append(dst), p...)
	}
	h.Masked, h.Key = true, frame.NewKey()
	dst = h.Append(dst)
	at := len(dst)
	dst = dst[:at+len(p)]
	h.Key.XORTo(dst[at:], p)
	return dst
}

// sizeOf returns how many bytes of payload p stands for.
func sizeOf(p []byte, k kind) int {
	if k != asEncoded {
		return len(p)
	}
	h, _, _ := frame.ParseHeader(p)
	return int(h.Length)
}
