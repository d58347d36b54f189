package main

import (
	"net/http"
	"time"
)

// format is how events look in a response that does not end.
type format struct {
	contentType string
	prelude     string                             // at its beginning
	append      func(dst []byte, m message) []byte // an event
	idle        string                             // what keeps proxies awake when nothing happens
	limit       int                                // events, then the client has to come again; 0: no limit
}

// heartbeat is how long a stream may be silent.
const heartbeat = 15 * time.Second

// stream sends events until the client goes. One that does not keep up is
// dropped: it may be behind as far as the history goes, and no write may wait
// longer than writeTimeout. It can come back with its cursor.
func (s *server) stream(w http.ResponseWriter, r *http.Request, t *tally, f format) {
	after, ok := s.cursor(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect the stream, and pass on blocks of it
	silence := time.NewTicker(heartbeat)
	defer silence.Stop()

	out := []byte(f.prelude)
	for sent, begun := 0, false; ; begun = true {
		news, lost, more := s.hub.since(after)
		if lost > 0 && begun {
			panic(http.ErrAbortHandler) // too slow; do not wait for it once more, to say so
		}
		for _, m := range news {
			out = f.append(out, m)
			after = m.id
		}
		if (len(out) > 0 || !begun) && send(w, out) != nil {
			return
		}
		out = out[:0]
		t.messages.Add(int64(len(news)))
		if sent += len(news); f.limit > 0 && sent >= f.limit {
			return
		}
		if len(news) > 0 {
			silence.Reset(heartbeat)
			continue // there may be more already
		}
		select {
		case <-more:
		case <-silence.C:
			out = append(out, f.idle...)
		case <-r.Context().Done():
			return // the client has gone, or the program ends
		}
	}
}

// send writes a piece of a stream, header first. The WriteTimeout of an
// http.Server is for the whole response, which is why streams usually go without
// one: here it begins anew with each piece.
func send(w http.ResponseWriter, p []byte) error {
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := w.Write(p); err != nil {
		return err
	}
	return rc.Flush()
}
