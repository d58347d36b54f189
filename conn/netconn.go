package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// NetConn returns c as a stream of bytes, for protocols that know nothing of
// messages. What is written goes out in messages of type typ, one for each
// Write; what is read are the payloads of all messages that come, one after the
// other, whatever their type and bounds. Config.MaxMessage holds for each.
//
// Read returns io.EOF after the peer closed with 1000 or 1001 between two
// messages, and c's error otherwise. Close sends a Close frame with
// StatusNormalClosure and does not wait for the peer, as with TCP. Deadlines do
// what net.Conn asks for: a call that ran into one may be repeated after it was
// moved, and goes on where it stopped. If Write returns with a timeout, its n
// says what will arrive: all or nothing. Addresses are those of the stream
// beneath.
//
// c may still be used, but its messages are either read by it or through the
// stream.
func NetConn(c *Conn, typ MessageType) net.Conn {
	n := &netConn{c: c, typ: typ}
	if !isMessage(typ) {
		n.typ = Binary
	}
	return n
}

type netConn struct {
	c   *Conn
	typ MessageType

	readBy, writeBy deadline

	mu      sync.Mutex     // of Read
	message *messageReader // nil between two messages
}

func (n *netConn) LocalAddr() net.Addr  { return n.c.LocalAddr() }
func (n *netConn) RemoteAddr() net.Addr { return n.c.RemoteAddr() }

func (n *netConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx := n.readBy.context()
	for {
		got, err := n.read(ctx, p)
		if err != nil {
			return 0, n.opError("read", err)
		}
		if got > 0 {
			return got, nil
		}
	}
}

// read reads from the message that is being read, or begins the next. At the end
// of one it returns no bytes.
func (n *netConn) read(ctx context.Context, p []byte) (int, error) {
	if n.message == nil {
		_, r, err := n.c.Reader(ctx)
		if err != nil {
			return 0, err
		}
		n.message = r.(*messageReader)
	}
	r := n.message
	r.ctx, r.err = ctx, nil // a timeout is not for ever
	got, err := r.Read(p)
	if err == io.EOF {
		n.message = nil
		return 0, nil
	}
	return got, err
}

// opError dresses err as package net does. io.EOF stays as it is.
func (n *netConn) opError(op string, err error) error {
	if endedNormally(err) && op == "read" {
		if _, ours := err.(*closedError); !ours {
			return io.EOF
		}
	}
	return &net.OpError{Op: op, Net: "websocket", Source: n.LocalAddr(), Addr: n.RemoteAddr(), Err: err}
}

func (n *netConn) Write(p []byte) (int, error) {
	ctx := n.writeBy.context()
	err := n.c.send(ctx, n.typ, p, asMessage)
	n.c.observeSent(err, n.typ, len(p))
	switch {
	case err == nil:
		return len(p), nil
	case errors.Is(err, errLeft):
		return len(p), n.opError("write", n.c.asContext(ctx, err))
	default:
		return 0, n.opError("write", n.c.asContext(ctx, err))
	}
}

func (n *netConn) Close() error {
	n.c.beginClose(StatusNormalClosure, "")
	n.readBy.set(longAgo) // calls under way return
	n.writeBy.set(longAgo)
	return nil
}

func (n *netConn) SetDeadline(t time.Time) error {
	return errors.Join(n.SetReadDeadline(t), n.SetWriteDeadline(t))
}

func (n *netConn) SetReadDeadline(t time.Time) error {
	n.readBy.set(t)
	return nil
}

func (n *netConn) SetWriteDeadline(t time.Time) error {
	n.writeBy.set(t)
	return nil
}

// deadline is a moment that can be moved. It hands out contexts that end when it
// has come, and that follow it when it is moved before that.
type deadline struct {
	mu    sync.Mutex
	at    time.Time // zero: never
	timer *time.Timer
	moved int // how often, so that a late timer does no harm
	now   *deadlineContext
}

// deadlineContext is a context that ends with os.ErrDeadlineExceeded.
type deadlineContext struct {
	context.Context // has no values
	of              *deadline
	done            chan struct{}
}

// Deadline reports the moment as it is set now.
func (d *deadlineContext) Deadline() (t time.Time, ok bool) {
	d.of.mu.Lock()
	defer d.of.mu.Unlock()
	return d.of.at, !d.of.at.IsZero()
}

func (d *deadlineContext) Done() <-chan struct{} { return d.done }

func (d *deadlineContext) Err() error {
	select {
	case <-d.done:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current()
}

func (d *deadline) current() *deadlineContext {
	if d.now == nil {
		d.now = &deadlineContext{context.Background(), d, make(chan struct{})}
	}
	return d.now
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved++
	d.at = t
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.now != nil && d.now.Err() != nil {
		d.now = nil
	}
	if t.IsZero() {
		return
	}
	ctx := d.current()
	left := time.Until(t)
	if left <= 0 {
		close(ctx.done)
		return
	}
	moved := d.moved
	d.timer = time.AfterFunc(left, func() { d.passed(moved) })
}

func (d *deadline) passed(moved int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if moved == d.moved {
		close(d.now.done)
	}
}
