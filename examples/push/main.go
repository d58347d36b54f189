// Command push streams what a machine does to a live chart in the browser: its CPU and
// memory, and what the WebSocket server itself has sent and has waiting.
//
//	go run ./examples/push                    # http://127.0.0.1:8080/
//	go run ./examples/push -clients 10000     # with so many more who watch
//
// With -clients a second process opens that many connections to the first, and the chart
// shows what they cost. Everybody gets every sample: it is encoded once and handed to
// each socket in turn, without a goroutine for a connection and without waiting for one
// that is slow: what it does not take is queued, and the oldest samples are dropped for
// the newest.
//
// On Linux the figures are those of /proc, elsewhere what the Go runtime knows of the
// process.
package main

import (
	"context"
	_ "embed"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/parleyws/websocket/conn"
)

//go:embed index.html
var page []byte

const shutdownTimeout = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stderr); err != nil && err != flag.ErrHelp {
		log.Fatal(err)
	}
}

// run serves until ctx ends, and then until everybody has been told so.
func run(ctx context.Context, args []string, stdin io.Reader, stderr io.Writer) error {
	flags := flag.NewFlagSet("push", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	every := flags.Duration("every", time.Second, "`time` from one sample to the next")
	most := flags.Int("max", 20_000, "`number` of connections at the same time")
	clients := flags.Int("clients", 0, "open this `number` of connections from a second process")
	watch := flags.String("watch", "", "be the second process: open the connections to this `URL`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	logger := log.New(stderr, "", log.Ltime)
	if *watch != "" {
		return watchFrom(ctx, *watch, *clients, stdin, logger)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	logger.Printf("listening on http://%v/", l.Addr())
	if *clients > 0 {
		wait, err := startClients(ctx, "ws://"+l.Addr().String()+"/ws", *clients, stderr)
		if err != nil {
			l.Close()
			return err
		}
		defer wait()
	}
	return serve(ctx, l, max(*every, time.Millisecond), *most, logger)
}

// serve serves the page and the samples until ctx ends.
func serve(ctx context.Context, l net.Listener, every time.Duration, most int, logger *log.Logger) error {
	h := &hub{}
	h.events = &conn.Server{
		Handler:  h,
		MaxConns: most,
		ErrorLog: logger,
		Options:  &conn.AcceptOptions{Config: config}, // that of the page is the one origin
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", h.events)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	server := &http.Server{Handler: mux, ErrorLog: logger, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()

	err := h.publishAll(ctx, every, failed)
	server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	h.events.Shutdown(ctx) // 1001 to all; those that do not answer in time are cut off
	logger.Print("all have left but " + strconv.Itoa(h.events.Len()))
	return err
}
