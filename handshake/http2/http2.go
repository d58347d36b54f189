// Package http2 has the servers of a program take WebSocket connections over
// HTTP/2 (RFC 8441). It is imported for that alone, and has nothing to call:
//
//	import _ "github.com/parleyws/websocket/handshake/http2"
//
// net/http knows extended CONNECT, but tells clients so only if GODEBUG has
// http2xconnect=1 when the program starts. That is what this package puts there,
// beside what else GODEBUG says; programs that this one starts inherit it. A GODEBUG
// that mentions http2xconnect already, as http2xconnect=0, is left as it is.
//
// It is for the program to choose, and not for a library, since it concerns all of
// its HTTP/2 servers: once a server has said that it knows extended CONNECT, browsers
// open every WebSocket of that origin by it, as soon as they have a connection over
// HTTP/2. A WebSocket endpoint on the same origin that only knows how to hijack a
// connection of HTTP/1.1 would be out of their reach. All those of this module know
// both.
//
// A server of net/http lets a client send 1 MiB before it is read, on one stream and on
// all streams of a connection together, so that one WebSocket that is not read from can
// stop the others. Let one have less, and frames too, for the sake of clients that
// have a buffer for the largest:
//
//	server.HTTP2 = &http.HTTP2Config{
//		MaxReceiveBufferPerStream: 64 << 10,
//		MaxReadFrameSize:          16 << 10,
//		MaxConcurrentStreams:      1000, // WebSockets of one client, beside its requests; 250 if zero
//	}
//
// Clients need nothing of this, see [handshake.HTTP2].
//
// [handshake.HTTP2]: https://pkg.go.dev/github.com/parleyws/websocket/handshake#HTTP2
package http2

import (
	"os"
	"strings"
)

// Packages are initialised in the order of their import paths, as far as their
// imports have been. This one needs only what net/http needs too, and its path comes
// first, so that net/http finds GODEBUG as it is left here.
func init() {
	if s, changed := with(os.Getenv("GODEBUG")); changed {
		os.Setenv("GODEBUG", s)
	}
}

const setting = "http2xconnect"

// with returns the value of GODEBUG with our setting, unless it has one.
func with(godebug string) (s string, changed bool) {
	for entry := range strings.SplitSeq(godebug, ",") {
		if name, _, _ := strings.Cut(entry, "="); strings.TrimSpace(name) == setting {
			return godebug, false
		}
	}
	if godebug != "" {
		godebug += ","
	}
	return godebug + setting + "=1", true
}
