package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parleyws/websocket/conn"
)

// halfClose is the subprotocol in which an empty message ends a direction.
const halfClose = "half-close.tunnel.parley"

// plain is the TCP connection at an end of a tunnel.
type plain interface {
	io.ReadWriteCloser
	CloseWrite() error
}

var errIdle = errors.New("the tunnel has carried nothing for too long")

// relay carries bytes both ways until both directions have ended, one of them has failed,
// or ctx ends, and then closes both connections. It returns nil if nothing was lost.
func relay(ctx context.Context, c *conn.Conn, tcp plain, idle time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watch{}
	if idle > 0 {
		w.after = idle
		w.timer = time.AfterFunc(idle, func() { cancel(errIdle) })
		defer w.timer.Stop()
	}
	ended := make(chan error, 2)
	go func() { ended <- outward(c, tcp, w) }()
	go func() { ended <- inward(c, tcp, w) }()

	err := next(ctx, c, ended)
	if err == nil && c.Subprotocol() == halfClose {
		err = next(ctx, c, ended)
	}
	if err != nil {
		reset(tcp)
	}
	closeWith(c, err)
	return errors.Join(err, ignoreClosed(tcp.Close()))
}

// next waits for the end of a direction.
func next(ctx context.Context, c *conn.Conn, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.Done():
		// Nothing is lost on the way in: Done comes after the last byte was read, by
		// inward, or after the message that has ended that direction.
		if conn.CloseStatus(c.Err()) == conn.StatusNormalClosure {
			return nil
		}
		return c.Err()
	}
}

// closeWith tells the peer how the tunnel has ended, if it does not know.
func closeWith(c *conn.Conn, err error) {
	switch {
	case err == nil:
		c.Close(conn.StatusNormalClosure, "")
	case errors.Is(err, context.Canceled):
		c.Close(conn.StatusGoingAway, "the tunnel is shut down")
	case err == errIdle:
		c.Close(conn.StatusPolicyViolation, err.Error())
	default:
		c.Close(conn.StatusInternalError, "the connection at the other end has failed")
	}
}

// outward carries what comes from tcp. A message is as long as what a read returns.
func outward(c *conn.Conn, tcp plain, w *watch) error {
	stream := conn.NetConn(c, conn.Binary)
	if _, err := io.Copy(stream, &watched{tcp, w}); err != nil {
		return fmt.Errorf("from TCP to WebSocket: %w", err)
	}
	if c.Subprotocol() != halfClose {
		return nil
	}
	_, err := stream.Write(nil)
	return err
}

// inward carries what comes from c. When that direction has ended it still reads, so
// that Pings are answered and the peer's Close is seen.
func inward(c *conn.Conn, tcp plain, w *watch) error {
	var stream io.Reader = conn.NetConn(c, conn.Binary)
	if c.Subprotocol() == halfClose {
		stream = &marked{c: c}
	}
	if _, err := io.Copy(tcp, &watched{stream, w}); err != nil {
		return fmt.Errorf("from WebSocket to TCP: %w", err)
	}
	c.CloseRead(context.Background()) // its goroutine ends with c
	tcp.CloseWrite()                  // if it fails, outward reads why
	return nil
}

// marked is a stream of bytes that an empty message ends. What conn.NetConn reads has
// no bounds any more, so it would not do.
type marked struct {
	c       *conn.Conn
	message io.Reader // nil between two messages
	some    bool      // the message is not empty
}

func (m *marked) Read(p []byte) (int, error) {
	for {
		if m.message == nil {
			_, r, err := m.c.Reader(context.Background())
			if err != nil {
				return 0, truncated(err)
			}
			m.message, m.some = r, false
		}
		n, err := m.message.Read(p)
		m.some = m.some || n > 0
		if err == io.EOF && !m.some {
			return 0, io.EOF
		}
		if err == io.EOF {
			m.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// truncated is err, but never matches io.EOF: the end of the stream was not announced.
func truncated(err error) error {
	return fmt.Errorf("the peer has left before the end: %v", err)
}

// reset has the TCP connection end with a reset and not as if all was well.
func reset(tcp plain) {
	if t, ok := tcp.(interface{ SetLinger(sec int) error }); ok {
		t.SetLinger(0)
	}
}

// watch ends a tunnel that carries nothing.
type watch struct {
	timer *time.Timer // nil: it is not watched
	after time.Duration
}

// watched is a reader that keeps the tunnel alive.
type watched struct {
	io.Reader
	watch *watch
}

func (r *watched) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 && r.watch.timer != nil {
		r.watch.timer.Reset(r.watch.after)
	}
	return n, err
}
