package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/parleyws/websocket/conn"
)

// refusal is why a request is refused, in the words that Engine.IO has for it.
type refusal struct {
	status  int
	code    int
	message string
}

var (
	unknownTransport = refusal{http.StatusBadRequest, 0, "Transport unknown"}
	unknownSession   = refusal{http.StatusBadRequest, 1, "Session ID unknown"}
	badMethod        = refusal{http.StatusBadRequest, 2, "Bad handshake method"}
	badRequest       = refusal{http.StatusBadRequest, 3, "Bad request"}
	forbidden        = refusal{http.StatusForbidden, 4, "Forbidden"}
	badVersion       = refusal{http.StatusBadRequest, 5, "Unsupported protocol version"}
	tooMany          = refusal{http.StatusServiceUnavailable, 4, "Forbidden"}
)

func (f refusal) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	io.WriteString(w, `{"code":`+strconv.Itoa(f.code)+`,"message":"`+f.message+`"}`)
}

// ServeHTTP serves both transports, which share one path: a GET or a POST of polling,
// and the handshake of a WebSocket.
func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	transport, id := q.Get("transport"), q.Get("sid")
	switch {
	case q.Get("EIO") != "4":
		badVersion.answer(w)
	case !sameOrigin(r):
		forbidden.answer(w)
	case transport == "polling" && id == "":
		e.openPolling(w, r)
	case transport == "polling":
		e.servePolling(w, r, e.session(id))
	case transport == "websocket" && id == "":
		e.accept(w, r, e.serveNew)
	case transport == "websocket":
		s := e.session(id)
		if s == nil {
			unknownSession.answer(w)
			return
		}
		e.accept(w, r, s.upgrade)
	default:
		unknownTransport.answer(w)
	}
}

// sameOrigin: a page of another site opens no session with the cookies of its visitor.
// A WebSocket is held to the same rule by package conn.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	return origin == "" || err == nil && u.Host == r.Host
}

func (e *engine) accept(w http.ResponseWriter, r *http.Request, serve func(c *conn.Conn) error) {
	opts := &conn.AcceptOptions{Config: conn.Config{
		MaxMessage: int64(e.maxPayload),
		Backlog:    e.maxQueue,
		KeepAlive:  conn.KeepAlive{Interval: -1}, // Engine.IO has pings of its own
	}}
	conn.Handler(opts, func(_ context.Context, c *conn.Conn) error { return serve(c) }).ServeHTTP(w, r)
}

// serveNew runs a session that does without polling.
func (e *engine) serveNew(c *conn.Conn) error {
	s, err := e.open()
	if err != nil {
		return &conn.CloseError{Code: conn.StatusTryAgainLater}
	}
	return s.serve(c)
}

func (e *engine) openPolling(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		badMethod.answer(w)
		return
	}
	s, err := e.open()
	if err != nil {
		tooMany.answer(w)
		return
	}
	s.answerPoll(w, s.take())
}

func (e *engine) servePolling(w http.ResponseWriter, r *http.Request, s *session) {
	switch {
	case s == nil:
		unknownSession.answer(w)
	case r.Method == http.MethodGet:
		s.poll(w, r)
	case r.Method == http.MethodPost:
		s.post(w, r)
	default:
		badRequest.answer(w)
	}
}

// poll answers a GET when there is something to answer. It waits no longer than until
// the next ping. A client that polls twice at once is none that we know how to talk to.
func (s *session) poll(w http.ResponseWriter, r *http.Request) {
	if !s.enter(&s.polled) {
		badRequest.answer(w)
		return
	}
	defer s.leave(&s.polled)
	for {
		if ps := s.take(); ps != nil {
			s.answerPoll(w, ps)
			return
		}
		select {
		case <-s.wake:
		case <-s.done:
		case <-r.Context().Done():
			s.close("transport close") // what it would have been told may be lost
			return
		}
	}
}

func (s *session) answerPoll(w http.ResponseWriter, ps []packet) {
	body := appendPackets(nil, ps)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.engine.bodyTimeout))
	w.Write(body)
}

// post takes the packets in the body of a POST.
func (s *session) post(w http.ResponseWriter, r *http.Request) {
	if !s.enter(&s.posted) {
		badRequest.answer(w)
		return
	}
	defer s.leave(&s.posted)
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.engine.bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.engine.maxPayload)))
	if err != nil {
		s.close("transport error")
		if errors.As(err, new(*http.MaxBytesError)) {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}
		return
	}
	for p, err := range packets(body) {
		if err == nil {
			err = s.receive(p)
		}
		if errors.Is(err, errSessionClosed) {
			break // by what came before, as a client that leaves does
		}
		if err != nil {
			s.close("parse error")
			badRequest.answer(w)
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	io.WriteString(w, "ok")
}

// enter reserves the one poll, or POST, that there may be at a time. A second one ends
// the session; one that comes when there is a WebSocket is only refused.
func (s *session) enter(busy *bool) bool {
	s.mu.Lock()
	second := *busy
	ok := s.ws == nil && !second
	if ok {
		*busy = true
	}
	s.mu.Unlock()
	if second {
		s.close("transport error")
	}
	return ok
}

func (s *session) leave(busy *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*busy = false
}
