package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

// maxExcerpt is how many bytes of a frame are shown in its line.
const maxExcerpt = 60

// tracer shows handshakes and frames on standard error. Lines begin with > for
// what was sent and < for what has come.
type tracer struct {
	screen *screen
	who    string // begins every line: which client, if there are many
	bytes  bool   // -vv
}

// traced lays a tap beneath u if -v wants one.
func traced(u *handshake.Upgraded, s *screen, who string, verbose int) {
	if verbose == 0 {
		return
	}
	t := &tracer{screen: s, who: who, bytes: verbose > 1}
	in, out := new(bool), new(bool) // whether the message that is open there is compressed
	tap(u, func(f seen) {
		compressed := in
		if f.Sent {
			compressed = out
		}
		if f.Opcode == frame.Text || f.Opcode == frame.Binary {
			*compressed = f.Rsv1
		}
		t.frame(f, *compressed && f.Opcode.IsData())
	})
}

// frame shows a frame: a line, and with -vv its bytes.
func (t *tracer) frame(f seen, compressed bool) {
	line := f.Header.String()
	if t.bytes && f.Masked {
		line += " key=" + hex.EncodeToString(f.Key[:])
	}
	if about := excerpt(f, compressed); about != "" {
		line += "  " + about
	}
	if t.bytes && len(f.Kept) > 0 {
		line += "\n" + strings.TrimSuffix(hex.Dump(f.Kept), "\n")
		if more := f.Length - int64(len(f.Kept)); more > 0 {
			line += fmt.Sprintf("\n… %d bytes more", more)
		}
	}
	t.line(f.Sent, line)
}

// excerpt says what is in a frame.
func excerpt(f seen, compressed bool) string {
	switch {
	case f.Opcode == frame.Close:
		code, reason, err := frame.ParseClose(f.Kept)
		if err != nil {
			return strings.TrimPrefix(err.Error(), "frame: ")
		}
		if reason == "" {
			return code.String()
		}
		return fmt.Sprintf(`%v "%s"`, code, oneLine([]byte(reason), frame.MaxControlPayload))
	case len(f.Kept) == 0:
		return ""
	case compressed:
		return "compressed"
	case f.Opcode == frame.Binary:
		n := min(len(f.Kept), maxExcerpt/3)
		more := ""
		if f.Length > int64(n) {
			more = "…"
		}
		return hex.EncodeToString(f.Kept[:n]) + more
	default:
		return `"` + oneLine(f.Kept, maxExcerpt) + `"`
	}
}

// request shows the request that is about to be made, over TLS too, where no tap
// reaches it: from what package handshake makes it of. The Sec-WebSocket-Key, a new
// one every time, and what comes after a redirect are left out.
func (t *tracer) request(rawURL string, d *dialFlags) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return
	}
	h := d.request()
	for name, value := range map[string]string{
		"Host":                   u.Host,
		"Upgrade":                "websocket",
		"Connection":             "Upgrade",
		"Sec-WebSocket-Version":  "13",
		"Sec-WebSocket-Protocol": strings.Join(d.subprotocols, ", "),
	} {
		if value != "" && h[name] == nil {
			h.Set(name, value)
		}
	}
	if d.deflate {
		h.Set("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
	}
	if u.User != nil && h["Authorization"] == nil {
		h.Set("Authorization", "Basic …")
	}
	t.head(true, "GET "+u.RequestURI()+" HTTP/1.1", h)
}

// response shows the head of a response.
func (t *tracer) response(status int, h http.Header) {
	t.head(false, fmt.Sprintf("HTTP/1.1 %d %s", status, http.StatusText(status)), h)
}

func (t *tracer) head(sent bool, first string, h http.Header) {
	t.line(sent, oneLine([]byte(first), 2000))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			field := strings.Replace(name, "Websocket", "WebSocket", 1) + ": " + value
			t.line(sent, oneLine([]byte(field), 2000))
		}
	}
}

// line shows a line, or a few that belong together.
func (t *tracer) line(sent bool, text string) {
	mark, colour := "< ", cyan
	if sent {
		mark, colour = "> ", green
	}
	first, more, _ := strings.Cut(text, "\n")
	text = paint(t.screen.errColour, colour, t.who+mark+first)
	if more != "" {
		text += "\n    " + strings.ReplaceAll(more, "\n", "\n    ")
	}
	t.screen.print("", text)
}
