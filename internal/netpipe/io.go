package netpipe

import (
	"io"
	"net"
	"os"

	"github.com/parleyws/websocket/internal/deadline"
)

// Read reads what is there, and blocks only while nothing is. It returns io.EOF
// when the other end has finished, os.ErrDeadlineExceeded past the deadline,
// net.ErrClosed once c is closed, and syscall.ECONNRESET after a reset.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	for {
		switch err := c.broken(&c.readBy); {
		case err != nil:
			return 0, c.opError("read", err)
		case len(p) == 0:
			return 0, nil
		case c.in.len() > 0:
			c.changed.Broadcast()
			return c.in.pop(p), nil
		case c.peer.finished || c.peer.closed:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// Write sends p, and blocks while the buffer is full. Where it fails midway,
// the first n bytes are on their way nonetheless. Errors are those of Read,
// and syscall.EPIPE when c has called CloseWrite or the other end is closed.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	for c.writing {
		c.changed.Wait()
	}
	c.writing = true
	defer c.endWrite()
	for {
		if err := c.writeError(); err != nil {
			return n, c.opError("write", err)
		}
		n += c.send(p[n:])
		if n == len(p) {
			return n, nil
		}
		c.changed.Wait()
	}
}

// send moves as much of p as the window takes to the other end.
func (c *Conn) send(p []byte) int {
	n := min(len(p), max(0, c.window-c.peer.in.len()))
	if n == 0 {
		return 0 // and nobody is told, or two blocked writers would wake each other for ever
	}
	c.peer.in.push(p[:n])
	c.written += int64(n)
	c.changed.Broadcast()
	return n
}

func (c *Conn) endWrite() {
	c.writing = false
	c.changed.Broadcast()
}

// broken returns the error that holds in both directions, if there is one.
func (c *Conn) broken(by *deadline.Deadline) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case by.IsPast():
		return os.ErrDeadlineExceeded
	case c.reset:
		return errReset
	}
	return nil
}

func (c *Conn) writeError() error {
	if err := c.broken(&c.writeBy); err != nil {
		return err
	}
	if c.finished {
		return errPipe
	}
	if c.peer.closed {
		c.setReset() // it answers data with RST
		return errPipe
	}
	return nil
}

// CloseWrite ends the stream towards the other end, which reads io.EOF after
// the bytes that are on their way. c may go on reading.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.finished = true
	c.changed.Broadcast()
	return nil
}

// Close closes c. Calls under way return net.ErrClosed. The other end reads
// what is on its way and then io.EOF, unless c has unread bytes: then the
// connection is reset, as TCP does.
func (c *Conn) Close() error { return c.close(false) }

// Reset closes c and resets the connection, as a net.TCPConn does with
// SetLinger(0).
func (c *Conn) Reset() error { return c.close(true) }

func (c *Conn) close(reset bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	c.readBy.Stop()
	c.writeBy.Stop()
	if reset || c.in.len() > 0 {
		c.peer.setReset()
	}
	c.in = queue{}
	c.changed.Broadcast()
	return nil
}

// setReset makes c see a reset. "All segment queues should be flushed" (RFC
// 9293, section 3.10.7.4); Linux spares what has arrived, others do not.
func (c *Conn) setReset() {
	c.reset = true
	c.in = queue{}
}

// queue is a first-in first-out of bytes that keeps its memory.
//
//	0 ≤ r ≤ len(buf); buf[r:] is what it holds.
type queue struct {
	buf []byte
	r   int
}

func (q *queue) len() int { return len(q.buf) - q.r }

func (q *queue) push(p []byte) {
	if q.r > 0 && len(q.buf)+len(p) > cap(q.buf) {
		q.buf = q.buf[:copy(q.buf, q.buf[q.r:])]
		q.r = 0
	}
	q.buf = append(q.buf, p...)
}

func (q *queue) pop(p []byte) int {
	n := copy(p, q.buf[q.r:])
	q.r += n
	if q.len() == 0 {
		q.buf, q.r = q.buf[:0], 0
	}
	return n
}
