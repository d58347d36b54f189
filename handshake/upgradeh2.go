package handshake

import (
	"maps"
	"net/http"
	"time"
)

// overHTTP2 is the rest of Upgrade for a request over HTTP/2 that was accepted. RFC
// 8441, section 5: "The server responds with a 2xx series response" where HTTP/1.1
// has 101, and the stream goes on.
func (u *upgrade) overHTTP2(upgraded *Upgraded, w http.ResponseWriter, r *http.Request, cfg *ServerConfig) *Error {
	inner := innermost(w)
	if !canFlush(inner) {
		return unhijacked(w, r, http.ErrNotSupported)
	}
	setSuccess(w.Header(), &u.g, cfg.Header)
	if inner != w {
		maps.Copy(inner.Header(), w.Header())
	}
	control := http.NewResponseController(inner)
	control.SetReadDeadline(time.Time{}) // those of http.Server are for requests
	control.SetWriteDeadline(time.Now().Add(cfg.timeout()))
	inner.WriteHeader(http.StatusOK)
	if err := control.Flush(); err != nil {
		return &Error{Reason: "cannot send the 200 response", Err: err}
	}
	control.SetWriteDeadline(time.Time{})
	u.g.fill(upgraded, newServerStream(inner, r), nil, u.q.fields.keep(cfg.KeepHeader))
	return nil
}

// innermost returns the writer of net/http beneath those of middlewares. They may
// not change what is written to it from now on, as they cannot on a connection that
// was hijacked.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

func canFlush(w http.ResponseWriter) bool {
	switch w.(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

// setSuccess puts into h what the 101 response would have, but for what RFC 8441,
// section 5, leaves out: Upgrade, Connection and Sec-WebSocket-Accept.
func setSuccess(h http.Header, g *grant, more http.Header) {
	for name := range h {
		if isReserved(name) {
			delete(h, name)
		}
	}
	for name, values := range more {
		if isReserved(name) || !isToken(name) {
			continue
		}
		for _, value := range values {
			h.Add(name, cleanValue(value))
		}
	}
	if g.subprotocol != "" {
		h.Set("Sec-WebSocket-Protocol", g.subprotocol)
	}
	if g.deflate != nil {
		h.Set("Sec-WebSocket-Extensions", string(g.answer.append(nil)))
	}
}
