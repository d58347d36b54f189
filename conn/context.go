package conn

import (
	"context"
	"net/http"
	"time"
)

// Context returns a context that is cancelled when the connection is over, with
// [Conn.Err] as its cause. With [Handler], it has the values of the request's
// context. Passing it to the methods of c costs nothing.
func (c *Conn) Context() context.Context { return (*ownContext)(c) }

// ownContext is a connection as the context of what is done for it. Most of them are
// only ever passed back to the connection, so what it takes to tell others of its end
// is made when somebody asks for that.
type ownContext Conn

// Deadline implements context.Context.
func (*ownContext) Deadline() (deadline time.Time, ok bool) { return deadline, false }

// Done implements context.Context. It is not to be called with Conn.mu held, on this
// context or on one that has it as its parent.
func (x *ownContext) Done() <-chan struct{} { return (*Conn)(x).realContext().Done() }

// Err implements context.Context. It takes no lock, for it is called with Conn.mu held.
func (x *ownContext) Err() error {
	if (*Conn)(x).now() == dead {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context. Package context uses it too, to find out more
// about what can be cancelled, with keys of its own.
func (x *ownContext) Value(key any) any {
	c := (*Conn)(x)
	c.mu.Lock()
	parent := c.belongings().ctx
	c.mu.Unlock()
	if v := parent.Value(key); v != nil {
		return v
	}
	if key == http.LocalAddrContextKey {
		return c.LocalAddr() // see valuesOf
	}
	return c.realContext().Value(key)
}

// realContext returns a context of package context for the same end.
func (c *Conn) realContext() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.belongings()
	if m.cancel == nil {
		m.ctx, m.cancel = context.WithCancelCause(m.ctx)
		if c.buried() {
			m.cancel(c.why())
		}
	}
	return m.ctx
}

// owns reports whether ctx is the connection's own.
func (c *Conn) owns(ctx context.Context) bool {
	own, ok := ctx.(*ownContext)
	return ok && (*Conn)(own) == c
}
