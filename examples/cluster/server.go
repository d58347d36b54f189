package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/conn"
)

const (
	maxConnections = 20_000
	brokerTime     = 5 * time.Second  // how long the broker may take
	shutdownTime   = 10 * time.Second // how long clients may take to leave
)

var (
	errUnavailable = &conn.CloseError{Code: conn.StatusTryAgainLater, Reason: "messages cannot be kept at the moment"}
	errRequest     = &conn.CloseError{Code: conn.StatusUnsupportedData, Reason: "this is neither a message with an id nor a signal"}
	errGoing       = &conn.CloseError{Code: conn.StatusGoingAway, Reason: "the server goes away"}
)

// server is one of the servers of the cluster. It keeps nothing that the others, or those
// that come after it, would miss.
type server struct {
	broker Broker
	log    *log.Logger
	opts   *conn.AcceptOptions
	all    conn.Group // every connection

	draining atomic.Bool // load balancers are told to send nobody any more

	mu      sync.Mutex
	rooms   map[string]*room // in which somebody is
	going   bool
	serving sync.WaitGroup // not to be added to once going
}

func newServer(broker Broker, logger *log.Logger) *server {
	return &server{
		broker: broker, log: logger, rooms: make(map[string]*room),
		opts: &conn.AcceptOptions{Config: conn.Config{
			MaxMessage:   maxRequest,
			Backlog:      128 << 10,
			SlowConsumer: conn.Disconnect,
			WriteTimeout: 10 * time.Second,
			// More often than a load balancer gives up what is silent.
			KeepAlive: conn.KeepAlive{Interval: 20 * time.Second, Timeout: 10 * time.Second},
		}},
	}
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", s.accept)
	mux.HandleFunc("GET /healthz", s.health)
	return mux
}

// health is for load balancers: whether to send clients here.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() || !s.broker.Healthy() {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "fine\n")
}

// accept is the place to ask who a client is: the name should be that of the login, and
// the room one that it may enter.
func (s *server) accept(w http.ResponseWriter, r *http.Request) {
	v, err := parseVisit(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.all.Len() >= maxConnections {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	conn.Handler(s.opts, func(ctx context.Context, c *conn.Conn) error {
		return s.serve(ctx, c, v)
	}).ServeHTTP(w, r)
}

// serve is the life of one connection.
func (s *server) serve(ctx context.Context, c *conn.Conn, v visit) error {
	r := s.enter(v.room)
	if r == nil {
		return errGoing
	}
	defer s.exit(r)
	s.all.Add(c)
	if err := r.open(); err != nil {
		s.log.Printf("room %s: %v", v.room, err)
		return errUnavailable
	}
	defer r.leave(c)
	if err := r.join(ctx, c, v); err != nil {
		return s.orUnavailable(c, err)
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		var in request
		if json.Unmarshal(m.Data, &in) != nil || !in.valid() {
			return errRequest
		}
		if err := s.publish(ctx, c, v, in); err != nil {
			return s.orUnavailable(c, err)
		}
	}
	return nil
}

// publish hands on what a client says. A message is acknowledged when the broker has
// acknowledged it; until then the next of this client waits, and so they stay in order,
// whatever happens to one of them.
func (s *server) publish(ctx context.Context, c *conn.Conn, v visit, in request) error {
	if in.Signal != "" {
		// Nobody will miss it.
		s.broker.Signal(v.room, event{From: v.name, Signal: in.Signal}.encode())
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, brokerTime)
	defer cancel()
	seq, err := s.broker.Publish(ctx, v.room, in.ID, event{From: v.name, ID: in.ID, Text: in.Text}.encode())
	if err != nil {
		return err
	}
	return c.TryWrite(conn.Text, event{Ack: in.ID, Seq: seq}.encode())
}

// orUnavailable returns what to close a connection for when it is not over, but the
// broker has failed.
func (s *server) orUnavailable(c *conn.Conn, err error) error {
	if _, chosen := errors.AsType[*conn.CloseError](err); chosen || c.Err() != nil {
		return err
	}
	s.log.Print(err)
	return errUnavailable
}

// enter returns the room of that name, or nil when the server goes away.
func (s *server) enter(name string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.going {
		return nil
	}
	s.serving.Add(1)
	r := s.rooms[name]
	if r == nil {
		r = newRoom(name, s.broker)
		s.rooms[name] = r
	}
	r.users++
	return r
}

func (s *server) exit(r *room) {
	defer s.serving.Done()
	s.mu.Lock()
	r.users--
	last := r.users == 0
	if last {
		delete(s.rooms, r.name)
	}
	s.mu.Unlock()
	if last {
		r.close()
	}
}

// shutdown closes all connections with 1001, which has clients dial again and reach
// another server, and returns when all is over.
func (s *server) shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.going = true
	s.mu.Unlock()
	err := s.all.Shutdown(ctx)
	s.serving.Wait() // nothing in there waits for long
	return err
}

// run serves until ctx ends, and then until all have left. For the time of drain it only
// says, at /healthz, that it is about to go: so load balancers send nobody any more.
func (s *server) run(ctx context.Context, l net.Listener, drain time.Duration) error {
	h := &http.Server{Handler: s.handler(), ErrorLog: s.log, ReadHeaderTimeout: shutdownTime / 2}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	s.log.Printf("serving on ws://%v/ws", l.Addr())
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), drain+shutdownTime)
	defer cancel()
	s.draining.Store(true)
	if err == nil {
		time.Sleep(drain)
	}
	return errors.Join(err, h.Shutdown(ctx), s.shutdown(ctx))
}
