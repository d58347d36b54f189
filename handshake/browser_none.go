//go:build !js

package handshake

import "context"

// open connects: no browser is here to do it.
func (c *client) open(ctx context.Context, t target) (*Upgraded, *Error) { return c.connect(ctx, t) }
