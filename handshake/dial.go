package handshake

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// dial opens the byte stream: TCP, and TLS over it where the URL wants that.
func (c *client) dial(ctx context.Context, t *target) (net.Conn, *Error) {
	dial := c.cfg.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", t.addr)
	if err != nil {
		return nil, &Error{Reason: "cannot connect to " + t.addr, Err: cause(ctx, err)}
	}
	if !t.secure {
		return nc, nil
	}
	tc := tls.Client(nc, c.tlsConfig(t))
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, &Error{Reason: "the TLS handshake with " + t.addr + " failed", Err: cause(ctx, err)}
	}
	return tc, nil
}

// tlsConfig is the program's own, but for what this connection needs. Were h2 on
// offer, the server might take it and not understand our request.
func (c *client) tlsConfig(t *target) *tls.Config {
	conf := c.cfg.TLS.Clone()
	if conf == nil {
		conf = new(tls.Config)
	}
	if conf.ServerName == "" {
		conf.ServerName = t.name
	}
	conf.NextProtos = []string{"http/1.1"}
	return conf
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
