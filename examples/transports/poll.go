package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// answer is what a poll gets: the events since its cursor.
type answer struct {
	Last   int64   `json:"last"` // the next cursor
	Lost   int64   `json:"lost"` // events that were forgotten before the client asked
	Events []event `json:"events"`
}

// answerPoll writes an answer. The events are JSON already.
func answerPoll(w http.ResponseWriter, t *tally, after, lost int64, news []message) {
	if len(news) > 0 {
		after = news[len(news)-1].id
	}
	body := fmt.Appendf(nil, `{"last":%d,"lost":%d,"events":[`, after, lost)
	for i, m := range news {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m.json...)
	}
	body = append(body, "]}"...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err == nil {
		t.messages.Add(int64(len(news)))
	}
}

// poll asks once, and delivers what comes.
func (f *follower) poll(ctx context.Context, path string) error {
	body, err := f.get(ctx, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	var a answer
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	f.after = a.Last
	for _, e := range a.Events {
		f.deliver(e)
	}
	return nil
}
