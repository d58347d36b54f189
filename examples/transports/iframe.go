package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// iframeStream is the other half of Comet: a page in a hidden iframe that never
// stops loading. Every event is a script element, and calls the page around it as
// soon as the browser has parsed it.
var iframeStream = transport{
	name:   "iframe",
	title:  "Iframe stream",
	serve:  func(s *server, t *tally) http.Handler { return s.iframe(t) },
	follow: followIframe,
}

const (
	scriptBegin = "<script>e("
	scriptEnd   = ")</script>"
)

var iframeFormat = format{
	contentType: "text/html; charset=utf-8",
	prelude: "<!doctype html><script>" +
		"function e(x) { document.currentScript.remove(); parent.fromIframe(x) }" +
		"</script>\n",
	append: func(dst []byte, m message) []byte {
		return fmt.Appendf(dst, "%s%s%s\n", scriptBegin, m.json, scriptEnd)
	},
	idle:  "<!-- -->\n",
	limit: 5000, // the browser keeps what it has parsed
}

func (s *server) iframe(t *tally) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		isolate(w)
		s.stream(w, r, t, iframeFormat)
	}
}

// followIframe reads the stream as text, for lack of a browser.
func followIframe(ctx context.Context, f *follower) error {
	body, err := f.get(ctx, "/iframe", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		script, ok := bytes.CutPrefix(lines.Bytes(), []byte(scriptBegin))
		if !ok {
			continue // the prelude, or a sign of life
		}
		var e event
		text := strings.TrimSuffix(string(script), scriptEnd)
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return fmt.Errorf("iframe: %w", err) // cut off in the middle, perhaps
		}
		f.after = e.ID
		f.deliver(e)
	}
	return lines.Err()
}
