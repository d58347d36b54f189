package conn

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"github.com/parleyws/websocket/internal/bufpool"
)

// reading is how far the current message has been handed out.
type reading struct {
	// data is the piece of the message that was found last. It lies in the
	// wire's buffer, or where the reader wants it: while a read is under way,
	// data is what it reads into, or nil if that is the buffer.
	data []byte
	end  bool // data is the last of its message
	skip bool // what is left of the message is of no interest

	owes    bool  // Pongs, or a Close, are queued and not yet sent
	corked  bool  // replies may be held until the next read from the network
	grade   uint8 // of the buffer to read into, see readSize
	served  bool  // a Server reads, and nobody else
	loops   bool  // Messages may wait in the poller by itself, see loop
	watched bool  // the context of the wait under way is

	// partial is what a cancelled read had collected of the message. The next
	// read begins with it.
	partial *bufpool.Buffer

	// reader is the stream that the message is read through, if it is. Any other
	// read skips what is left of it.
	reader *messageReader

	// For Stats, written by the reader: messages that were complete, and their
	// bytes.
	count, bytes atomic.Uint64
}

// found takes note of the next piece of a message.
func (c *Conn) found(p []byte, end bool) {
	m := &c.message
	m.data, m.end = p, end
	if end {
		m.bytes.Add(uint64(c.in.size))
		m.count.Add(1)
		if c.in.size > readSize<<maxGrade {
			m.grade = 0 // such messages are read straight to where they belong
		}
	}
}

// Read reads a whole message into memory of its own, which is the caller's.
//
// It waits for a message until ctx ends, and then returns ctx.Err(). That does
// no harm: the next read goes on where this one stopped, and no byte is lost.
// Errors other than ctx.Err() are [Conn.Err]. A message of no bytes is a message
// like any other.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	return c.AppendRead(ctx, nil)
}

// AppendRead is Read into the caller's memory: it appends the message to dst and
// returns the extended slice, which is never nil when err is nil. If dst has
// room for the message, nothing is allocated. On an error dst is returned as it
// was; the bytes behind its length may have been overwritten.
func (c *Conn) AppendRead(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	typ, p, err := c.appendRead(ctx, dst)
	if err == nil {
		c.observeReceived(typ, len(p)-len(dst))
	}
	return typ, p, err
}

func (c *Conn) appendRead(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	if c.message.served {
		return 0, dst, c.notToBeRead()
	}
	if err := c.lockRead(ctx); err != nil {
		return 0, dst, err
	}
	defer c.unlockRead()
	if err := c.startMessage(ctx); err != nil {
		return 0, dst, err
	}
	if c.message.partial != nil {
		p, lent, err := c.collectPooled(ctx)
		if err != nil {
			return 0, dst, err
		}
		defer lent.Release()
		return c.in.kind, notNil(append(dst, p...)), nil
	}
	s := sink{b: dst, start: len(dst)}
	if err := c.collect(ctx, &s); err != nil {
		return 0, dst, err
	}
	return c.in.kind, notNil(s.b), nil
}

func notNil(p []byte) []byte {
	if p == nil {
		return []byte{}
	}
	return p
}

// Messages returns the connection's messages, one a turn:
//
//	for m, err := range c.Messages(ctx) {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// m.Data may be read and changed until the next turn, and not after it: it
// mostly lies in the buffer that the network was read into. What has to live on
// is to be copied.
//
// The loop ends by itself, without an error, when the connection was closed
// with 1000 or 1001, by whichever side; a message that was begun and not
// completed before that is dropped. On any other end, and when ctx ends,
// there is one last turn with an error and no message. A loop that was left may
// be followed by another, on the same or another context.
//
// While the loop body runs nobody reads, and pings wait to be answered. The
// body may call any method of c, except that Ping waits for a Pong which nobody
// reads.
//
// Messages that a peer has sent one after the other arrive together. While the body
// has one of them and the next lies in the buffer already, what is written on a
// plain socket is held, and goes out with what the next brings, in one system call:
// before the loop waits, when it ends, and at the latest after a millisecond. It
// counts for Config.Backlog until then.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if l := c.startLoop(ctx, yield, false); l != nil {
			c.loop(l)
		} else {
			c.each(ctx, yield, false)
		}
	}
}

