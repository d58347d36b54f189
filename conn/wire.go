package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parleyws/websocket/internal/bufpool"
)

// readSize is how many bytes are asked of the network at once, where there is
// no message to read them straight into, as long as no more than that come. The
// buffer is doubled each time they fill it, up to maxGrade times.
const (
	readSize = 4 << 10
	maxGrade = 4
)

// readSizeTLS is the same for streams that must be read with a buffer in hand and
// hold their bytes themselves, so that it costs little to come back for more.
const readSizeTLS = 512

// wire is what was read from the network and not yet taken by the inbound
// machine:
//
//	buf.B  | taken | to be taken | free |
//	       0       r             w      len(buf.B)
//
// with 0 ≤ r ≤ w ≤ len(buf.B). There is no buffer when r == w and nobody has
// been lent what lies before r: a connection that waits holds none.
type wire struct {
	buf  *bufpool.Buffer // nil: r and w are 0
	r, w int32

	// Traces for KeepAlive and Stats, written by the reader.
	life  atomic.Uint64 // reads that returned bytes
	waits atomic.Uint32 // odd: a read waits

	n int32 // bytes that the read under way has read

	try  func(fd uintptr) bool // c.polled(), made once
	loop atomic.Pointer[loop]  // that waits with the descriptor, see loop

	// Argument and result of the read that is under way. It reads to where the
	// next piece of the message is to lie, see reading, or else into buf.
	ctx context.Context
	err error
}

// unread returns what is to be taken next.
func (w *wire) unread() []byte {
	if w.buf == nil {
		return nil
	}
	return w.buf.B[w.r:w.w]
}

// drop gives the buffer up if nothing in it is to be taken any more. Whoever
// was lent a part of it keeps it alive.
func (w *wire) drop() {
	if w.r == w.w && w.buf != nil {
		w.buf.Release()
		w.buf, w.r, w.w = nil, 0, 0
	}
}

// space returns the free part of the buffer.
func (w *wire) space() []byte { return w.buf.B[w.w:] }

// makeRoom moves what is to be taken to the front, so that more can be read
// behind it. If parts of the buffer are lent out, it moves to another.
func (w *wire) makeRoom() {
	w.drop()
	switch {
	case w.buf == nil:
		return
	case w.buf.Shared():
		other := bufpool.Get(readSize)
		w.w = int32(copy(other.B, w.unread()))
		w.buf.Release()
		w.buf, w.r = other, 0
	case w.r > 0:
		w.w = int32(copy(w.buf.B, w.unread()))
		w.r = 0
	}
}

// skipAll drops everything that is to be taken.
func (w *wire) skipAll() { w.r = w.w }

// fill reads more bytes from the network, behind those that are there. What was
// inflated before has been taken by then, and the wait may be long.
func (c *Conn) fill(ctx context.Context) error {
	c.wire.makeRoom()
	c.in.z.drop()
	err := c.read(ctx)
	if c.wire.n > 0 {
		c.message.regrade(int(c.wire.n), len(c.wire.space()))
		c.wire.w += c.wire.n
	}
	return err
}

// regrade learns from a read of n bytes into room for size how much to ask for.
func (m *reading) regrade(n, size int) {
	switch {
	case n == size && m.grade < maxGrade:
		m.grade++
	case n < size/4 && m.grade > 0:
		m.grade--
	}
}

// read reads at least one byte, and says in wire.n how many. It returns ctx.Err()
// if ctx ends first, and the read may be repeated. Any other error is the end of
// the connection. What we owe to the peer is sent before there is a wait.
func (c *Conn) read(ctx context.Context) error {
	c.sendReplies()
	if c.message.corked {
		c.message.corked = false
		c.uncork()
	}
	w := &c.wire
	w.ctx = ctx
	for {
		w.n, w.err = 0, nil
		l := w.loop.Load()
		if c.message.data == nil && w.buf == nil && !l.knows() {
			if l != nil && l.here && l.course == evented {
				w.buf = c.share()
			} else {
				w.buf = bufpool.Get(c.readSize())
			}
		}
		switch {
		case c.raw == nil:
			w.err = c.blindRead()
		case l == nil:
			c.readRaw(c.raw)
		case l.here:
			if !c.tryRead(uintptr(l.fd)) || l.halts(w) {
				return errParked
			}
		default:
			c.readSecond()
		}
		c.hasRead()
		if w.n == 0 && (w.err == errReadable || c.whyNothing()) {
			continue
		}
		w.ctx = nil
		if w.n > 0 {
			return nil // what else there is to say will be said again
		}
		return w.err
	}
}

func (c *Conn) readSize() int {
	if c.resumable {
		return readSize << c.message.grade
	}
	return readSizeTLS
}

// hasRead leaves traces for KeepAlive, and lets the context alone.
func (c *Conn) hasRead() {
	w := &c.wire
	if w.n > 0 {
		w.life.Add(1)
	}
	switch {
	case w.waits.Load()%2 == 0:
	case w.n == 0 && (w.err == errEnded || isTimeout(w.err)):
		w.waits.Add(^uint32(0)) // the next wait goes on with this one
	default:
		w.waits.Add(1)
	}
	if c.message.watched {
		c.message.watched = false
		c.more.watches.read.disarm()
	}
}

