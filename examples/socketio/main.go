// Command socketio is a chat that the unmodified client of Socket.IO talks to:
// Engine.IO 4 and Socket.IO 5 in a few files, over package conn and net/http.
//
//	npm ci --prefix examples/socketio/interop     # once, for the client
//	go run ./examples/socketio
//
// Open http://127.0.0.1:8080/ in two windows and talk. The page shows how it is
// connected, by polling at first and over a WebSocket a moment later; send a picture
// to see binary, call the roll to see the server ask everyone and wait for their acks,
// and stop and start the program to see the page come back by itself.
//
// The files, from below: engineio.go is the packets of Engine.IO, session.go a session
// and its move from polling to a WebSocket, polling.go the HTTP; socketio.go the packets
// of Socket.IO, server.go namespaces, events and acks, rooms.go rooms; chat.go is the
// program that uses them. The two with the packets know no I/O.
//
// What is not here: recovery of the state of a connection, packets that are compressed,
// and any other transport.
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
	"time"
)

//go:embed index.html
var page []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && err != flag.ErrHelp {
		log.Fatal(err)
	}
}

// run serves until ctx ends, and then until every client has been told so.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	cfg := defaults
	flags := flag.NewFlagSet("socketio", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	script := flags.String("client", "examples/socketio/interop/node_modules/socket.io-client/dist/socket.io.min.js", "`file` with the client, for the page")
	flags.DurationVar(&cfg.pingInterval, "ping", cfg.pingInterval, "`time` between pings")
	if err := flags.Parse(args); err != nil {
		return err
	}

	logger := log.New(stderr, "", log.Ltime)
	server := NewServer(cfg, newChat(logger))
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           routes(server, *script),
		ErrorLog:          logger,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	closed := make(chan struct{})
	goOn := context.AfterFunc(ctx, func() {
		defer close(closed)
		server.Shutdown() // answers the polls
		patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if srv.Shutdown(patience) != nil {
			srv.Close()
		}
	})
	logger.Printf("listening on http://%v/", ln.Addr())
	if err := srv.Serve(ln); goOn() {
		return err
	}
	<-closed
	return nil
}

func routes(server http.Handler, script string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", server)
	mux.HandleFunc("GET /socket.io/socket.io.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, script)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	return mux
}
