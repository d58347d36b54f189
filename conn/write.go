package conn

import (
	"context"
	"runtime"
	"sync"

	"github.com/parleyws/websocket/frame"
)

// Write sends p as one message of one frame, and returns when the kernel has
// all of it. p is read until Write returns, and never changed. Text has to be
// valid UTF-8, which is not checked: the peer will fail the connection if it is
// not (RFC 6455, section 8.1).
//
// Write may be called from many goroutines at once. Each one's messages arrive
// in its order, and messages that come while another is being written are sent
// together in one system call. In the body of [Conn.Messages] a message may be held
// for a moment, see there.
//
// If ctx ends first, Write returns ctx.Err(). If no byte of the message has been
// sent by then, none will be. A message that was cut in the middle is sent to
// its end in the background, from a copy, so that the connection stays whole.
// (Over TLS, whose writes cannot be interrupted, a message counts as cut once
// it has been given to the TLS connection; with context takeover, see
// [Compression], once it has been compressed.) A ctx without a deadline is bounded
// by Config.WriteTimeout. Other errors are as of [Conn.Err].
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	if !isMessage(typ) {
		return errType
	}
	var e *entry
	if ctx.Err() == nil && c.cfg.Observer == nil {
		// Fast path: nobody else writes, and the socket takes it.
		var sent bool
		if e, sent = c.sendQuick(typ, p, asMessage, len(p)); sent {
			return nil
		}
	}
	return c.writeEntry(ctx, e, typ, p)
}

// writeEntry is Write for what did not go quickly, apart because it needs more
// stack.
//
//go:noinline
func (c *Conn) writeEntry(ctx context.Context, e *entry, typ MessageType, p []byte) error {
	if e == nil && ctx.Err() == nil && c.out.z.packsAhead(typ, len(p)) {
		return c.writePacked(ctx, typ, p)
	}
	return c.writeSlowly(ctx, e, typ, p, len(p))
}

// writeSlowly sends a message that had size bytes before it was compressed.
func (c *Conn) writeSlowly(ctx context.Context, e *entry, typ MessageType, p []byte, size int) error {
	err := c.sendEntry(ctx, e, typ, p, asMessage, size)
	c.observeSent(err, typ, size)
	return c.asContext(ctx, err)
}

// asContext replaces what send says of a context that ended.
func (c *Conn) asContext(ctx context.Context, err error) error {
	if err == errWithdrawn || err == errLeft {
		return c.ended(ctx)
	}
	return err
}

// kind is what send is to send.
type kind uint8

const (
	asMessage  kind = iota // a frame that is a message
	asFragment             // of the streamed message, and not its last
	asLast                 // fragment of it
	asTurn                 // nothing, but wait for the right to stream
	asFrozen               // a message whose payload will never change
	asEncoded              // the same, and the payload is a whole frame
)

// send sends a frame with payload p and returns when it is sent. If ctx ends
// before that it returns errWithdrawn, and nothing was sent, or errLeft, and the
// rest will be sent in the background.
func (c *Conn) send(ctx context.Context, op frame.Opcode, p []byte, k kind) error {
	if ctx.Err() != nil {
		return errWithdrawn
	}
	size := sizeOf(p, k)
	e, sent := c.sendQuick(op, p, k, size)
	if sent {
		return nil
	}
	return c.sendEntry(ctx, e, op, p, k, size)
}

// sendEntry is send for what is not simple. If there is an entry already, the caller
// owns the socket.
func (c *Conn) sendEntry(ctx context.Context, e *entry, op frame.Opcode, p []byte, k kind, size int) error {
	if e == nil && ctx.Err() != nil {
		return errWithdrawn
	}
	async := !c.resumable && !c.endless(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e != nil:
		c.own(ctx, e)
	case c.out.over:
		return c.refusal()
	default:
		e = c.out.entry(op, p, k)
		e.size, e.async = size, async
		c.out.enqueue(e)
		if c.claim(e) {
			c.own(ctx, e)
		}
	}
	return c.await(ctx, e)
}

// refusal returns why nothing can be written any more, or nil. The caller holds
// mu.
func (c *Conn) refusal() error {
	switch {
	case !c.out.over:
		return nil
	case c.why() != nil:
		return c.why()
	default:
		return c.out.oddly().broken
	}
}

// claim sees to it that somebody owns the socket now that there is e. It reports
// whether that is the caller.
func (c *Conn) claim(e *entry) bool {
	if c.out.parked() {
		c.out.odd.parked = false // who can wait owns the socket, not an event loop
		return true
	}
	if c.out.owned {
		c.shared = true
		c.hurry()
		return false
	}
	c.out.owned = true
	if e.async {
		c.startDrain()
	}
	return !e.async
}

// hurry reminds an owner that waits with the patience of its own context that
// others wait now.
func (c *Conn) hurry() {
	if f := c.out.air; f != nil && f.patient {
		f.patient = false
		c.kickWrite()
	}
}

// await returns when e is done, or given up. The caller holds mu.
func (c *Conn) await(ctx context.Context, e *entry) error {
	for !e.done && !e.left {
		if e.promoted {
			e.promoted = false
			c.own(ctx, e)
			continue
		}
		c.sleep(ctx, e)
	}
	if e.left {
		return errLeft // e is not ours any more
	}
	err := e.err
	if e.promoted {
		c.handOver() // e was refused before it could own the socket
	}
	c.out.recycle(e)
	return err
}

