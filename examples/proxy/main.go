// Command proxy is a reverse proxy that shows the frames which pass through it:
//
//	go run ./examples/echo
//	go run ./examples/proxy -listen 127.0.0.1:8081 -to http://127.0.0.1:8080
//
// and then open http://127.0.0.1:8081/ and watch the terminal. A line is a frame: the
// number of the connection, who has sent it, its header as it came, and how long it took
// from the header to the last byte that was passed on:
//
//	#1 client → TEXT FIN MASK len=5 in 41µs "hello"
//	#1 server → TEXT FIN len=5 in 38µs "hello"
//
// The texts are there with -dump 64, the most bytes of a payload to show.
//
// The WebSocket part stands on package frame alone: it is what a proxy, a load balancer,
// or a recorder needs that looks into the stream, and no connection. Each frame is
// judged by its header, unmasked, masked anew with a key of the proxy's own towards the
// backend, and passed on piece by piece, whatever its length: a connection takes some
// 64 KiB and never a message more. What an endpoint has to judge is left to the
// endpoints: whether text is UTF-8, how long a message may be, what is compressed.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && err != flag.ErrHelp {
		log.Fatal(err)
	}
}

// run serves until ctx ends, and then until both ends of every connection were told so.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:8081", "`host:port` to listen on")
	to := flags.String("to", "http://127.0.0.1:8080", "`URL` of the backend: http, https, ws, wss")
	dump := flags.Int("dump", 0, "show this many `bytes` of each payload")
	most := flags.Int("max", 1000, "`number` of WebSocket connections at the same time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	backend, err := parseBackend(*to)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	p := newProxy(ctx, backend, log.New(stderr, "", log.Ltime), max(*dump, 0), max(*most, 1))
	p.log.Printf("listening on http://%v/ for %v", l.Addr(), backend)
	return p.serve(l)
}

func parseBackend(to string) (*url.URL, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return nil, errors.New(to + " is no URL of a backend: http, https, ws, or wss")
	}
	return u, nil
}

// serve serves until the context of the program ends.
func (p *proxy) serve(l net.Listener) error {
	server := &http.Server{Handler: p, ErrorLog: p.log, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	var err error
	select {
	case err = <-failed:
	case <-p.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil { // does not know the connections that were taken over
		server.Close()
	}
	for range cap(p.slots) { // until the last of those has gone, and no other comes
		p.slots <- struct{}{}
	}
	p.transport.CloseIdleConnections()
	return err
}
