package main

import (
	"context"
	"net/http"
	"strconv"
)

// transport is one way for events to get to a client. Each has a file of its
// own, with the server's side of it and a client in Go.
type transport struct {
	name   string // in paths, flags and JSON
	title  string
	whole  bool // it takes the TCP connection away from HTTP
	serve  func(s *server, t *tally) http.Handler
	follow func(ctx context.Context, f *follower) error // until ctx ends, or something fails
}

// transports are all of them, as they came up in history.
var transports = []transport{shortPolling, longPolling, iframeStream, serverSentEvents, webSocket}

func transportNamed(name string) (transport, bool) {
	for _, t := range transports {
		if t.name == name {
			return t, true
		}
	}
	return transport{}, false
}

// cursor returns the id of the last event that the client has, from the query or
// from the header that an EventSource sends when it connects again. A client that
// sends none is new, and gets what happens from now on.
func (s *server) cursor(w http.ResponseWriter, r *http.Request) (after int64, ok bool) {
	text := r.URL.Query().Get("after")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		text = id
	}
	if text == "" {
		return s.hub.latest(), true
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		http.Error(w, "after is the id of an event", http.StatusBadRequest)
		return 0, false
	}
	return after, true
}
