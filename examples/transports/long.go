package main

import (
	"context"
	"net/http"
	"time"
)

// longPolling is the first half of what was called Comet: the server holds the
// answer back until there is news, and the client asks again as soon as it has it.
var longPolling = transport{
	name:   "long",
	title:  "Long polling",
	serve:  func(s *server, t *tally) http.Handler { return s.longPoll(t) },
	follow: followLong,
}

// maxHold is how long a request is held back: less than proxies wait for an answer.
const maxHold = 25 * time.Second

func (s *server) longPoll(t *tally) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		after, ok := s.cursor(w, r)
		if !ok {
			return
		}
		news, lost, more := s.hub.since(after)
		if len(news) == 0 {
			wait := time.NewTimer(maxHold)
			defer wait.Stop()
			select {
			case <-more:
			case <-wait.C:
			case <-r.Context().Done():
				return // the client has gone, or the program ends
			}
			news, lost, _ = s.hub.since(after)
		}
		// The server's WriteTimeout began with the request.
		if http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) == nil {
			answerPoll(w, t, after, lost, news)
		}
	}
}

func followLong(ctx context.Context, f *follower) error {
	for {
		if err := f.poll(ctx, "/long"); err != nil {
			return err
		}
	}
}
