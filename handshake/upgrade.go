package handshake

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/parleyws/websocket/frame"
)

// Upgrade answers the opening handshake in r and takes the connection over from
// net/http. The fields in w.Header(), such as cookies set by a middleware, go
// out with the 101 beside those of cfg.Header. A w that wraps another one is
// seen through if it has an Unwrap method, see [http.ResponseController].
//
// When it fails the client has had its answer, and the handler has only to
// return. The error is an [*Error] with the status sent, or with status 0 if the
// connection broke under the 101; it is closed then.
//
// net/http lets go of its buffers when the handler returns. Afterwards neither w
// nor r.Context() says anything about the connection any more.
func Upgrade(w http.ResponseWriter, r *http.Request, cfg *ServerConfig) (*Upgraded, error) {
	cfg = cfg.orDefault()
	var q request
	q.fromHTTP(r)
	g, rejection := judge(&q, cfg)
	if rejection != nil {
		answer(w, r, rejection)
		return nil, rejection
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		failure := cannotHijack(w, err)
		if failure.Status != 0 {
			answer(w, r, failure)
		}
		return nil, failure
	}
	out := appendSwitching(make([]byte, 0, 512), g, w.Header(), cfg.Header)
	if err := send(nc, out, cfg.timeout()); err != nil {
		hangUp(nc)
		return nil, &Error{Reason: "cannot send the 101 response", Err: err}
	}
	return &Upgraded{
		Conn:        nc,
		Buffered:    buffered(rw),
		Role:        frame.Server,
		Subprotocol: g.subprotocol,
		Deflate:     g.deflate,
		URI:         g.uri,
		Host:        g.host,
		Header:      q.fields.keep(cfg.KeepHeader),
	}, nil
}

// send writes p within the given time and leaves no deadline behind, also none of
// those that the HTTP server has set. A connection that knows no deadlines will do.
func send(nc net.Conn, p []byte, within time.Duration) error {
	nc.SetDeadline(time.Now().Add(within))
	_, err := nc.Write(p)
	nc.SetDeadline(time.Time{})
	return err
}

// buffered returns a copy of what net/http has read ahead, so that its buffers
// can be let go.
func buffered(rw *bufio.ReadWriter) []byte {
	if rw == nil || rw.Reader == nil { // a middleware's own Hijack may have none
		return nil
	}
	p, _ := rw.Reader.Peek(rw.Reader.Buffered())
	return append([]byte(nil), p...)
}

// answer sends the rejection through net/http.
func answer(w http.ResponseWriter, r *http.Request, rejection *Error) {
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Transfer-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		h.Del(name) // meant for the answer that this is not
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(rejection.Body)))
	h.Set("X-Content-Type-Options", "nosniff")
	maps.Copy(h, rejection.Header)
	if r.ProtoMajor > 1 { // RFC 9113, section 8.2.2, has no such fields
		h.Del("Connection")
		h.Del("Upgrade")
	}
	w.WriteHeader(rejection.Status)
	w.Write(rejection.Body)
}

// cannotHijack makes the failure for a writer that does not give the connection
// away: a rejection, unless somebody else has the connection already.
func cannotHijack(w http.ResponseWriter, err error) *Error {
	if errors.Is(err, http.ErrHijacked) {
		return &Error{Reason: "the connection has been hijacked before", Err: err}
	}
	if !errors.Is(err, http.ErrNotSupported) {
		failure := reject(500, "cannot take the connection over")
		failure.Err = err
		return failure
	}
	failure := reject(501, "this server cannot upgrade connections")
	failure.Reason = fmt.Sprintf("the http.ResponseWriter is a %s without a Hijack method; "+
		"let the middleware that made it have Hijack or Unwrap", writerType(w))
	failure.Err = err
	return failure
}

// writerType names the type of w and, where it can be unwrapped, those beneath.
func writerType(w http.ResponseWriter) string {
	name := fmt.Sprintf("%T", w)
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return name
		}
		w = u.Unwrap()
		name += fmt.Sprintf(" around a %T", w)
	}
}
