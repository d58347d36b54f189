// Package netpipe is a buffered network connection in memory. It behaves as a TCP
// connection over loopback does, and works inside a testing/synctest bubble,
// where net.Pipe, which has no buffer, would lock up two ends that write at the
// same time.
package netpipe

import (
	"net"
	"os"
	"sync"
	"time"

	"github.com/parleyws/websocket/internal/deadline"
)

// DefaultBuffer is how many unread bytes one direction of a Pipe holds.
const DefaultBuffer = 64 << 10

// Conn is one end of a Pipe. It is a net.Conn with CloseWrite that behaves as a
// TCP connection does, and counts how it is used. All methods may be called
// from any goroutine.
type Conn struct {
	*wire
	peer *Conn
	addr Addr

	// The rest is guarded by wire.mu.

	in       queue // received, not yet read
	window   int   // how long peer.in may grow by our writing
	writing  bool  // a Write is under way; the next one waits for its turn
	finished bool  // CloseWrite: the peer reads what there is and then EOF
	closed   bool  // Close
	reset    bool  // the peer closed without having read all, or reset

	readBy, writeBy deadline.Deadline

	reads, writes int
	written       int64
}

// wire is what the two ends of a Pipe have in common.
type wire struct {
	mu      sync.Mutex
	changed *sync.Cond // anything that a blocked Read or Write could wait for
}

// Addr is the address of one end of a Pipe, "a" or "b".
type Addr string

// Network returns "pipe".
func (Addr) Network() string { return "pipe" }

func (a Addr) String() string { return string(a) }

// Pipe returns the two ends of an in-memory connection.
//
// Unlike net.Pipe it is buffered as a socket is: a Write returns when its bytes
// fit into the buffer, and blocks only while that is full. A Read returns what
// is there. A goroutine that blocks in either is durably blocked in the sense
// of testing/synctest.
//
// Of the things that TCP may do, a Pipe always does the worst: an end that is
// closed while it has unread bytes, or is written to once it is closed, resets
// the connection, and a reset destroys what the other end has not read yet.
func Pipe() (a, b *Conn) {
	w := new(wire)
	w.changed = sync.NewCond(&w.mu)
	a = &Conn{wire: w, addr: "a", window: DefaultBuffer}
	b = &Conn{wire: w, addr: "b", window: DefaultBuffer, peer: a}
	a.peer = b
	return a, b
}

// LocalAddr returns the Addr of this end.
func (c *Conn) LocalAddr() net.Addr { return c.addr }

// RemoteAddr returns the Addr of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.peer.addr }

// SetBuffer bounds the bytes that c may have written and the other end has not
// yet read, and returns the bound so far. With 0 every Write of c blocks. What
// is buffered stays.
func (c *Conn) SetBuffer(n int) (was int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, c.window = c.window, n
	c.changed.Broadcast()
	return was
}

// Idle reports whether a Read would block, if no deadline were set.
func (c *Conn) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in.len() == 0 && !c.reset && !c.closed && !c.peer.finished && !c.peer.closed
}

// Unread returns how many bytes have arrived at c and wait to be read.
func (c *Conn) Unread() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in.len()
}

// Reads returns how often Read was called.
func (c *Conn) Reads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads
}

// Writes returns how often Write was called.
func (c *Conn) Writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// Written returns how many bytes c has sent.
func (c *Conn) Written() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written
}

// SetDeadline sets the deadline of Read and Write, those under way included.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readBy, &c.writeBy)
}

// SetReadDeadline sets the deadline of Read, those under way included.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readBy)
}

// SetWriteDeadline sets the deadline of Write, those under way included.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.writeBy)
}

func (c *Conn) setDeadlines(t time.Time, ds ...*deadline.Deadline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	for _, d := range ds {
		d.Set(t, c.changed)
	}
	c.changed.Broadcast()
	return nil
}

// opError dresses err as package net does.
func (c *Conn) opError(op string, err error) error {
	if isErrno(err) {
		err = os.NewSyscallError(op, err)
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.addr, Addr: c.peer.addr, Err: err}
}
