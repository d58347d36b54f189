package conn

import (
	"errors"
	"time"

	"github.com/parleyws/websocket/frame"
)

// SlowConsumer is what TryWrite does with a message for which there is no room
// in Config.Backlog, because the peer does not read as fast as it is written to.
type SlowConsumer uint8

const (
	// Refuse returns ErrBacklog and leaves the connection as it is.
	Refuse SlowConsumer = iota

	// DropOldest makes room by dropping messages that were queued earlier and
	// of which nothing has been sent, the oldest first. ErrBacklog is returned
	// only if that does not suffice.
	DropOldest

	// Disconnect drops what is queued and closes the connection with
	// StatusPolicyViolation. The error matches ErrBacklog and net.ErrClosed.
	Disconnect
)

// ErrBacklog says that a message was not taken because too much waits to be
// sent. See Config.Backlog.
var ErrBacklog = errors.New("conn: too much waits to be sent to a peer that does not read as fast; see Config.Backlog and Config.SlowConsumer")

// TryWrite sends p as one message without ever waiting for the peer. It gives
// the socket what it takes now, and queues the rest if the queue then holds no
// more than Config.Backlog bytes; if it would hold more, Config.SlowConsumer
// says what happens. What is queued is sent in order, by a goroutine that lives
// as long as anything is, and is subject to Config.WriteTimeout; Close sends it before
// its frame, as far as Config.CloseTimeout allows.
//
// A nil error says that the message was taken, not that it was sent. A message
// that the socket has taken a part of is always queued, whatever its size. p is
// the caller's again when TryWrite returns. Nothing is allocated if the socket
// takes the message.
//
// On a stream other than a plain socket (TLS) nothing can be tried without
// waiting, so all messages are queued.
func (c *Conn) TryWrite(typ MessageType, p []byte) error {
	if !isMessage(typ) {
		return errType
	}
	return c.trySend(&try{op: typ, p: p, k: asMessage, size: len(p)})
}

// Backlog returns how many bytes wait to be sent that no call of a method waits
// for: what TryWrite has queued, and what is left of writes that were cut. In a
// browser it adds what the browser has still to send, its bufferedAmount.
func (c *Conn) Backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.backlog.bytes() + c.out.heldBytes() + c.unsent()
}

// trySend sends or queues a message.
func (c *Conn) trySend(t *try) error {
	c.mu.Lock()
	err := c.trySendLocked(t)
	c.mu.Unlock()
	c.observeSent(err, t.op, t.size)
	for _, d := range t.dropped {
		c.observeDrop(d.typ, d.size)
	}
	if t.refused {
		c.observeDrop(t.op, t.size)
		c.flush() // a Close frame may wait
	}
	return err
}

// try is a message that is to be sent, and what became of it if nobody was to
// wait.
type try struct {
	op      frame.Opcode // with flags
	p       []byte
	k       kind
	size    int       // before compression
	saved   int       // by having been compressed
	refused bool      // there was no room
	dropped []dropped // to make room, if there is an observer to be told
}

// dropped is a message that was not sent.
type dropped struct {
	typ  MessageType
	size int
}

// trySendLocked is trySend for a caller that holds mu.
func (c *Conn) trySendLocked(t *try) error {
	o := &c.out
	if err := c.refusal(); err != nil {
		return err
	}
	if o.owned || o.streaming || c.raw == nil {
		return c.queueLeft(t)
	}
	// Fast path: nobody writes, so we do.
	e, sent := c.tryNow(t)
	if sent {
		return nil
	}
	var err error
	switch {
	case e.done:
		err = e.err
		o.recycle(e)
	case e.cut || c.fits(len(t.p)):
		o.leave(e)
	default:
		o.withdraw(e, nil)
		o.recycle(e)
		err = c.noRoom(t)
	}
	c.handOver()
	return err
}

