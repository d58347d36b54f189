// Package interop holds the library against other people's WebSocket: node's
// ws and Python's websockets, each as client and as server; Chromium, in a page
// of the tests and on the pages of examples/echo and examples/chat; nginx as a reverse proxy in
// between, for ws and for wss, and with node also HAProxy and Apache
// (reverse_test.go). Our own client goes through the forward proxies tinyproxy,
// Apache and microsocks: CONNECT, over TLS too, and SOCKS (forward_test.go).
// Package conn is a peer too, compiled to WebAssembly, over the WebSockets of
// Chromium and of node (wasm/, wasm_test.go). WebSocket over HTTP/2 is held against
// Chromium and against node's http2, with ws on its streams (h2_test.go).
//
// There is nothing here but tests. They live in a module of their own, so that
// the root module never depends on a browser driver, and they fail, not skip,
// where a peer is missing. From this directory:
//
//	apt-get install chromium nginx-light python3-websockets nodejs npm
//	apt-get install haproxy apache2-bin tinyproxy-bin microsocks
//	npm ci
//	go test ./...
//
// The peers (peers/) are puppets: each takes the same commands and reports the
// same events (harness_test.go). The scenarios (scenarios_test.go) are one table
// for all peers, both roles and every way the bytes can take.
//
// Compression is agreed on in every way that RFC 7692 has (compression_test.go).
// Both sides then say the same lines (script_test.go), and a tap in between sees
// what really goes over the wire (tap_test.go). Our DEFLATE is also held against
// the zlib of node and Python by itself (zlib_test.go).
package interop
