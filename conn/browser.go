package conn

import (
	"errors"
	"fmt"

	"github.com/parleyws/websocket/internal/browser"
)

// inBrowser returns the WebSocket of the browser that is beneath the connection, or
// nil.
func (c *Conn) inBrowser() *browser.Stream {
	s, _ := c.nc.(*browser.Stream)
	return s
}

// errPing is what Ping returns where no script may send one.
var errPing = fmt.Errorf("conn: a browser gives scripts no way to send a Ping or to see a Pong: %w", errors.ErrUnsupported)

// unsent returns how many bytes the browser has still to send.
func (c *Conn) unsent() int {
	if s := c.inBrowser(); s != nil {
		return s.Buffered()
	}
	return 0
}