// tryNow sends of a message what the socket takes, or has it held. It reports whether
// that is all. If not, the caller owns the socket, and the entry is what became of
// the message.
func (c *Conn) tryNow(t *try) (e *entry, sent bool) {
	o := &c.out
	if o.simple(t.op, t.p, t.k) {
		if c.mayHold(t.p) {
			c.hold(t.op, t.p, t.k, t.size)
			return nil, true
		}
		o.take(t.op, t.p, t.k)
		if c.sendTaken() {
			c.tookSimple(t.size)
			return nil, true
		}
		e = c.notSimple(t.op, t.p, t.k, t.size)
		if o.air != nil && isTimeout(o.air.err) {
			c.sendNow() // a kick came late
		}
		return e, false
	}
	o.owned = true
	e = o.entry(t.op, t.p, t.k)
	e.size = t.size
	o.enqueue(e)
	for !e.done && c.pressed() && o.gather(e) && c.sendNow() {
	}
	return e, false
}

// fits reports whether there is room for n more bytes in the backlog. Since even
// an empty message takes memory, their number is limited too.
func (c *Conn) fits(n int) bool {
	o, limit := &c.out, c.cfg.Backlog
	return o.backlog.bytes()+n <= limit && o.backlog.entries() < max(limit/64, minBacklogMessages)
}

const minBacklogMessages = 64

// sendNow sends of the batch what the socket takes without waiting. It reports
// whether that was all, or the socket failed. The caller owns the socket and
// holds mu.
func (c *Conn) sendNow() (over bool) {
	f := c.out.air
	c.replies.beginSend()
	c.mu.Unlock()
	f.load()
	over = f.tried(c.raw.Write(f.try))
	if isTimeout(f.err) && c.nc.SetWriteDeadline(time.Time{}) == nil {
		over = f.tried(c.raw.Write(f.try)) // a kick came late
	}
	c.mu.Lock()
	if over {
		c.settle(f.n, c.writeError(f.err))
	} else {
		c.settle(f.n, nil)
	}
	return over
}

// queueLeft queues a message that nobody waits for, if there is room, or if room
// can be made by dropping others.
func (c *Conn) queueLeft(t *try) error {
	o, n := &c.out, len(t.p)
	for c.cfg.SlowConsumer == DropOldest && n <= c.cfg.Backlog && !c.fits(n) && c.drop(t) {
	}
	if !c.fits(n) {
		return c.noRoom(t)
	}
	e := o.entry(t.op, t.p, t.k)
	e.size = t.size
	o.leave(e)
	o.enqueue(e)
	c.hurry()
	if !o.owned {
		o.owned = true
		c.handOver()
	}
	return nil
}

// drop drops the oldest message that can be, for t. It reports whether there was
// one.
func (c *Conn) drop(t *try) bool {
	d, ok := c.out.dropOldest()
	if !ok {
		return false
	}
	c.rarities().dropped++
	if o := c.cfg.Observer; o != nil && o.Drop != nil {
		t.dropped = append(t.dropped, d)
	}
	return true
}

// noRoom is what becomes of a message for which there is no room. The caller
// holds mu.
func (c *Conn) noRoom(t *try) error {
	if err := c.refusal(); err != nil {
		return err // closed meanwhile
	}
	t.refused = true
	c.rarities().dropped++
	if c.cfg.SlowConsumer != Disconnect {
		return ErrBacklog
	}
	for c.drop(t) {
	}
	payload, err := frame.AppendClose(nil, StatusPolicyViolation, "reads too slowly")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	c.leaveAlive(closing, &closedError{code: StatusPolicyViolation, cause: ErrBacklog})
	c.sayClose(payload, false)
	c.takeOver()
	return c.why()
}

// load is a number of bytes and of the entries that hold them, in one word.
type load uint64

const loadEntry load = 1 << 40

func loadOf(bytes int) load { return loadEntry + load(bytes) }
func (l load) bytes() int   { return int(l & (loadEntry - 1)) }
func (l load) entries() int { return int(l / loadEntry) }

// holds makes e an entry that nobody waits for, and that keeps n bytes.
func (o *outbound) holds(e *entry, n int) {
	e.left = true
	e.held = n
	o.backlog += loadOf(n)
}

// dropOldest drops the first message that nobody waits for and of which nothing
// has been sent, if there is one.
func (o *outbound) dropOldest() (d dropped, ok bool) {
	for e := o.queue.head; e != nil; e = e.next {
		if e.left && !e.cut && !e.pressing {
			d = dropped{e.head.Opcode, e.size}
			o.queue.remove(e)
			o.finish(e, ErrBacklog)
			return d, true
		}
	}
	return dropped{}, false
}
