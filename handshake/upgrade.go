package handshake

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
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
// nor r.Context() says anything about the connection any more. Upgraded.URI and Host are
// those of r, not copies: where r comes from an adaptor that uses its memory again, such
// as that of fasthttp, they are good for as long as r is.
//
// A request over HTTP/2 is an extended CONNECT (RFC 8441), and the answer 200 in
// place of 101. Upgraded.Conn is then a [*Stream], for which two things are otherwise:
// it ends when the handler returns, see [Stream.Wait], and a middleware's w is seen
// through for all that is sent. ReadTimeout and WriteTimeout of the [http.Server] do
// not concern it. What comes is read from r.Body, so that a middleware that bounds
// that, as http.MaxBytesReader does, bounds the connection.
func Upgrade(w http.ResponseWriter, r *http.Request, cfg *ServerConfig) (u *Upgraded, err error) {
	u = new(Upgraded) // inlined, it is on the caller's stack, if it is not kept
	if err = u.upgrade(w, r, cfg); err != nil {
		u = nil
	}
	return u, err
}

func (u *Upgraded) upgrade(w http.ResponseWriter, r *http.Request, cfg *ServerConfig) error {
	up := upgrades.Get().(*upgrade)
	failure := up.run(u, w, r, cfg.orDefault())
	up.reset()
	upgrades.Put(up) // not deferred: a callback that panics leaves it to the collector
	if failure != nil {
		return failure
	}
	return nil
}

// upgrade is the memory of one Upgrade, as scratch is that of an Accept.
type upgrade struct {
	q    request
	g    grant
	host [1]string
	out  []byte

	sent int                   // of out, by try
	try  func(fd uintptr) bool // made when it is needed, and kept
}

var upgrades = sync.Pool{New: func() any { return &upgrade{out: make([]byte, 0, 512)} }}

// reset lets go of the request, whose header q has borrowed, and of a large answer.
func (u *upgrade) reset() {
	u.q, u.g, u.host, u.sent = request{}, grant{}, [1]string{}, 0
	if u.out = u.out[:0]; cap(u.out) > 4<<10 {
		u.out = nil
	}
}

func (u *upgrade) run(upgraded *Upgraded, w http.ResponseWriter, r *http.Request, cfg *ServerConfig) *Error {
	u.q.host = u.host[:0]
	u.q.fromHTTP(r)
	if rejection := u.g.judge(&u.q, cfg); rejection != nil {
		answer(w, r, rejection)
		return rejection
	}
	if u.q.major == 2 {
		return u.overHTTP2(upgraded, w, r, cfg)
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return unhijacked(w, r, err)
	}
	u.out = appendSwitching(u.out[:0], &u.g, w.Header(), cfg.Header)
	if err := u.send(nc, cfg.timeout()); err != nil {
		return unsent(nc, err)
	}
	u.g.fill(upgraded, nc, buffered(rw), u.q.fields.keep(cfg.KeepHeader))
	return nil
}

// unhijacked answers a request whose connection is not to be had.
func unhijacked(w http.ResponseWriter, r *http.Request, err error) *Error {
	failure := cannotHijack(w, err)
	if failure.Status != 0 {
		answer(w, r, failure)
	}
	return failure
}

// send writes u.out within the given time and leaves no deadline behind, also none of
// those that the HTTP server has set. A connection that knows no deadlines will do. To
// set one takes longer than all the judging, and mostly there is nothing to wait for.
func (u *upgrade) send(nc net.Conn, within time.Duration) error {
	nc.SetDeadline(time.Time{})
	n := u.sendNow(nc)
	if n == len(u.out) {
		return nil
	}
	nc.SetDeadline(time.Now().Add(within))
	_, err := nc.Write(u.out[n:])
	nc.SetDeadline(time.Time{})
	return err
}

// buffered returns a copy of what net/http has read ahead, so that its buffers
// can be let go.
func buffered(rw *bufio.ReadWriter) []byte {
	if rw == nil || rw.Reader == nil || rw.Reader.Buffered() == 0 { // a middleware's own Hijack may have none
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
