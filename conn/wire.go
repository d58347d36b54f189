package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/internal/bufpool"
)

// readSize is how many bytes are asked of the network at once, where there is
// no message to read them straight into.
const readSize = 4 << 10

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
	r, w int

	// Traces for KeepAlive and Stats, written by the reader.
	life  atomic.Uint64 // reads that returned bytes
	waits atomic.Uint64 // odd: a read waits

	watch *watch                // made at the first need, guarded by Conn.mu
	armed *watch                // the same, while it watches
	try   func(fd uintptr) bool // c.tryRead, made once

	// Arguments and results of the read that is under way.
	ctx context.Context
	dst []byte // where to; nil: into buf
	n   int
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

// space returns the free part of the buffer, and borrows one if there is none.
func (w *wire) space() []byte {
	if w.buf == nil {
		w.buf = bufpool.Get(readSize)
	}
	return w.buf.B[w.w:]
}

// makeRoom moves what is to be taken to the front, so that more can be read
// behind it. If parts of the buffer are lent out, it moves to another.
func (w *wire) makeRoom() {
	w.drop()
	switch {
	case w.buf == nil:
		return
	case w.buf.Shared():
		other := bufpool.Get(readSize)
		w.w = copy(other.B, w.unread())
		w.buf.Release()
		w.buf, w.r = other, 0
	case w.r > 0:
		w.w = copy(w.buf.B, w.unread())
		w.r = 0
	}
}

// skipAll drops everything that is to be taken.
func (w *wire) skipAll() { w.r = w.w }

// fill reads more bytes from the network, behind those that are there.
func (c *Conn) fill(ctx context.Context) error {
	c.wire.makeRoom()
	n, err := c.read(ctx, nil)
	c.wire.w += n
	return err
}

// read reads at least one byte, into dst, or into the buffer if dst is nil. It
// returns ctx.Err() if ctx ends first, and the read may be repeated. Any other
// error is the end of the connection.
func (c *Conn) read(ctx context.Context, dst []byte) (int, error) {
	w := &c.wire
	for {
		w.ctx, w.dst, w.n, w.err = ctx, dst, 0, nil
		if c.raw == nil {
			w.n, w.err = c.blindRead()
		} else if err := c.raw.Read(w.try); err != nil {
			w.err = err
		}
		w.ctx, w.dst = nil, nil
		c.hasRead()
		if w.n > 0 {
			return w.n, nil
		}
		if err := c.whyNothing(ctx, w.err); err != nil {
			w.drop()
			return 0, err
		}
	}
}

// hasRead leaves traces for KeepAlive, and lets the context alone.
func (c *Conn) hasRead() {
	w := &c.wire
	if w.waits.Load()%2 == 1 {
		w.waits.Add(1)
	}
	if w.n > 0 {
		w.life.Add(1)
	}
	if w.armed != nil {
		w.armed.disarm()
		w.armed = nil
	}
}

// whyNothing says what is to be done after a read that returned nothing: give up
// with an error, or try again.
func (c *Conn) whyNothing(ctx context.Context, err error) error {
	if err == errEnded {
		return c.ended(ctx)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return c.lost(err)
	}
	// A kick: either ctx has ended, or it was meant for an earlier wait.
	if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
		return c.lost(err)
	}
	if ctx.Err() != nil {
		return c.ended(ctx)
	}
	return nil
}

// errEnded says that the context had ended before there was anything to read.
var errEnded = errors.New("conn: context ended")

// tryRead is called by the network poller with a descriptor that may be
// readable. It borrows a buffer only for the time of the system call, and
// returns false to wait for bytes without one.
func (c *Conn) tryRead(fd uintptr) bool {
	w := &c.wire
	p := w.dst
	if p == nil {
		p = w.space()
	}
	w.n, w.err = sysRead(fd, p)
	if w.err == errWouldBlock {
		if w.dst == nil {
			w.drop()
		}
		if c.mayWait(w.ctx) {
			return false
		}
		w.err = errEnded
	}
	return true
}

// mayWait sees to it that the end of ctx will end a wait that begins now. It
// reports whether ctx allows one.
func (c *Conn) mayWait(ctx context.Context) bool {
	if c.wire.waits.Load()%2 == 0 {
		c.wire.waits.Add(1)
	}
	if c.wire.armed == nil {
		c.wire.armed = c.watchFor(ctx, &c.wire.watch, (*Conn).kickRead)
	}
	return c.wire.armed == nil || c.wire.armed.arm(ctx)
}

// blindRead reads from a stream that can only be read with a buffer in hand.
func (c *Conn) blindRead() (int, error) {
	w := &c.wire
	if !c.mayWait(w.ctx) {
		return 0, errEnded
	}
	p := w.dst
	if p == nil {
		p = w.space()
	}
	n, err := c.nc.Read(p)
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	return n, err
}

func (c *Conn) kickRead() { c.nc.SetReadDeadline(longAgo) }

// opError gives a failed system call the look of the net package's errors.
func (c *Conn) opError(op string, err error) error {
	return &net.OpError{
		Op: op, Net: c.nc.LocalAddr().Network(),
		Source: c.nc.LocalAddr(), Addr: c.nc.RemoteAddr(), Err: os.NewSyscallError(op, err),
	}
}
