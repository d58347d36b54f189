package conn

import (
	"context"
	"errors"
	"io"
)

// messageReader is a message as a stream, see [Conn.Reader].
type messageReader struct {
	c   *Conn
	ctx context.Context
	typ MessageType
	n   int   // bytes read
	err error // sticky

	// Bytes that were taken from the wire and not yet handed out, and whether
	// they are the last of the message. They belong to whoever has the turn to
	// read.
	rest []byte
	end  bool
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
	if c.message.served {
		return 0, nil, c.notToBeRead()
	}
	if err := c.lockRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.unlockRead()
	if err := c.startMessage(ctx); err != nil {
		return 0, nil, err
	}
	m := &c.message
	m.reader = &messageReader{c: c, ctx: ctx, typ: c.in.kind, rest: m.data, end: m.end}
	if m.partial != nil {
		m.reader.rest = m.partial.B
	}
	return c.in.kind, m.reader, nil
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
	if r.end && len(r.rest) == 0 && c.now() != alive {
		return 0, io.EOF
	}
	if err := c.lockRead(r.ctx); err != nil {
		return 0, err
	}
	defer c.unlockRead()
	if m.reader != r {
		return 0, errStaleReader
	}
	for len(r.rest) == 0 {
		switch {
		case r.end:
			m.forget()
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		if n, err := r.more(p); n > 0 || err != nil {
			return n, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// more gets more of the message: into p if the network can be read straight into
// it, or else as r.rest.
func (r *messageReader) more(p []byte) (int, error) {
	c, m := r.c, &r.c.message
	if c.mayReadDirectly() {
		err := c.direct(r.ctx, p)
		r.end = m.end
		return len(m.data), err
	}
	err := c.piece(r.ctx)
	r.rest, r.end = m.data, m.end
	return 0, err
}
