package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// errKicked says that a write was interrupted for somebody's context. What it
// has sent counts, the rest is still to be sent.
var errKicked = errors.New("conn: write was interrupted")

func (o *outbound) init(c *Conn) {
	o.role = c.role
	o.try, o.run = c.tryWrite, c.drain
	o.watch.kick = c.kickWrite
}

// resumable reports whether a write on nc that ran into its deadline may be
// continued. The net package promises it; crypto/tls does not: "After a Write
// has timed out, the TLS state is corrupt".
func resumable(nc net.Conn) bool {
	_, isTLS := nc.(interface{ ConnectionState() tls.ConnectionState })
	return !isTLS
}

// transmit writes the batch and returns how much of it has been sent. Only the
// owner may call it, without mu.
func (c *Conn) transmit(ctx context.Context) (int, error) {
	p, direct := c.out.unsent()
	n := 0
	if c.raw != nil {
		// Fast path: the socket takes it all at once.
		var err error
		n, err = c.tryNow(p, direct)
		if err != errWouldBlock {
			return n, err
		}
		p, direct = advance(p, direct, n)
	}
	m, err := c.writeWaiting(ctx, p, direct)
	return n + m, err
}

func advance(p, direct []byte, n int) ([]byte, []byte) {
	over := max(n-len(p), 0)
	return p[n-over:], direct[over:]
}

// tryNow sends what the socket takes without waiting. The error is
// errWouldBlock if that is not all.
func (c *Conn) tryNow(p, direct []byte) (int, error) {
	o := &c.out
	o.tried, o.triedErr = 0, nil
	o.pending = [2][]byte{p, direct}
	err := c.raw.Write(o.try)
	o.pending = [2][]byte{}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, errWouldBlock // a kick that came late
	case err != nil:
		return 0, err
	case o.triedErr != nil && o.triedErr != errWouldBlock:
		return o.tried, c.opError("write", o.triedErr)
	default:
		return o.tried, o.triedErr
	}
}

// tryWrite is called by the network poller. It never asks to wait.
func (c *Conn) tryWrite(fd uintptr) bool {
	o := &c.out
	p, direct := o.pending[0], o.pending[1]
	if len(direct) > 0 {
		o.tried, o.triedErr = sysWritev(fd, p, direct)
	} else {
		o.tried, o.triedErr = sysWrite(fd, p)
	}
	return true
}

// writeWaiting writes and waits for the peer as long as ctx and the
// configuration allow it.
func (c *Conn) writeWaiting(ctx context.Context, p, direct []byte) (int, error) {
	o := &c.out
	deadline := c.writeDeadline(ctx)
	if err := c.nc.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	watched := c.resumable && !c.endless(ctx)
	if watched {
		defer o.watch.disarm()
		if !o.watch.arm(ctx) {
			return 0, errKicked
		}
	}
	// Who kicks sets the flag before it sets the deadline, so one of the two is
	// seen here.
	if o.kicked.Load() {
		return 0, errKicked
	}
	n, err := c.writeAll(p, direct)
	if c.resumable {
		c.nc.SetWriteDeadline(time.Time{})
	}
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if c.resumable && (deadline.IsZero() || time.Now().Before(deadline)) {
		return n, errKicked
	}
	return n, &TimeoutError{Op: "write", After: c.cfg.WriteTimeout}
}

func (c *Conn) writeDeadline(ctx context.Context) time.Time {
	if _, ok := ctx.Deadline(); ok && c.resumable || c.cfg.WriteTimeout < 0 {
		return time.Time{}
	}
	return time.Now().Add(c.cfg.WriteTimeout)
}

func (c *Conn) writeAll(p, direct []byte) (int, error) {
	if len(direct) == 0 {
		return c.nc.Write(p)
	}
	o := &c.out
	o.pending = [2][]byte{p, direct}
	o.buffers = o.pending[:]
	n, err := o.buffers.WriteTo(c.nc)
	o.pending, o.buffers = [2][]byte{}, nil
	return int(n), err
}

// kickWrite makes the owner look up from a write that waits.
func (c *Conn) kickWrite() {
	c.out.kicked.Store(true)
	if c.resumable {
		c.nc.SetWriteDeadline(longAgo)
	}
}
