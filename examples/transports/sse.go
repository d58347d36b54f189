package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// serverSentEvents is the iframe without the iframe: a stream of text that the
// browser itself cuts into events (EventSource in HTML). It connects again by
// itself, and then says which event it had last.
var serverSentEvents = transport{
	name:   "sse",
	title:  "Server-Sent Events",
	serve:  func(s *server, t *tally) http.Handler { return s.sse(t) },
	follow: followSSE,
}

var sseFormat = format{
	contentType: "text/event-stream",
	prelude:     "retry: 500\n\n", // milliseconds until it connects again
	append: func(dst []byte, m message) []byte {
		return fmt.Appendf(dst, "id: %d\ndata: %s\n\n", m.id, m.json)
	},
	idle: ":\n\n", // a comment
}

func (s *server) sse(t *tally) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.stream(w, r, t, sseFormat) }
}

func followSSE(ctx context.Context, f *follower) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if f.after >= 0 {
		header.Set("Last-Event-ID", strconv.FormatInt(f.after, 10))
	}
	body, err := f.get(ctx, "/sse", header)
	if err != nil {
		return err
	}
	defer body.Close()
	var e event
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		data, isData := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		switch {
		case isData:
			if err := json.Unmarshal(data, &e); err != nil {
				return fmt.Errorf("sse: %w", err)
			}
		case len(lines.Bytes()) == 0 && e.ID != 0: // an empty line ends an event
			f.after = e.ID
			f.deliver(e)
			e = event{}
		}
	}
	return lines.Err()
}
