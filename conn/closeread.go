package conn

import "context"

// CloseRead is for programs that only write. It starts a goroutine that reads
// until ctx ends or the connection does, so that Pings are answered, Pongs are
// seen and the peer's Close is noticed. Messages of the peer are dropped.
//
// The returned context is derived from ctx, and cancelled when the connection is
// over, with [Conn.Err] as its cause. When ctx ends, only the reading does. Other
// methods that read wait for it.
func (c *Conn) CloseRead(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		if c.message.served {
			select { // a Server reads
			case <-ctx.Done():
			case <-c.Done():
			}
		} else {
			c.dropMessages(ctx)
		}
		if c.now() != alive {
			<-c.Done()
		}
		cancel(c.Err())
	}()
	return ctx
}

// dropMessages reads and drops messages until ctx or the connection ends.
func (c *Conn) dropMessages(ctx context.Context) {
	if c.lockRead(ctx) != nil {
		return
	}
	defer c.unlockRead()
	c.message.forget()
	for {
		if err := c.piece(ctx); err != nil {
			// Should ctx have ended inside a message, its beginning is gone:
			// what is left of it is skipped by the next read.
			c.message.skip = !c.in.between()
			return
		}
	}
}
