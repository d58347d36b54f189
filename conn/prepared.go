package conn

import (
	"context"
	"sync"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/flate"
)

// Prepared is a message that is encoded once to be sent to many connections. It
// may be used by any number of connections and goroutines at the same time, for
// as long as one likes.
type Prepared struct {
	typ   MessageType // with flags; 0: not made by NewPrepared
	plain form

	mu     sync.Mutex
	packed []packedForm // those that connections have asked for
}

// form is a message as it is sent.
type form struct {
	payload []byte // by a client, with a masking key of its own each time
	encoded []byte // by a server: the whole frame
}

func newForm(typ MessageType, p []byte, packed bool) form {
	h := frame.Header{Fin: true, Rsv1: packed, Opcode: typ, Length: int64(len(p))}
	encoded := append(h.Append(make([]byte, 0, h.Size()+len(p))), p...)
	return form{encoded[h.Size():], encoded}
}

// packedForm is a message as it is compressed by itself.
type packedForm struct {
	level flate.Level
	bits  int
	form  form // empty if it would be no shorter
}

// NewPrepared prepares a message. It copies p. The type has to be Text or
// Binary: anything else is an error.
//
// A message that is to be compressed, see [Compression], is compressed once for
// all connections that do it in the same way. It then refers to nothing that was
// sent before, and on a connection with takeover the next message cannot refer to
// anything before it.
func NewPrepared(typ MessageType, p []byte) (*Prepared, error) {
	if !isMessage(typ) {
		return nil, errType
	}
	return &Prepared{typ: typ, plain: newForm(plainType(typ), p, false)}, nil
}

// Type returns the type of the message.
func (p *Prepared) Type() MessageType { return plainType(p.typ) }

// Len returns the length of the message in bytes, before compression.
func (p *Prepared) Len() int { return len(p.plain.payload) }

// on returns how the message is to be sent on c.
func (p *Prepared) on(c *Conn) try {
	t := try{op: p.Type() | Uncompressed, size: p.Len()}
	f := p.plain
	if z := c.out.z; z.wants(p.typ, p.Len()) {
		if g := p.pack(z.level, z.bits); g.encoded != nil {
			f, t.op = g, p.Type()|packed
			t.saved = p.Len() - len(g.payload)
		}
	}
	if c.out.role == frame.Client {
		t.p, t.k = f.payload, asFrozen
	} else {
		t.p, t.k = f.encoded, asEncoded
	}
	return t
}

// pack returns the message compressed by itself, if that makes it shorter.
func (p *Prepared) pack(level flate.Level, bits int) form {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.packed {
		if f.level == level && f.bits == bits {
			return f.form
		}
	}
	z := flate.NewCompressor(level, bits)
	defer z.Release()
	b := pack(z, p.plain.payload, true)
	defer b.Release()
	f := packedForm{level: level, bits: bits}
	if len(b.B) < p.Len() {
		f.form = newForm(p.Type(), b.B, true)
	}
	p.packed = append(p.packed, f)
	return f.form
}

// WritePrepared is [Conn.Write] for a prepared message.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	if p.typ == 0 {
		return errType
	}
	t := p.on(c)
	err := c.send(ctx, t.op, t.p, t.k)
	if (err == nil || err == errLeft) && t.saved > 0 {
		c.mu.Lock()
		c.out.sent.bytes += uint64(t.saved)
		c.mu.Unlock()
	}
	c.observeSent(err, p.typ, p.Len())
	return c.asContext(ctx, err)
}

// TryWritePrepared is [Conn.TryWrite] for a prepared message, which is queued
// without being copied. Its bytes count for Config.Backlog all the same. A
// broadcast is a loop of it, or a [Group].
func (c *Conn) TryWritePrepared(p *Prepared) error {
	if p.typ == 0 {
		return errType
	}
	t := p.on(c)
	return c.trySend(&t)
}