// whyNothing looks at a read that returned nothing. It reports whether to try
// again; if not, wire.err is what to say.
func (c *Conn) whyNothing() (again bool) {
	w := &c.wire
	switch {
	case w.err == errEnded:
		w.err = c.ended(w.ctx)
	case !isTimeout(w.err):
		if c.raw != nil {
			w.err = c.opError("read", w.err)
		}
		w.err = c.lost(w.err)
	default:
		// A kick: ctx has ended, or this side has closed, or it was meant for an
		// earlier wait.
		if err := c.unkickRead(); err != nil {
			w.err = c.lost(err)
		} else if err := c.mayRead(); err != nil {
			w.err = err
		} else if w.ctx.Err() != nil {
			w.err = c.ended(w.ctx)
		} else {
			return true
		}
	}
	w.drop()
	return false
}

// What reading found in place of bytes.
var (
	errEnded    = errors.New("conn: the context had ended before there was anything to read")
	errReadable = errors.New("conn: there is something to read, and no buffer to read it into")
)

// readRaw reads from a socket, and waits in the poller.
func (c *Conn) readRaw(raw syscall.RawConn) {
	if err := raw.Read(c.wire.try); err != nil {
		c.wire.err = err
	}
}

// tryRead reads what there is. If that is nothing, the buffer is given back, and
// tryRead returns false to wait without one. After that it has none to read into;
// the caller borrows one again, for borrowing is too deep a call for a small stack
// in this place.
func (c *Conn) tryRead(fd uintptr) bool {
	w := &c.wire
	p := c.message.data
	if p == nil && w.buf != nil {
		p = w.space()
	}
	c.receive(fd, p)
	if w.err == errWouldBlock {
		if c.message.data == nil {
			w.drop()
		}
		if l := w.loop.Load(); l != nil && l.here && l.course == evented || c.mayWait(w.ctx) {
			return false
		}
		w.err = errEnded
	}
	return true
}

// hasSent reports whether anything was sent since the last read of a loop. Then there
// was no error on the socket, and one that came later is announced by itself.
func (c *Conn) hasSent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replies.has(wasSent)
}

// receive makes the system call. It is spared where a loop knows what it would say.
func (c *Conn) receive(fd uintptr, p []byte) {
	w := &c.wire
	l := w.loop.Load()
	here := l != nil && l.here
	switch {
	case l.knows():
		if w.err = errWouldBlock; l.course != evented && !c.hasSent() {
			w.err = sysError(fd)
		}
	case p == nil:
		w.err = errReadable
	case here && l.rest == yes:
		c.mu.Lock()
		c.replies.haveRead()
		broken := c.out.odd != nil && c.out.odd.broken != nil // see writeFailed
		c.mu.Unlock()
		n, drained, err := sysReceive(fd, p)
		w.n, l.drained, w.err = int32(n), drained && !broken, err
	default:
		n, err := sysRead(fd, p)
		w.n, w.err = int32(n), err
		if here && l.course == evented {
			l.drained = c.socket().loop.hasRead(n, len(p), err)
		}
	}
}

// mayWait sees to it that the end of ctx will end a wait that begins now. It
// reports whether ctx allows one.
func (c *Conn) mayWait(ctx context.Context) bool {
	if c.wire.waits.Load()%2 == 0 {
		c.wire.waits.Add(1)
	}
	w := c.watches(ctx)
	c.message.watched = w != nil
	return w == nil || w.read.arm(ctx)
}

// blindRead reads from a stream that can only be read with a buffer in hand. A
// read may return nothing at all, which io.Reader allows.
func (c *Conn) blindRead() error {
	w := &c.wire
	if !c.mayWait(w.ctx) {
		return errEnded
	}
	p := c.message.data
	if p == nil {
		p = w.space()
	}
	for v := (vain{}); v.more(); {
		n, err := c.nc.Read(p)
		if n > 0 || err != nil && !(isTimeout(err) && c.needless()) {
			w.n = int32(n)
			return err
		}
	}
	return errVain
}

// needless clears the read deadline, as one that is set has passed. It reports
// that the reader need not look at anything for it.
func (c *Conn) needless() bool {
	return c.nc.SetReadDeadline(time.Time{}) == nil && c.mayRead() == nil && c.wire.ctx.Err() == nil
}

// kickRead ends the wait of whoever reads.
func (c *Conn) kickRead() {
	c.mu.Lock()
	c.kickReadLocked()
	c.mu.Unlock()
}

func (c *Conn) kickReadLocked() {
	c.nc.SetReadDeadline(longAgo)
	if second := c.ifRare().second; second != nil {
		second.SetReadDeadline(longAgo)
	}
}

// unkickRead has reads wait again.
func (c *Conn) unkickRead() error {
	err := c.nc.SetReadDeadline(time.Time{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if second := c.ifRare().second; err == nil && second != nil {
		err = second.SetReadDeadline(time.Time{})
	}
	return err
}

// opError gives a failed system call the look of the net package's errors, unless
// it has that look.
func (c *Conn) opError(op string, err error) error {
	if _, ok := err.(*net.OpError); ok || err == io.EOF {
		return err
	}
	return &net.OpError{
		Op: op, Net: c.nc.LocalAddr().Network(),
		Source: c.nc.LocalAddr(), Addr: c.nc.RemoteAddr(), Err: os.NewSyscallError(op, err),
	}
}