// each is Messages where there is no loop, see loop. It is for the Server of the
// connection, or for others.
//
//go:noinline
func (c *Conn) each(ctx context.Context, yield func(Message, error) bool, server bool) {
	if c.message.served != server {
		yield(Message{}, c.notToBeRead())
		return
	}
	defer c.uncork()
	for more := true; more; {
		m, lent, err := c.lease(ctx)
		if err != nil {
			lastTurn(err, yield)
			return
		}
		c.observeReceived(m.Type, len(m.Data))
		more = yield(m, nil)
		lent.Release()
	}
}

// lastTurn tells the body of Messages why it ends.
func lastTurn(err error, yield func(Message, error) bool) {
	if !endedNormally(err) {
		yield(Message{}, err)
	}
}

// lease reads a message and lends it: its bytes are good until the buffer that
// comes with it is released.
func (c *Conn) lease(ctx context.Context) (m Message, lent *bufpool.Buffer, err error) {
	if err = c.lockRead(ctx); err != nil {
		return m, nil, err
	}
	m, lent, err = c.leaseLocked(ctx)
	if err != nil {
		c.unlockRead()
	} else {
		c.lendTurn()
	}
	return m, lent, err
}

// leaseLocked is lease for a caller that has the turn, and keeps it.
func (c *Conn) leaseLocked(ctx context.Context) (m Message, lent *bufpool.Buffer, err error) {
	if found, err := c.quick(ctx); !found && err == nil {
		return c.leaseAny(ctx)
	} else if err != nil {
		return m, nil, err
	}
	c.wire.buf.Retain()
	return Message{c.in.kind, c.message.data}, c.wire.buf, nil
}

// quick finds a message that lies in the buffer as a whole, for which it needs
// little stack and time. It leaves all others alone, and those of which something
// was read before.
func (c *Conn) quick(ctx context.Context) (found bool, err error) {
	m := &c.message
	if m.reader != nil || m.skip || m.partial != nil || c.in.inFrame {
		return false, nil
	}
	m.data, m.end = nil, false
	if c.wire.r == c.wire.w {
		if err := c.fill(ctx); err != nil {
			return false, err
		}
	}
	if err := c.mayRead(); err != nil {
		return false, err
	}
	p := c.wire.unread()
	n, err := c.in.whole(p)
	if err != nil {
		return false, c.fail(err)
	}
	if n == 0 {
		return false, nil
	}
	c.wire.r += int32(n)
	c.found(p[n-int(c.in.size):n:n], true)
	return true, nil
}

// leaseAny is leaseLocked for any message.
func (c *Conn) leaseAny(ctx context.Context) (m Message, lent *bufpool.Buffer, err error) {
	err = c.startMessage(ctx)
	switch {
	case err != nil:
	case c.message.end:
		// Fast path: the message lies in the buffer as a whole.
		m.Data, lent = c.message.data, c.wire.buf
		if c.in.packed {
			lent = c.in.z.out
		}
		lent.Retain()
	default:
		m.Data, lent, err = c.collectPooled(ctx)
	}
	m.Type = c.in.kind
	return m, lent, err
}

// collectPooled collects a message in a buffer of the pool: in that which a
// cancelled read has left, if there is one.
func (c *Conn) collectPooled(ctx context.Context) ([]byte, *bufpool.Buffer, error) {
	s := sink{pooled: c.message.partial}
	if s.pooled == nil {
		s.pooled = bufpool.Get(len(c.message.data))
		s.pooled.B = s.pooled.B[:0]
	}
	s.b, c.message.partial = s.pooled.B, nil
	if err := c.collect(ctx, &s); err != nil {
		if c.message.partial == nil {
			s.pooled.Release()
		}
		return nil, nil, err
	}
	return s.b, s.pooled, nil
}

func endedNormally(err error) bool {
	switch e := err.(type) {
	case *CloseError:
		return e.Is(io.EOF)
	case *closedError:
		return e.code == StatusNormalClosure || e.code == StatusGoingAway
	default:
		return false
	}
}

// lockRead waits for its turn to read a message.
func (c *Conn) lockRead(ctx context.Context) error {
	if c.now() != alive {
		return c.Err()
	}
	if ctx.Err() != nil || !c.takeFreeTurn() && !c.takeTurn(ctx.Done(), alive) {
		return c.ended(ctx)
	}
	return nil
}

