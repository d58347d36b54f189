package fuzz

import (
	"io"
	"net"
	"os"
	"sync"
	"testing/synctest"
	"time"
)

// tape is a net.Conn to a peer that has already said all that it is going to say,
// and that takes whatever it is told. It lives in a synctest bubble. Whoever
// reads it waits first until all that was due has been written, so that
// everything happens in the same order each time, without a second goroutine.
type tape struct {
	mu      sync.Mutex
	in      []byte // what the peer says
	cuts    []byte // sizes of the pieces it comes in, over and over; empty: at once
	turn    int    // of cuts
	piece   int    // what is left of the current piece
	out     []byte // what the peer was told
	ended   bool   // CloseWrite
	closed  bool   // Close
	offence string // that the other side of this type has committed

	readPast, writePast bool // the deadline is in the past

	interrupt   func() // if set: called at every second Read, which then times out
	interrupted bool   // at the last Read

	cancel func() // if set: called when room is used up, and then Write times out
	room   int    // bytes
	cutAt  int    // how much had been written then
}

var _ net.Conn = (*tape)(nil)

// Read returns a piece of what the peer says, or what is left of one.
func (t *tape) Read(p []byte) (int, error) {
	if t.interrupted = !t.interrupted; t.interrupted && t.interrupt != nil {
		t.interrupt()
	}
	synctest.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return 0, net.ErrClosed
	case t.readPast:
		return 0, os.ErrDeadlineExceeded
	case len(t.in) == 0:
		return 0, io.EOF
	}
	n := copy(p, t.in[:min(len(t.in), t.left())])
	t.in = t.in[n:]
	t.piece -= n
	return n, nil
}

// left returns how much is left of the current piece.
func (t *tape) left() int {
	if t.piece == 0 {
		t.piece = len(t.in)
		if len(t.cuts) > 0 {
			t.piece = 1 + int(t.cuts[t.turn%len(t.cuts)])
			t.turn++
		}
	}
	return t.piece
}

// Write takes p, or as much of it as there is room for, if that is limited.
func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	switch {
	case t.closed || t.ended:
		t.offence = "it writes to a stream that it has ended"
		return 0, net.ErrClosed
	case t.writePast:
		return 0, os.ErrDeadlineExceeded
	case t.cancel != nil:
		n = min(n, t.room)
		t.room -= n
	}
	t.out = append(t.out, p[:n]...)
	if n == len(p) {
		return n, nil
	}
	cancel := t.cancel
	t.cancel, t.cutAt = nil, len(t.out)
	t.mu.Unlock()
	cancel()
	synctest.Wait()
	t.mu.Lock()
	if !t.writePast {
		t.offence = "the end of its context does not interrupt a write"
	}
	return n, os.ErrDeadlineExceeded
}

// cancelAfter has Write call cancel when it has taken n more bytes, if there are
// more. If cancel is nil it takes all there are.
func (t *tape) cancelAfter(n int, cancel func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel, t.room = cancel, n
}

// told returns what the peer was told.
func (t *tape) told() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out
}

// CloseWrite ends what the peer is told.
func (t *tape) CloseWrite() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	return nil
}

func (t *tape) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	t.closed = true
	return nil
}

// Deadlines to come never come: nothing here takes time.

func (t *tape) SetReadDeadline(by time.Time) error  { return t.setDeadline(&t.readPast, by) }
func (t *tape) SetWriteDeadline(by time.Time) error { return t.setDeadline(&t.writePast, by) }
func (t *tape) SetDeadline(by time.Time) error {
	t.SetReadDeadline(by)
	return t.SetWriteDeadline(by)
}

func (t *tape) setDeadline(past *bool, by time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	*past = !by.IsZero() && !by.After(time.Now())
	return nil
}

func (t *tape) LocalAddr() net.Addr  { return &net.UnixAddr{Name: "here"} }
func (t *tape) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "there"} }
