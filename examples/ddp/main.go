// Command ddp is a list of tasks that clients of Meteor can work on together: enough
// of DDP, versions 1, pre2 and pre1, over package conn, for methods and subscriptions.
//
//	go run ./examples/ddp
//
// The page at http://127.0.0.1:8080/ speaks DDP in forty lines of script; open it in two
// windows, and look at the messages below the list. Any client that connects to
// ws://127.0.0.1:8080/websocket sees the same: the npm package ddp is what the tests
// use.
//
//	methods         addTask title => id, setDone id done, removeTask id, echo anything
//	publications    tasks; openTasks, without those that are done
//
// The files, from below: message.go is the messages and EJSON, store.go the documents
// and who sees which, server.go the connections. What is not here: SockJS, sessions
// that are resumed, accounts, and the ordered collections that DDP has but Meteor does
// not use.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
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
	flags := flag.NewFlagSet("ddp", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	ping := flags.Duration("ping", 30*time.Second, "`time` between pings")
	if err := flags.Parse(args); err != nil {
		return err
	}
	logger := log.New(stderr, "", log.Ltime)
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	ddp := newTasks(*ping)
	mux := http.NewServeMux()
	mux.Handle("/websocket", ddp)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	srv := &http.Server{Handler: mux, ErrorLog: logger, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	context.AfterFunc(ctx, func() { srv.Close() })
	logger.Printf("listening on http://%v/", ln.Addr())
	if err := srv.Serve(ln); ctx.Err() == nil {
		return err
	}
	patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	ddp.Shutdown(patience)
	return nil
}

const (
	maxTasks = 1000
	maxTitle = 200 // bytes
)

// newTasks is the program that the clients see.
func newTasks(ping time.Duration) *Server {
	store := new(Store)
	return &Server{
		Store: store,
		Ping:  ping,
		Methods: map[string]Method{
			"addTask":    func(p Params) (any, error) { return addTask(store, p) },
			"setDone":    func(p Params) (any, error) { return true, setDone(store, p) },
			"removeTask": func(p Params) (any, error) { return true, removeTask(store, p) },
			"echo":       func(p Params) (any, error) { return append(Params{}, p...), nil },
		},
		Publications: map[string]Publication{
			"tasks":     func(Params) (Selection, error) { return Selection{Collection: "tasks"}, nil },
			"openTasks": func(Params) (Selection, error) { return Selection{Collection: "tasks", Match: isOpen}, nil },
		},
	}
}

func addTask(store *Store, p Params) (id string, err error) {
	var title string
	if err := p.Decode(&title); err != nil {
		return "", err
	}
	if title == "" || len(title) > maxTitle {
		return "", &Error{400, "A title has from 1 to 200 bytes"}
	}
	if store.Len("tasks") >= maxTasks {
		return "", &Error{429, "Too many tasks"}
	}
	id = rand.Text()
	d, err := NewDoc(map[string]any{"title": title, "done": false, "created": Date{time.Now()}})
	store.Put("tasks", id, d)
	return id, err
}

func setDone(store *Store, p Params) error {
	var id string
	var done bool
	if err := p.Decode(&id, &done); err != nil {
		return err
	}
	fields, err := NewDoc(map[string]any{"done": done})
	if err == nil && !store.Update("tasks", id, fields) {
		return &Error{404, "No such task"}
	}
	return err
}

func removeTask(store *Store, p Params) error {
	var id string
	if err := p.Decode(&id); err != nil {
		return err
	}
	if !store.Remove("tasks", id) {
		return &Error{404, "No such task"}
	}
	return nil
}

func isOpen(d Doc) bool {
	var done bool
	return json.Unmarshal(d["done"], &done) == nil && !done
}
