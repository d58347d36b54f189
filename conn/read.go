package conn

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync/atomic"

	"github.com/parleyws/websocket/internal/bufpool"
)

// reading is how far the current message has been handed out.
type reading struct {
	// ev is the piece that was found last.
	ev event

	// partial is what a cancelled read had collected of the message. The next
	// read begins with it.
	partial *bufpool.Buffer

	// streamed: the message belongs to the messageReader with number seq. Any
	// other read skips what is left of it.
	streamed bool
	seq      uint64

	// For a streamed message: bytes that were taken from the wire and not yet
	// handed out, and whether they are its last.
	rest []byte
	end  bool

	// For Stats, written by the reader: messages that were complete, and their
	// bytes. size is that of the message so far.
	count, bytes atomic.Uint64
	size         int
}

// found takes note of the next piece of a message.
func (m *reading) found(ev event) {
	m.ev = ev
	m.size += len(ev.data)
	if ev.end {
		m.bytes.Add(uint64(m.size))
		m.count.Add(1)
		m.size = 0
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
	if err := c.lockRead(ctx); err != nil {
		return 0, dst, err
	}
	defer c.unlockRead()
	if err := c.startMessage(ctx); err != nil {
		return 0, dst, err
	}
	s := sink{b: dst, start: len(dst)}
	if err := c.collect(ctx, &s); err != nil {
		return 0, dst, err
	}
	if s.b == nil {
		s.b = []byte{}
	}
	return c.in.kind, s.b, nil
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
// with 1000 or 1001, by whichever side. On any other end, and when ctx ends,
// there is one last turn with an error and no message. A loop that was left may
// be followed by another, on the same or another context.
//
// While the loop body runs nobody reads, and pings wait to be answered. The
// body may call any method of c, except that Ping waits for a Pong which nobody
// reads.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, lent, err := c.lease(ctx)
			if err != nil {
				if !endedNormally(err) {
					yield(Message{}, err)
				}
				return
			}
			c.observeReceived(m.Type, len(m.Data))
			more := yield(m, nil)
			lent.Release()
			if !more {
				return
			}
		}
	}
}

// lease reads a message and lends it: its bytes are good until the buffer that
// comes with it is released.
func (c *Conn) lease(ctx context.Context) (m Message, lent *bufpool.Buffer, err error) {
	if err = c.lockRead(ctx); err != nil {
		return m, nil, err
	}
	err = c.startMessage(ctx)
	switch {
	case err != nil:
	case c.message.ev.end:
		// Fast path: the message lies in the buffer as a whole.
		m.Data, lent = c.message.ev.data, c.wire.buf
		lent.Retain()
	default:
		m.Data, lent, err = c.collectPooled(ctx)
	}
	m.Type = c.in.kind
	c.unlockRead()
	return m, lent, err
}

// collectPooled collects a message in a buffer of the pool.
func (c *Conn) collectPooled(ctx context.Context) ([]byte, *bufpool.Buffer, error) {
	s := sink{pooled: bufpool.Get(len(c.message.ev.data))}
	s.b = s.pooled.B[:0]
	if err := c.collect(ctx, &s); err != nil {
		s.pooled.Release()
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
	if ctx.Err() != nil || !c.takeTurn(ctx.Done()) {
		return c.ended(ctx)
	}
	if c.now() != alive {
		c.giveTurn()
		return c.Err()
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
	if len(c.message.rest) == 0 {
		c.wire.drop()
	}
	c.giveTurn()
}

// startMessage finds the first piece of the next message. If a cancelled read
// has left one, the piece is empty, and message.partial has what it had.
func (c *Conn) startMessage(ctx context.Context) error {
	if c.message.streamed {
		if err := c.skip(ctx); err != nil {
			return err
		}
	}
	if c.message.partial != nil {
		c.message.ev = event{}
		return nil
	}
	return c.piece(ctx)
}

// skip drops what is left of a message that was read as a stream.
func (c *Conn) skip(ctx context.Context) error {
	m := &c.message
	m.seq++ // the reader is stale, even if ctx ends before the message does
	m.rest = nil
	for end := m.end; !end; end = m.ev.end {
		if err := c.piece(ctx); err != nil {
			return err
		}
	}
	m.forget()
	return nil
}

func (m *reading) forget() {
	m.streamed, m.rest, m.end = false, nil, false
	m.partial.Release()
	m.partial = nil
}

// collect gathers a message whose first piece was found. If ctx ends before the
// message does, what is there is kept for the next read.
func (c *Conn) collect(ctx context.Context, s *sink) error {
	m := &c.message
	if p := m.partial; p != nil {
		s.add(p.B)
		m.forget()
	}
	s.add(m.ev.data)
	for !m.ev.end {
		direct := c.in.left > 0 && c.wire.r == c.wire.w
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
		s.b = s.b[:len(s.b)+len(c.message.ev.data)]
		return err
	}
	err := c.piece(ctx)
	s.add(c.message.ev.data)
	return err
}

// save keeps what a read has collected, unless the connection is over.
func (c *Conn) save(s *sink) {
	if c.now() != alive {
		return
	}
	got := s.b[s.start:]
	b := bufpool.Get(len(got))
	b.B = b.B[:copy(b.B, got)]
	c.message.partial = b
}

// piece finds the next piece of a message, which message.ev then is, and does on
// the way what control frames ask for.
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
	c.message.ev = event{}
	for {
		if err := c.mayParse(); err != nil {
			return false, err
		}
		n, ev, err := c.in.next(c.wire.unread())
		c.wire.r += n
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
			c.message.found(ev)
			return true, nil
		}
	}
}

