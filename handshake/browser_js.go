package handshake

import (
	"context"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/browser"
)

// open has the browser connect, unless the program brings a network.
func (c *client) open(ctx context.Context, t target) (*Upgraded, *Error) {
	if c.cfg.NetDial != nil {
		return c.connect(ctx, t)
	}
	if err := c.checkBrowser(&t); err != nil {
		return nil, &Error{Reason: "the ClientConfig cannot be used", Err: err}
	}
	s, subprotocol, err := browser.Open(ctx, t.browserURL(), c.cfg.Subprotocols)
	if err != nil {
		return nil, &Error{Reason: "cannot connect to " + t.addr, Err: cause(ctx, err)}
	}
	return &Upgraded{Conn: s, Role: frame.Client, Subprotocol: subprotocol, URI: t.uri, Host: t.host}, nil
}
