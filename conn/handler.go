package conn

import (
	"context"
	"errors"
	"log"
	"net/http"
	"runtime/debug"

	"github.com/parleyws/websocket/handshake"
)

// Handler returns an http.Handler that accepts connections and runs serve on
// each. When serve returns, the connection is closed:
//
//   - with StatusNormalClosure if it returns nil,
//   - with the Code and Reason of a [*CloseError] that it returns, if they may be
//     sent,
//   - with StatusInternalError if it returns another error or panics. Neither the
//     error's text nor the panic is told to the peer. A panic is logged with its
//     stack, to the http.Server's ErrorLog, unless it is http.ErrAbortHandler.
//
// If the connection has ended by then, nothing is sent. A request that is
// refused has been answered, and serve is not called.
//
// ctx is c.Context(): it is cancelled when the connection is over, and has the
// values of the request's context, but not its end. serve runs on a goroutine of
// its own, while the HTTP handler returns, so that the memory net/http needs for
// a request is given back. (Over HTTP/2 it stays, for it is the stream that ends when
// it returns.) Hence the request itself is not there any more; what is needed of it
// is to be taken before:
//
//	func(w http.ResponseWriter, r *http.Request) {
//		room := r.PathValue("room")
//		conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
//			return chat(ctx, c, room)
//		}).ServeHTTP(w, r)
//	}
func Handler(opts *AcceptOptions, serve func(ctx context.Context, c *Conn) error) http.Handler {
	hs, cfg, shared := opts.handshake(), opts.config().resolved(), new(sharedTerms)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := handshake.Upgrade(w, r, hs)
		if err != nil {
			return
		}
		c := newConn(u, cfg, shared.get(u, r.Context()))
		go c.serve(serve)
		awaitStream(u)
	})
}

// awaitStream keeps an HTTP handler for as long as its connection needs it: over
// HTTP/2 the connection ends with it.
func awaitStream(u *handshake.Upgraded) {
	if s, ok := u.Conn.(*handshake.Stream); ok {
		s.Wait()
	}
}

// serve calls f and closes the connection. It is at the bottom of a small stack for
// as long as the connection lives, and so takes little of it.
func (c *Conn) serve(f func(context.Context, *Conn) error) {
	defer c.served()
	c.closeFor(f(c.Context(), c))
}

// served is deferred for functions that panic, or end by runtime.Goexit. After others
// the connection is closed already.
func (c *Conn) served() {
	if v := recover(); v != nil && v != http.ErrAbortHandler {
		c.errorLog().Printf("conn: panic serving %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
	}
	c.closeFor(errNoReturn)
}

var errNoReturn = errors.New("conn: the handler did not return")

// closeFor closes the connection because a handler returned err.
func (c *Conn) closeFor(err error) {
	if c.now() == dead {
		return
	}
	if c.Close(verdict(err)) != nil {
		c.CloseNow()
	}
}

// verdict says what the end of a handler means to the peer.
func verdict(err error) (StatusCode, string) {
	if err == nil {
		return StatusNormalClosure, ""
	}
	if e, ok := errors.AsType[*CloseError](err); ok && e.Code.Valid() {
		return e.Code, e.Reason
	}
	return StatusInternalError, ""
}

// errorLog returns where the server that c comes from reports errors to.
func (c *Conn) errorLog() *log.Logger {
	if s, ok := c.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
		return s.ErrorLog
	}
	return log.Default()
}
