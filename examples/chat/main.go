// Command chat is a chat with rooms: a server, and a page for browsers and phones.
//
//	go run ./examples/chat
//
// and open http://127.0.0.1:8080/ in two windows. Then stop the server and start
// it again: the pages come back by themselves, and what was written meanwhile is sent
// then, once.
//
// What to look at: protocol.go is what the two say to each other, member.go a
// connection from its first message to its last, room.go who hears what, hub.go the
// rooms, limits.go what hostile clients cannot exceed, and page/link.js the other end.
//
// Nobody proves who they are here, and a room is open to all who know its name. A
// program with users would look at their cookie in conn.AcceptOptions.Check, and put it
// behind a proxy that bounds connections by address.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/parleyws/websocket/conn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && err != flag.ErrHelp {
		log.Fatal(err)
	}
}

// run serves until ctx ends, and then until every client has been told so.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("chat", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	origins := flags.String("origins", "", "other sites that may connect, as `https://a.example,https://*.b.example`")
	l := defaults
	flags.IntVar(&l.Members, "members", l.Members, "most `connections` at a time")
	flags.IntVar(&l.Rooms, "rooms", l.Rooms, "most `rooms`")
	flags.IntVar(&l.History, "history", l.History, "`messages` that a room keeps, 50 at most")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l.History = min(max(l.History, 0), defaults.History) // or a welcome might not fit into backlog

	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	logger := log.New(stderr, "", log.Ltime)
	logger.Printf("listening on http://%v/", ln.Addr())
	h := newHub(l)
	srv := &http.Server{
		Handler:           h.handler(*origins),
		ErrorLog:          logger,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	context.AfterFunc(ctx, func() { srv.Close() })
	err = srv.Serve(ln)
	if ctx.Err() == nil {
		return err
	}
	logger.Printf("shutting down: %d connections", h.everyone.Len())
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	h.close(patience)
	return nil
}

// handler serves the page, and the WebSocket at /ws: to pages of this server alone,
// and of the origins named.
func (h *hub) handler(origins string) http.Handler {
	opts := &conn.AcceptOptions{Config: config}
	if origins != "" {
		opts.OriginPatterns = strings.Split(origins, ",")
	}
	mux := http.NewServeMux()
	mux.Handle("GET /ws", conn.Handler(opts, h.serve))
	mux.Handle("GET /", page())
	return mux
}
