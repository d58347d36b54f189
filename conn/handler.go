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
// a request is given back. Hence the request itself is not there any more;
// what is needed of it is to be taken before:
//
//	func(w http.ResponseWriter, r *http.Request) {
//		room := r.PathValue("room")
//		conn.Handler(nil, func(ctx context.Context, c *conn.Conn) error {
//			return chat(ctx, c, room)
//		}).ServeHTTP(w, r)
//	}
func Handler(opts *AcceptOptions, serve func(ctx context.Context, c *Conn) error) http.Handler {
	hs, cfg := opts.handshake(), opts.config().resolved()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := handshake.Upgrade(w, r, hs)
		if err != nil {
			return
		}
		c := newConn(u, cfg, context.WithoutCancel(r.Context()))
		go c.serve(serve, errorLog(r))
	})
}

func (c *Conn) serve(serve func(context.Context, *Conn) error, logger *log.Logger) {
	code, reason := StatusInternalError, ""
	// Close in a deferred call, for serve may also end by runtime.Goexit.
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			logger.Printf("conn: panic serving %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
		}
		if c.Close(code, reason) != nil {
			c.CloseNow()
		}
	}()
	code, reason = verdict(serve(c.Context(), c))
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

// errorLog returns where the server that got r reports errors to.
func errorLog(r *http.Request) *log.Logger {
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
		return s.ErrorLog
	}
	return log.Default()
}
