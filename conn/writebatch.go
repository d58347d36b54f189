package conn

import "context"

// WriteBatch sends messages in order and together: in one system call as long as
// they have no more than some 64 KiB in all and none has more than 16 KiB, and in
// as few as possible otherwise. Messages of other goroutines are not mixed in
// between. It returns when the kernel has all of them.
//
// It is [Conn.Write] in all other respects. If ctx ends first, the messages that
// have not been begun are not sent; those before them are. If one of the messages
// is neither Text nor Binary, none is sent.
func (c *Conn) WriteBatch(ctx context.Context, messages ...Message) error {
	for _, m := range messages {
		if !isMessage(m.Type) {
			return errType
		}
	}
	if len(messages) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return c.ended(ctx)
	}
	n, err := c.sendAll(ctx, messages)
	for _, m := range messages[:n] {
		c.observeSent(nil, m.Type, len(m.Data))
	}
	return c.asContext(ctx, err)
}

// sendAll returns how many of the messages, from the first on, have been sent or
// will be.
func (c *Conn) sendAll(ctx context.Context, messages []Message) (n int, failed error) {
	async := !c.resumable && !c.endless(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refusal(); err != nil {
		return 0, err
	}
	var first, before *entry
	for _, m := range messages {
		e := c.out.entry(m.Type, m.Data, asMessage)
		e.async = async
		c.out.enqueue(e)
		if first == nil {
			first = e
		} else {
			before.sibling = e
		}
		before = e
	}
	first.promoted = c.claim(first)
	for e := first; e != nil; {
		next := e.sibling
		err := c.await(ctx, e)
		if err == nil || err == errLeft {
			n++
		}
		if failed == nil {
			failed = err
		}
		e = next
	}
	return n, failed
}
