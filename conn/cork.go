package conn

import (
	"time"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
)

// This file is about replies that wait for each other. When a peer sends many
// messages without waiting for answers, they arrive together, and a body of
// Messages that answers each of them would make a system call for each. So while
// another message lies in the buffer already, complete, what is written is held,
// and sent with what the next one brings, in one piece.
//
// Only plain sockets do so, which can be tried without waiting. It is safe because
// nobody is kept waiting by it:
//
//   - What is held is sent with the next thing that is sent, before it.
//   - The loop sends it before it reads from the network again, and when it ends,
//     be it by a panic. No message is ever waited for.
//   - A body that takes its time delays it by maxHold at most: a timer sees to that.
//   - Close, CloseNow and whatever else ends the connection in good order send it
//     first.
//   - It is bounded by maxBatch and Config.Backlog, and a socket that does not take
//     it has the next Write wait, as always.

// replies is what has become of what is written while a loop has a message. Whether it may
// be held is a bit in Conn.state.
type replies uint8

const (
	sending replies = 1 << iota // the owner of the socket has begun to, since then
	wasSent                     // what the owner has begun to send since the loop has read from the network
)

func (r replies) has(f replies) bool { return r&f != 0 }

func (r *replies) set(f replies, on bool) {
	*r &^= f
	if on {
		*r |= f
	}
}

// beginSend is called before the owner of the socket sends, and haveSent when the
// socket has taken something. A loop concludes from it that the stream had not ended when
// it read, so what was begun before that does not count. The caller holds mu.
func (r *replies) beginSend() { r.set(sending, true) }
func (r *replies) haveSent()  { r.set(wasSent, r.has(sending|wasSent)) }

// haveRead is called before a loop reads.
func (r *replies) haveRead() { r.set(sending|wasSent, false) }

// maxHold is how long a reply may wait for others.
const maxHold = time.Millisecond

// mayHold reports whether a simple message may be held, behind what is held already.
// The caller holds mu.
func (c *Conn) mayHold(p []byte) bool {
	o := &c.out
	return c.state.Load()&mayBeHeld != 0 && len(p) < largeFrame && o.heldBytes()+frame.MaxHeaderSize+len(p) <= min(maxBatch, c.cfg.Backlog)
}

// hold holds a message. The caller holds mu.
func (c *Conn) hold(op frame.Opcode, p []byte, k kind, size int) {
	o := &c.out
	if o.held == nil {
		o.held = bufpool.Get(readSize)
		o.held.B = o.held.B[:0]
		c.limitHold()
	}
	o.held = o.held.Grow(len(o.held.B) + frame.MaxHeaderSize + len(p))
	o.held.B = o.appendMessage(o.held.B, op, p, k)
	o.count(size)
}

// limitHold sets the timer. It is left to fire when there is nothing to be sent
// any more: to stop it each time would cost more.
func (c *Conn) limitHold() {
	m := c.rarities()
	if m.hold == nil {
		m.hold = time.AfterFunc(maxHold, c.flush)
		return
	}
	m.hold.Reset(maxHold)
}

// cork has what is written be held from now on, or not.
func (c *Conn) cork(on bool) {
	switch was := c.state.Load()&mayBeHeld != 0; {
	case on && !was:
		c.state.Or(mayBeHeld)
	case was && !on:
		c.state.And(^uint32(mayBeHeld))
	}
}

// uncork sends what is held, and has nothing be held any more.
func (c *Conn) uncork() {
	c.mu.Lock()
	c.cork(false)
	some := c.out.held != nil
	c.mu.Unlock()
	if some {
		c.flush()
	}
}

func (o *outbound) heldBytes() int {
	if o.held == nil {
		return 0
	}
	return len(o.held.B)
}
