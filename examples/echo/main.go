// Command echo is a WebSocket server that sends every message back, with a page
// to try it from:
//
//	go run ./examples/echo
//	go run ./examples/echo -loop     # by events: no goroutine for an idle connection
//
// The page is at http://127.0.0.1:8080/, the WebSocket at /ws. An interrupt
// closes every connection with 1001 before the program ends.
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
	"strings"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
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
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	limit := flags.Int64("max", 32<<20, "largest message, in `bytes`")
	cert := flags.String("cert", "", "certificate `file`, for https and wss")
	key := flags.String("key", "", "private key `file`, for https and wss")
	loop := flags.Bool("loop", false, "run the connections by events, see conn.Server")
	subprotocols := flags.String("subprotocols", "", "subprotocols to accept, as `a,b`")
	if err := flags.Parse(args); err != nil {
		return err
	}

	e := &echo{ctx: ctx, log: log.New(stderr, "", log.Ltime)}
	opts := &conn.AcceptOptions{Config: conn.Config{MaxMessage: *limit}}
	if *subprotocols != "" {
		opts.Subprotocols = strings.Split(*subprotocols, ",")
	}
	mux := http.NewServeMux()
	if *loop {
		events := &conn.Server{Handler: loopEcho{e.log}, Options: opts, ErrorLog: e.log}
		mux.Handle("/ws", events)
		defer events.Shutdown(context.Background()) // 1001 to all
	} else {
		mux.Handle("/ws", conn.Handler(opts, e.serve))
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})

	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ErrorLog: e.log, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	if *cert != "" || *key != "" {
		e.log.Printf("listening on https://%v/", ln.Addr())
		err = srv.ServeTLS(ln, *cert, *key)
	} else {
		e.log.Printf("listening on http://%v/", ln.Addr())
		err = srv.Serve(ln)
	}
	if ctx.Err() == nil {
		return err
	}
	e.open.Lock() // once the last connection has gone
	return nil
}

type echo struct {
	ctx  context.Context // of the program, not of a connection
	log  *log.Logger
	open sync.RWMutex // every open connection holds a read lock
}

// serve runs one connection to its end.
func (e *echo) serve(_ context.Context, c *conn.Conn) error {
	if !e.open.TryRLock() {
		return c.Close(conn.StatusGoingAway, "the server has shut down")
	}
	defer e.open.RUnlock()
	messages, bytes, err := echoAll(e.ctx, c)
	if e.ctx.Err() != nil {
		err = c.Close(conn.StatusGoingAway, "the server is shutting down")
	}
	e.log.Printf("%v: closed with %d after %d messages, %d bytes", c.RemoteAddr(), conn.CloseStatus(c.Err()), messages, bytes)
	return err
}

// echoAll sends back what comes until the connection or ctx ends.
func echoAll(ctx context.Context, c *conn.Conn) (messages, bytes int64, err error) {
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			return messages, bytes, err
		}
		if err := c.Write(ctx, msg.Type, msg.Data); err != nil {
			return messages, bytes, err
		}
		messages++
		bytes += int64(len(msg.Data))
	}
	return messages, bytes, nil
}