// ended returns why ctx ended: because the connection did, or by itself.
func (c *Conn) ended(ctx context.Context) error {
	if err := c.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

// unlockRead sends what is owed, gives the buffer up if there is nothing in it,
// and ends the turn.
func (c *Conn) unlockRead() {
	c.sendReplies()
	if r := c.message.reader; r == nil || len(r.rest) == 0 {
		c.wire.drop()
		c.in.z.drop()
	}
	c.giveTurn(false)
}

// lendTurn is unlockRead before the body of a loop runs. What that writes may wait
// for the replies to a message that is there already.
func (c *Conn) lendTurn() {
	c.sendReplies()
	c.in.z.drop()
	ahead := c.raw != nil && c.wire.r < c.wire.w && c.in.ahead(c.wire.unread())
	c.message.corked = c.message.corked || ahead
	c.wire.drop()
	c.giveTurn(ahead)
}

// startMessage finds the first piece of the next message. If a cancelled read
// has left one, the piece is empty, and message.partial has what it had.
func (c *Conn) startMessage(ctx context.Context) error {
	m := &c.message
	if m.reader != nil {
		m.skip = !m.reader.end
		m.forget()
	}
	for m.skip {
		if err := c.piece(ctx); err != nil {
			return err
		}
		m.skip = !m.end
	}
	if m.partial != nil {
		m.data, m.end = nil, false
		return nil
	}
	return c.piece(ctx)
}

// forget makes the reader of the message, if there is one, a stale one.
func (m *reading) forget() {
	m.reader = nil
	m.partial.Release()
	m.partial = nil
}

// collect gathers a message whose first piece was found. If ctx ends before the
// message does, what is there is kept for the next read.
func (c *Conn) collect(ctx context.Context, s *sink) error {
	m := &c.message
	s.add(m.data)
	for !m.end {
		direct := c.mayReadDirectly()
		if err := c.next(ctx, s, direct); err != nil {
			c.save(s)
			return err
		}
	}
	return nil
}

// next adds the next piece of a message to s.
func (c *Conn) next(ctx context.Context, s *sink, direct bool) error {
	if direct {
		err := c.direct(ctx, s.room(c.in.left))
		s.b = s.b[:len(s.b)+len(c.message.data)]
		return err
	}
	err := c.piece(ctx)
	s.add(c.message.data)
	return err
}

// save keeps what a read has collected, unless the connection is over.
func (c *Conn) save(s *sink) {
	if c.now() != alive {
		return
	}
	if s.pooled == nil {
		got := s.b[s.start:]
		s.pooled = bufpool.Get(len(got))
		s.b = s.pooled.B[:copy(s.pooled.B, got)]
	}
	s.pooled.B = s.b
	c.message.partial = s.pooled
}

// piece finds the next piece of a message, which message.data then is, and does
// on the way what control frames ask for.
func (c *Conn) piece(ctx context.Context) error {
	for {
		found, err := c.parse()
		if found || err != nil {
			return err
		}
		if err := c.fill(ctx); err != nil {
			return err
		}
	}
}

// parse looks for a piece of a message in what has been read.
func (c *Conn) parse() (found bool, err error) {
	c.message.data, c.message.end = nil, false
	for {
		if err := c.mayRead(); err != nil {
			return false, err
		}
		n, ev, err := c.in.next(c.wire.unread())
		c.wire.r += int32(n)
		switch {
		case err != nil:
			return false, c.fail(err)
		case ev.op.IsControl():
			c.control(ev)
		case ev.op == needMore:
			if n == 0 {
				return false, nil
			}
		case !c.in.discard:
			c.found(ev.data, ev.end)
			return true, nil
		}
	}
}

// mayRead looks at what has become of the connection meanwhile: only one that is
// alive has messages to read. While it is closing or lingering, bytes are read to
// be dropped.
func (c *Conn) mayRead() error {
	switch c.now() {
	case alive:
		return nil
	case closing, lingering:
		if c.in.discard {
			return nil
		}
	}
	return c.Err()
}

// mayReadDirectly reports whether payload of the current frame comes next, and
// can be read from the network to where it is wanted.
func (c *Conn) mayReadDirectly() bool {
	return c.in.left > 0 && c.wire.r == c.wire.w && !c.in.packed
}

// direct reads payload bytes of the current frame straight into dst. They are
// the next piece.
func (c *Conn) direct(ctx context.Context, dst []byte) error {
	dst = dst[:min(int64(len(dst)), c.in.left, maxDirect)]
	c.wire.drop()
	m := &c.message
	m.data, m.end = dst, false
	err := c.read(ctx)
	m.data = nil
	if err != nil {
		return err
	}
	dst = dst[:c.wire.n]
	end, err := c.in.take(dst)
	if err != nil {
		return c.fail(err)
	}
	if err := c.mayRead(); err != nil {
		return err
	}
	c.found(dst, end)
	return nil
}
