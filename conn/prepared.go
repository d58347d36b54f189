package conn

import (
	"context"

	"github.com/parleyws/websocket/frame"
)

// Prepared is a message that is encoded once to be sent to many connections. It
// may be used by any number of connections and goroutines at the same time, for
// as long as one likes.
type Prepared struct {
	typ     MessageType
	payload []byte // as a client sends it, with a masking key of its own each time
	encoded []byte // the whole frame, as a server sends it
}

// NewPrepared prepares a message. It copies p. The type has to be Text or
// Binary: anything else is an error.
func NewPrepared(typ MessageType, p []byte) (*Prepared, error) {
	if typ != Text && typ != Binary {
		return nil, errType
	}
	h := frame.Header{Fin: true, Opcode: typ, Length: int64(len(p))}
	encoded := append(h.Append(make([]byte, 0, h.Size()+len(p))), p...)
	return &Prepared{typ: typ, payload: encoded[h.Size():], encoded: encoded}, nil
}

// Type returns the type of the message.
func (p *Prepared) Type() MessageType { return p.typ }

// Len returns the length of the message in bytes.
func (p *Prepared) Len() int { return len(p.payload) }

// form returns what is to be sent by an endpoint of that role.
func (p *Prepared) form(role frame.Role) ([]byte, kind) {
	if role == frame.Client {
		return p.payload, asFrozen
	}
	return p.encoded, asEncoded
}

// WritePrepared is [Conn.Write] for a prepared message.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	if p.typ == 0 {
		return errType
	}
	b, k := p.form(c.role)
	err := c.send(ctx, p.typ, b, k)
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
	b, k := p.form(c.role)
	return c.trySend(p.typ, b, k, p.Len())
}