// sleep waits for something to happen to e, or to ctx.
func (c *Conn) sleep(ctx context.Context, e *entry) {
	if e.cancelled && !e.pressing && (e.cut || !c.resumable) {
		c.out.leave(e) // it was cancelled with a sibling
		return
	}
	if e.wake == nil {
		e.wake = make(chan struct{}, 1)
	}
	cancelled := e.cancelled
	c.mu.Unlock()
	var ended <-chan struct{}
	if !cancelled {
		ended = ctx.Done()
	}
	select {
	case <-e.wake:
		c.mu.Lock()
	case <-ended:
		c.mu.Lock()
		e.cancelled = true
		if c.cancelSiblings(e) {
			c.kickWrite()
		}
	}
	if e.cancelled && !e.done && !e.promoted {
		c.giveUp(e)
	}
}

// cancelSiblings cancels the entries of a WriteBatch that come after e: if e is
// taken back, they must not be sent. It reports whether the owner of the socket
// has to look at some. The caller is the one that waits for them all.
func (c *Conn) cancelSiblings(e *entry) (flying bool) {
	for x := e.sibling; x != nil; x = x.sibling {
		switch {
		case x.done:
		case !x.begun && !x.pressing && !x.cut:
			c.out.withdraw(x, errWithdrawn)
		default:
			x.cancelled = true
			flying = true
		}
	}
	return flying
}

// giveUp does what can be done for an entry that is no longer wanted, while
// another goroutine owns the socket.
func (c *Conn) giveUp(e *entry) {
	switch {
	case e.pressing:
		// The owner reads the payload, and will look at e when it has.
	case !e.begun && !e.cut:
		c.out.withdraw(e, errWithdrawn)
	case e.cut || !c.resumable:
		c.out.leave(e)
	default:
		// It lies in a batch that is being sent. Only the owner can tell
		// whether it has been cut, and will.
		c.kickWrite()
	}
}

// own sends what waits until e has been sent or given up. The caller holds mu
// and owns the socket; afterwards somebody else does, or nobody.
func (c *Conn) own(ctx context.Context, e *entry) {
	o := &c.out
	if ctx.Err() != nil && !e.begun && !e.cut {
		o.withdraw(e, errWithdrawn)
		c.cancelSiblings(e)
	}
	c.letOthersJoin()
	for !e.done && c.pressed() && o.gather(e) {
		err := c.sendBatch(ctx)
		if err != errKicked || e.done || ctx.Err() == nil {
			continue
		}
		c.cancelSiblings(e)
		o.dropCancelled()
		if e.cut {
			o.leave(e)
			break
		}
		o.withdraw(e, errWithdrawn)
	}
	c.handOver()
}

// letOthersJoin lets goroutines run that are about to write to the same
// connection, so that their frames go out with the caller's. Without it, a
// goroutine that finds the socket free writes on and on in the time that the
// scheduler gives it, with a system call for each message. Where no two were seen
// to write at once, it is looked for them every 32nd time only.
func (c *Conn) letOthersJoin() {
	if !c.shared && c.out.sent.batches%32 != 31 {
		return
	}
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
	front := c.out.front()
	c.shared = front != nil && front.next != nil
}

// drain owns the socket on behalf of nobody, as long as there is something to
// send that no waiting goroutine could send better.
func (c *Conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pressed() && c.out.gather(nil) {
		c.sendBatch(context.Background())
	}
	c.handOver()
}

// drainer starts c.drain in a goroutine, without allocating a closure for it.
type drainer struct {
	c   *Conn
	run func() // d.drain, made once
}

var drainers sync.Pool

func (c *Conn) startDrain() {
	d, _ := drainers.Get().(*drainer)
	if d == nil {
		d = new(drainer)
		d.run = d.drain
	}
	d.c = c
	go d.run()
}

func (d *drainer) drain() {
	c := d.c
	d.c = nil
	drainers.Put(d)
	c.drain()
}

// handOver ends the caller's ownership. The caller holds mu.
func (c *Conn) handOver() {
	o := &c.out
	if o.idle() {
		o.owned = false
		return
	}
	if e := o.heir(); e != nil {
		e.promoted = true
		e.alert()
		return
	}
	if s := c.socket(); s != nil {
		o.park()
		s.loop.post(c)
		return
	}
	c.startDrain()
}

// sendBatch sends the batch as far as it gets, without mu, and settles what was
// sent.
func (c *Conn) sendBatch(ctx context.Context) error {
	f := c.out.air
	c.replies.beginSend()
	c.mu.Unlock()
	err := c.transmit(ctx, f)
	c.mu.Lock()
	c.settle(f.n, err)
	return err
}

// settle draws the conclusions from n more bytes having been sent, and err.
func (c *Conn) settle(n int, err error) {
	c.out.sent.batches++
	if n > 0 {
		c.replies.haveSent()
	}
	if c.now() == dead {
		c.out.endBatch()
		return
	}
	if c.out.settle(n) {
		c.saidClose()
	}
	switch err {
	case nil:
	case errKicked:
		c.out.dropCancelled()
	default:
		c.writeFailed(err)
	}
}

// flush sends what control frames wait, without waiting for the peer.
func (c *Conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	if o.owned {
		if o.replies != nil || o.pings.next != 0 {
			c.hurry()
		}
		return
	}
	if o.idle() {
		return
	}
	o.owned = true
	if c.raw != nil && o.gather(nil) {
		c.sendNow()
	}
	c.handOver()
}
