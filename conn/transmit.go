package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// errKicked says that a write was interrupted for somebody's context. What it
// has sent counts, the rest is still to be sent.
var errKicked = errors.New("conn: write was interrupted")

// resumable reports whether a write on nc that ran into its deadline may be
// continued. The net package promises it; crypto/tls does not: "After a Write
// has timed out, the TLS state is corrupt".
func resumable(nc net.Conn) bool {
	_, isTLS := nc.(interface{ ConnectionState() tls.ConnectionState })
	return !isTLS
}

// isTimeout is asked about every end of a stream, and errors.Is takes its time.
func isTimeout(err error) bool { return err != io.EOF && errors.Is(err, os.ErrDeadlineExceeded) }

// transmit writes what is in the air, as far as it gets: f.n says how far. Only
// the owner may call it, without mu.
func (c *Conn) transmit(ctx context.Context, f *flight) error {
	f.load()
	// Fast path: the socket takes it all at once.
	if c.raw != nil && f.tried(c.raw.Write(f.try)) {
		return c.writeError(f.err)
	}
	return c.writeWaiting(ctx, f)
}

// writeError is opError for what a write returned, which may be nothing.
func (c *Conn) writeError(err error) error {
	if err == nil {
		return nil
	}
	return c.opError("write", err)
}

// writeWaiting writes and waits for the peer as long as ctx and the
// configuration allow it.
func (c *Conn) writeWaiting(ctx context.Context, f *flight) error {
	o := &c.out
	deadline := c.writeDeadline(ctx, f)
	if deadline.IsZero() && c.socket() != nil {
		deadline = time.Now().Add(farFuture) // so that there is something to be kicked
	}
	if err := c.nc.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if c.resumable {
		if w := c.watches(ctx); w != nil {
			defer w.write.disarm()
			if !w.write.arm(ctx) {
				return errKicked
			}
		}
	}
	// Who kicks sets the flag before it sets the deadline, so one of the two is
	// seen here.
	if o.kicked.Load() {
		return errKicked
	}
	err := c.writeUntil(deadline, f)
	if c.resumable {
		c.nc.SetWriteDeadline(time.Time{})
	}
	return err
}

const farFuture = 1000 * 24 * time.Hour

// writeUntil writes until all is sent, the deadline passes or somebody kicks.
func (c *Conn) writeUntil(deadline time.Time, f *flight) error {
	for v := (vain{}); v.more(); {
		err := f.writeTo(c.nc)
		switch {
		case err == nil || !isTimeout(err):
			return err
		case !c.resumable || !deadline.IsZero() && !time.Now().Before(deadline):
			return &TimeoutError{Op: "write", After: c.cfg.WriteTimeout}
		case f.n > 0 || c.out.kicked.Load():
			return errKicked
		}
		// A kick that came late: what it asked for has been looked at.
		if err := c.nc.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	return errVain
}

// writeDeadline returns how long the owner may wait. A context with a deadline
// has the say in place of Config.WriteTimeout, but only for what is its own.
func (c *Conn) writeDeadline(ctx context.Context, f *flight) time.Time {
	if c.cfg.WriteTimeout < 0 {
		return time.Time{}
	}
	if _, ok := ctx.Deadline(); ok && c.resumable {
		c.mu.Lock()
		f.patient = c.out.alone()
		patient := f.patient
		c.mu.Unlock()
		if patient {
			return time.Time{}
		}
	}
	return time.Now().Add(c.cfg.WriteTimeout)
}

// kickWrite makes the owner look up from a write that waits.
func (c *Conn) kickWrite() {
	c.out.kicked.Store(true)
	if c.resumable {
		c.nc.SetWriteDeadline(longAgo)
	}
}
