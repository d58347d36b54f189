package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

const (
	maxMessage     = 256 << 10 // bytes of a client's message
	maxSubs        = 32        // of a client
	connectTimeout = 10 * time.Second
)

// Method is what a client can call. The methods of one client run one after the
// other. The text of an *Error is told to the client, that of others is not.
type Method func(params Params) (result any, err error)

// Publication is what a client can subscribe to: it says what the client will see.
type Publication func(params Params) (Selection, error)

// Params are the arguments of a method or a subscription.
type Params []json.RawMessage

// Decode puts the parameters into what dst points to. There must be one for each.
func (p Params) Decode(dst ...any) error {
	if len(p) != len(dst) {
		return &Error{400, "wrong number of parameters"}
	}
	for i, d := range dst {
		if json.Unmarshal(p[i], d) != nil {
			return &Error{400, "a parameter is of the wrong type"}
		}
	}
	return nil
}

// Server speaks DDP over WebSockets. Its fields are not to be changed while it serves.
type Server struct {
	Store        *Store
	Methods      map[string]Method
	Publications map[string]Publication
	Ping         time.Duration // between our pings; a client that says nothing from one to the next is gone. If zero, there are none

	clients conn.Group
}

// config is for the connections. A client that does not read what it has asked for is
// disconnected.
var config = conn.Config{MaxMessage: maxMessage, Backlog: 4 << 20, SlowConsumer: conn.Disconnect}

// ServeHTTP accepts a client. Pages of other sites are refused, see conn.AcceptOptions.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn.Handler(&conn.AcceptOptions{Config: config}, s.serve).ServeHTTP(w, r)
}

// Shutdown closes all connections with 1001. Clients come back by themselves.
func (s *Server) Shutdown(ctx context.Context) error { return s.clients.Shutdown(ctx) }

// serve runs a connection to its end.
func (s *Server) serve(ctx context.Context, c *conn.Conn) error {
	s.clients.Add(c)
	cl := &client{server: s, conn: c}
	if ok, err := cl.connect(ctx); !ok {
		return err
	}
	cl.view = s.Store.open(cl.send)
	defer s.Store.close(cl.view)
	defer cl.pings()()
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		r, ok := cl.parse(m)
		if ok {
			cl.handle(r)
		}
	}
	return nil
}

// client is one connection.
type client struct {
	server  *Server
	conn    *conn.Conn
	version string
	view    *view

	mu    sync.Mutex
	heard bool // something since the last ping
}

// send never waits. Who does not read is disconnected, and the reader sees to the rest.
func (c *client) send(r response) {
	data, err := json.Marshal(r)
	if err != nil {
		panic("BUG: " + err.Error()) // all of it has been marshalled before
	}
	c.conn.TryWrite(conn.Text, data)
}

// connect waits for the first message, and agrees about the version. A client that is
// told of a better one comes again with it, on another connection.
func (c *client) connect(ctx context.Context) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	typ, data, err := c.conn.Read(ctx)
	if err != nil {
		return false, &conn.CloseError{Code: conn.StatusPolicyViolation, Reason: "connect first"}
	}
	r, ok := c.parse(conn.Message{Type: typ, Data: data})
	if !ok || r.Msg != "connect" {
		return false, &conn.CloseError{Code: conn.StatusPolicyViolation, Reason: "connect first"}
	}
	best, ok := negotiate(r.Version, r.Support)
	if !ok {
		return false, conn.WriteJSON(ctx, c.conn, response{Msg: "failed", Version: best})
	}
	c.version = best
	c.send(response{Msg: "connected", Session: rand.Text()})
	return true, nil
}

// parse parses a message, and tells the client what is wrong with it.
func (c *client) parse(m conn.Message) (request, bool) {
	r, err := parseRequest(m.Data)
	if m.Type != conn.Text {
		err = errors.New("DDP is text")
	}
	if err != nil {
		c.send(response{Msg: "error", Reason: err.Error()})
	}
	return r, err == nil
}

func (c *client) handle(r request) {
	c.mu.Lock()
	c.heard = true
	c.mu.Unlock()
	switch r.Msg {
	case "connect":
		c.send(response{Msg: "error", Reason: "already connected"})
	case "ping":
		c.send(response{Msg: "pong", ID: r.ID})
	case "method":
		c.call(r)
	case "sub":
		c.subscribe(r)
	case "unsub":
		c.server.Store.unsubscribe(c.view, r.ID)
	}
}

// call runs a method. What it has changed was sent to everyone when it returns, so
// that it is updated as soon as it has a result.
func (c *client) call(r request) {
	answer := response{Msg: "result", ID: r.ID}
	method := c.server.Methods[r.Method]
	if method == nil {
		answer.Error = &Error{404, "Method '" + r.Method + "' not found"}
	} else {
		result, err := method(r.Params)
		if err == nil {
			answer.Result, err = json.Marshal(result)
		}
		answer.Error = public(err)
	}
	c.send(answer)
	c.send(response{Msg: "updated", Methods: []string{r.ID}})
}

func (c *client) subscribe(r request) {
	publication := c.server.Publications[r.Name]
	if _, twice := c.view.subs[r.ID]; twice { // only this goroutine writes to subs
		return
	}
	var sel Selection
	var err error
	switch {
	case publication == nil:
		err = &Error{404, "Subscription '" + r.Name + "' not found"}
	case len(c.view.subs) >= maxSubs:
		err = &Error{429, "Too many subscriptions"}
	default:
		sel, err = publication(r.Params)
	}
	if err != nil {
		c.send(response{Msg: "nosub", ID: r.ID, Error: public(err)})
		return
	}
	c.server.Store.subscribe(c.view, r.ID, sel)
}

// public is what the client may know of an error.
func public(err error) *Error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return e
	}
	return &Error{500, "Internal server error"}
}

// pings sends pings until stop is called. Clients of version pre1 do not know them.
func (c *client) pings() (stop func()) {
	if c.version == "pre1" || c.server.Ping <= 0 {
		return func() {} // Pings of WebSocket find out whether it is there
	}
	c.heard = true
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(c.server.Ping)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			c.mu.Lock()
			heard := c.heard
			c.heard = false
			c.mu.Unlock()
			if !heard {
				c.conn.Close(conn.StatusPolicyViolation, "no pong")
				return
			}
			c.send(response{Msg: "ping"})
		}
	}()
	return func() { close(done) }
}
