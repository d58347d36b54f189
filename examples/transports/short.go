package main

import (
	"context"
	"net/http"
	"time"
)

// shortPolling is Ajax as it began: ask every now and then, and get an answer at
// once, be there news or not.
var shortPolling = transport{
	name:   "short",
	title:  "Short polling",
	serve:  func(s *server, t *tally) http.Handler { return s.shortPoll(t) },
	follow: followShort,
}

func (s *server) shortPoll(t *tally) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if after, ok := s.cursor(w, r); ok {
			news, lost, _ := s.hub.since(after)
			answerPoll(w, t, after, lost, news)
		}
	}
}

func followShort(ctx context.Context, f *follower) error {
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	for {
		if err := f.poll(ctx, "/short"); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
