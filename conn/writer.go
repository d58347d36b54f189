package conn

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
)

// fragmentSize is how many bytes of a streamed message are collected before a
// fragment is sent.
const fragmentSize = 4 << 10

// Writer begins a message whose length need not be known, and returns a stream
// to write it to. The message is complete when the stream is closed; one that
// fits in 4 KiB is then sent as a single frame, a longer one in fragments as it
// is written (RFC 6455, section 5.4). The stream also has a method Flush() error
// that sends what has been collected.
//
// Writer waits until no other message is being streamed. Until the stream is
// closed, other messages wait for it, though control frames do not: so close it,
// always. It may be used from one goroutine at a time.
//
// ctx holds for the stream as a whole. If it ends before anything was sent, or
// compressed for others to refer to, nothing will be. If it ends after that, the message can no longer be
// completed, and as half a message must not look whole, the connection is closed
// with StatusInternalError.
func (c *Conn) Writer(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	if !isMessage(typ) {
		return nil, errType
	}
	if err := c.send(ctx, typ, nil, asTurn); err != nil {
		return nil, c.asContext(ctx, err)
	}
	return &messageWriter{c: c, ctx: ctx, op: typ, typ: plainType(typ)}, nil
}

type messageWriter struct {
	c   *Conn
	ctx context.Context
	op  frame.Opcode // of the next fragment, with flags
	typ MessageType
	n   int             // bytes sent
	buf *bufpool.Buffer // what has been collected
	err error           // sticky
}

// Write implements io.Writer. It returns the error of the fragment that could
// not be sent, whether its bytes are of this call or of an earlier one.
func (w *messageWriter) Write(p []byte) (n int, err error) {
	for n < len(p) && w.err == nil {
		if w.buf == nil && len(p)-n >= fragmentSize {
			w.fragment(p[n:], asFragment)
			n = len(p)
			continue
		}
		if w.buf == nil {
			w.buf = bufpool.Get(fragmentSize)
			w.buf.B = w.buf.B[:0]
		}
		took := min(len(p)-n, fragmentSize-len(w.buf.B))
		w.buf.B = append(w.buf.B, p[n:n+took]...)
		n += took
		if len(w.buf.B) == fragmentSize {
			w.Flush()
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

// Flush sends what has been collected, as a fragment.
func (w *messageWriter) Flush() error {
	if w.err == nil && w.buf != nil {
		w.fragment(w.buf.B, asFragment)
		w.dropBuffer()
	}
	return w.err
}

// Close completes the message.
func (w *messageWriter) Close() error {
	if w.err != nil {
		return w.err
	}
	var p []byte
	if w.buf != nil {
		p = w.buf.B
	}
	w.fragment(p, asLast)
	w.dropBuffer()
	if w.err != nil {
		return w.err
	}
	w.err = errWriterDone
	w.c.observeSent(nil, w.typ, w.n)
	return nil
}

func (w *messageWriter) dropBuffer() {
	w.buf.Release()
	w.buf = nil
}

func (w *messageWriter) fragment(p []byte, k kind) {
	first := w.op&w.typ != 0
	if first && k == asFragment && w.c.out.z.wants(w.op, math.MaxInt) {
		w.op |= Compressed // all of it, though there may be little to begin with
	}
	err := w.c.send(w.ctx, w.op, p, k)
	if err == nil {
		w.op = frame.Continuation | w.op&(Compressed|Uncompressed)
		w.n += len(p)
		return
	}
	w.err = w.c.asContext(w.ctx, err)
	switch {
	case errors.Is(err, errLeft) && k == asLast:
		// The message is whole, and on its way.
	case errors.Is(err, errWithdrawn) && first:
		w.c.endStream()
	default:
		w.c.abandon()
	}
}

// endStream lets the messages pass that waited for a streamed one, of which
// nothing was sent.
func (c *Conn) endStream() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.streaming = false
	if z := c.out.z; z != nil && z.c != nil && !z.takeover {
		z.drop() // it is in the middle of the message
	}
	if !c.out.owned {
		c.out.owned = true
		c.handOver()
	}
}

// abandon closes the connection in the middle of a message. One that cannot be
// written to any more ends by itself, and says why.
func (c *Conn) abandon() {
	c.mu.Lock()
	over := c.out.over
	c.mu.Unlock()
	if over {
		return
	}
	c.beginClose(StatusInternalError, "a message could not be completed")
}
