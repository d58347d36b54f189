package handshake

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// dial opens the byte stream: TCP, through a proxy if there is one, and TLS over it
// where the URL wants that, with these protocols on offer. What was read of it already
// is early.
func (c *client) dial(ctx context.Context, t *target, protocols ...string) (nc net.Conn, early []byte, failure *Error) {
	p, failure := c.proxyFor(ctx, t)
	switch {
	case failure != nil:
		return nil, nil, failure
	case p != nil:
		nc, early, failure = c.dialThrough(ctx, p, t)
	default:
		nc, failure = c.dialTarget(ctx, t)
	}
	if failure != nil || !t.secure {
		return nc, early, failure
	}
	tc, err := shakeTLS(ctx, beneathTLS(nc, early), c.cfg.TLS, t.name, protocols...)
	if err != nil {
		return nil, nil, &Error{Reason: "the TLS handshake with " + t.addr + " failed", Err: err}
	}
	return tc, nil, nil
}

// netDial opens a connection as the program wants that.
func (c *client) netDial(ctx context.Context, addr string) (net.Conn, error) {
	if c.cfg.NetDial != nil {
		return c.cfg.NetDial(ctx, "tcp", addr)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

func (c *client) dialTarget(ctx context.Context, t *target) (net.Conn, *Error) {
	nc, err := c.netDial(ctx, t.addr)
	if err != nil {
		return nil, &Error{Reason: "cannot connect to " + t.addr, Err: cause(ctx, err)}
	}
	return nc, nil
}

// shakeTLS lays TLS over nc, which it closes if that fails.
func shakeTLS(ctx context.Context, nc net.Conn, conf *tls.Config, name string, protocols ...string) (*tls.Conn, error) {
	tc := tls.Client(nc, tlsConfig(conf, name, protocols))
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, cause(ctx, err)
	}
	if t, ok := nc.(*tunnel); ok {
		t.shaken = true
	}
	return tc, nil
}

// tlsConfig is the program's own, but for what this connection needs. Were h2 on
// offer without need, the server might take it and not understand our request.
func tlsConfig(conf *tls.Config, name string, protocols []string) *tls.Config {
	if conf = conf.Clone(); conf == nil {
		conf = new(tls.Config)
	}
	if conf.ServerName == "" {
		conf.ServerName = name
	}
	conf.NextProtos = protocols
	return conf
}

// attend has talk use nc, with an end as soon as ctx is done, and closes nc unless
// that goes well.
func attend(ctx context.Context, nc net.Conn, talk func() *Error) *Error {
	release := watch(ctx, nc)
	failure := talk()
	if err := release(); err != nil {
		hangUp(nc)
		if failure == nil {
			failure = &Error{Reason: "cancelled just as the connection was open"}
		}
		failure.Err = err
		return failure
	}
	if failure != nil {
		nc.Close()
	}
	return failure
}

// watch makes the end of ctx end all I/O on nc, until release is called. release
// returns ctx's error if that has happened, and then nc is of no use; otherwise
// it never will.
func watch(ctx context.Context, nc net.Conn) (release func() error) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		interrupt(nc)
		close(interrupted)
	})
	return func() error {
		if stop() {
			return nil
		}
		<-interrupted // so that it does not hit a later deadline of somebody else
		return contextError(ctx)
	}
}

// interrupt makes every Read and Write on nc return, those under way too.
func interrupt(nc net.Conn) { nc.SetDeadline(time.Unix(1, 0)) }

// hangUp closes nc under a peer that takes nothing. Close alone would do, were it
// not that a [tls.Conn] then writes an alert, and waits up to 5 seconds for it.
func hangUp(nc net.Conn) {
	if tc, ok := nc.(*tls.Conn); ok {
		nc = tc.NetConn()
	}
	if t, ok := nc.(*tunnel); ok {
		t.CloseNow()
		return
	}
	nc.Close()
}

// cause returns the error of ctx if it is done, since then err is but its
// consequence, and err otherwise.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return err
}

// contextError returns ctx's error, and with it the cause if one was given.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