// mayParse looks at what has become of the connection meanwhile. RFC 6455,
// section 1.4: after sending a Close frame, "the endpoint doesn't send any
// further data"; what the peer sends is dropped until its Close comes.
func (c *Conn) mayParse() error {
	switch c.now() {
	case alive:
		return nil
	case closing:
		c.in.discard = true
		return nil
	default:
		return c.Err()
	}
}

// direct reads payload bytes of the current frame straight into dst. They are
// the next piece.
func (c *Conn) direct(ctx context.Context, dst []byte) error {
	if int64(len(dst)) > c.in.left {
		dst = dst[:c.in.left]
	}
	c.message.ev = event{}
	n, err := c.read(ctx, dst)
	if err != nil {
		return err
	}
	if err := c.mayParse(); err != nil {
		return err
	}
	end, err := c.in.take(dst[:n])
	if err != nil {
		return c.fail(err)
	}
	if !c.in.discard {
		c.message.found(event{op: c.in.kind, data: dst[:n], end: end})
	}
	return nil
}

// sink is where a message is collected: in a slice, or in a buffer of the pool.
type sink struct {
	b      []byte
	start  int             // where the message begins in b
	pooled *bufpool.Buffer // b is its memory, if not nil
}

func (s *sink) add(p []byte) {
	if len(p) > cap(s.b)-len(s.b) {
		s.grow(max(len(s.b)+len(p), 2*(len(s.b)-s.start)))
	}
	s.b = append(s.b, p...)
}

// room returns free memory behind s.b for some of the n bytes to come. The peer
// may have announced more than it will ever send, so memory grows with what has
// arrived: to four times that at most.
func (s *sink) room(n int64) []byte {
	if len(s.b) == cap(s.b) {
		more := max(readSize, 3*(len(s.b)-s.start))
		s.grow(len(s.b) + int(min(n, int64(more))))
	}
	return s.b[len(s.b):cap(s.b)]
}

func (s *sink) grow(n int) {
	if s.pooled == nil {
		s.b = append(make([]byte, 0, n), s.b...)
		return
	}
	s.pooled.B = s.b
	s.pooled = s.pooled.Grow(n)
	s.b = s.pooled.B
}

// messageReader is a message as a stream, see [Conn.Reader].
type messageReader struct {
	c   *Conn
	ctx context.Context
	typ MessageType
	seq uint64
	n   int   // bytes read
	err error // sticky
}

// Reader waits for a message and returns it as a stream, without ever holding
// it as a whole. The reader returns io.EOF once the message is complete and has
// all been read, and only then: if the connection ends before, the error
// matches io.ErrUnexpectedEOF, also when the peer closed with 1000.
//
// The reader is under ctx, and may be used from one goroutine at a time. If ctx
// ends while it waits, it is of no more use; the connection is.
//
// A message need not be read to its end: the next read, of any kind, skips what
// is left, and from then on the reader fails.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	if err := c.lockRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.unlockRead()
	if err := c.startMessage(ctx); err != nil {
		return 0, nil, err
	}
	m := &c.message
	m.rest, m.end = m.ev.data, m.ev.end
	if m.partial != nil {
		m.rest = m.partial.B
	}
	m.streamed = true
	m.seq++
	return c.in.kind, &messageReader{c: c, ctx: ctx, typ: c.in.kind, seq: m.seq}, nil
}

// Read implements io.Reader.
func (r *messageReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.read(p)
	r.n += n
	switch {
	case err == io.EOF:
		r.c.observeReceived(r.typ, r.n)
	case err == nil || err == errStaleReader:
	case r.ctx.Err() == nil || !errors.Is(err, r.ctx.Err()):
		err = &truncatedError{err}
	}
	r.err = err
	return n, err
}

func (r *messageReader) read(p []byte) (int, error) {
	c, m := r.c, &r.c.message
	if r.ctx.Err() != nil || !c.takeTurn(r.ctx.Done()) {
		return 0, c.ended(r.ctx)
	}
	defer c.unlockRead()
	if !m.streamed || m.seq != r.seq {
		return 0, errStaleReader
	}
	if m.end && len(m.rest) == 0 {
		m.forget()
		return 0, io.EOF
	}
	if c.now() != alive {
		return 0, c.Err()
	}
	for len(m.rest) == 0 {
		if m.end {
			m.forget()
			return 0, io.EOF
		}
		if len(p) == 0 {
			return 0, nil
		}
		if n, err := c.stream(r.ctx, p); n > 0 || err != nil {
			return n, err
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// stream gets more of a streamed message: into p if the network can be read
// straight into it, or else as m.rest.
func (c *Conn) stream(ctx context.Context, p []byte) (int, error) {
	m := &c.message
	if c.in.left > 0 && c.wire.r == c.wire.w {
		err := c.direct(ctx, p)
		m.end = m.ev.end
		return len(m.ev.data), err
	}
	err := c.piece(ctx)
	m.rest, m.end = m.ev.data, m.ev.end
	return 0, err
}
