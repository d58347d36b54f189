package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// listener is the server: it prints what clients say, and says to all of them
// what the input does.
type listener struct {
	o *options
	s *screen

	mu       sync.Mutex
	last     int // number of the latest client
	messages int // that were printed
	clients  map[*client]struct{}
	closed   bool
	serving  sync.WaitGroup
	enough   chan struct{} // closed when -n messages have come
}

// client is one that has connected.
type client struct {
	*conn.Conn
	number int
}

func (c *client) String() string { return fmt.Sprintf("#%d", c.number) }

// listen serves until ctx ends, which is how a server ends well, or -n messages
// have come. The end of the input does not end it.
func listen(ctx context.Context, o *options, in *input, s *screen) error {
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return usagef("-listen: %v", err)
	}
	l := &listener{o: o, s: s, clients: map[*client]struct{}{}, enough: make(chan struct{})}
	srv := &http.Server{Handler: l, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	scheme, serve := "ws", func() error { return srv.Serve(ln) }
	if o.dial.cert != "" || o.dial.key != "" {
		if srv.TLSConfig, err = o.dial.tls(); err != nil {
			ln.Close()
			return err
		}
		scheme, serve = "wss", func() error { return srv.ServeTLS(ln, "", "") }
	}
	s.note("listening on %s://%v/", scheme, ln.Addr())
	served := make(chan error, 1)
	go func() { served <- serve() }()
	go l.say(in) // may be in a Read that nothing ends
	return l.until(ctx, srv, served)
}

// until waits for the end, and then until every client has been told.
func (l *listener) until(ctx context.Context, srv *http.Server, served <-chan error) (err error) {
	select {
	case <-ctx.Done():
		if err = whyEnded(ctx); errors.Is(err, errInterrupted) {
			err = nil
		}
	case <-l.enough:
	case err = <-served:
		l.closeAll(conn.StatusInternalError, "", true)
		l.serving.Wait()
		return err
	}
	srv.Close()
	<-served
	l.closeAll(conn.StatusGoingAway, "", true)
	l.serving.Wait()
	return err
}

// ServeHTTP takes a client in.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u, err := handshake.Upgrade(w, r, l.config())
	if err != nil {
		l.s.warn(fmt.Errorf("%s: %w", r.RemoteAddr, err))
		return
	}
	c := l.add(u, r)
	if c == nil {
		return
	}
	l.s.note("%v connected from %v to %s%s", c, c.RemoteAddr(), oneLine([]byte(u.URI), 200), agreed(u))
	go l.serve(c) // so that net/http can let go of the request
}

func (l *listener) config() *handshake.ServerConfig {
	cfg := &handshake.ServerConfig{Subprotocols: l.o.dial.subprotocols, Header: l.o.dial.header.Header}
	if l.o.dial.origin != "" {
		cfg.OriginPatterns = []string{l.o.dial.origin}
	}
	if l.o.dial.deflate {
		cfg.Deflate = &handshake.DeflateConfig{ServerContextTakeover: true, ClientContextTakeover: true}
	}
	return cfg
}

// add makes a client of an upgraded connection, or returns nil once closed.
func (l *listener) add(u *handshake.Upgraded, r *http.Request) *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.New(u, nil).CloseNow()
		return nil
	}
	l.last++
	c := &client{number: l.last}
	if l.o.verbose > 0 {
		t := &tracer{screen: l.s, who: c.String() + " "}
		t.head(false, r.Method+" "+r.RequestURI+" "+r.Proto, withHost(r))
	}
	traced(u, l.s, c.String()+" ", l.o.verbose)
	c.Conn = conn.New(u, l.o.dial.config())
	l.clients[c] = struct{}{}
	l.serving.Add(1)
	return c
}

func withHost(r *http.Request) http.Header {
	h := r.Header.Clone()
	h.Set("Host", r.Host)
	return h
}

// serve prints what c says until it goes.
func (l *listener) serve(c *client) {
	defer l.serving.Done()
	err := l.receive(c)
	l.mu.Lock()
	delete(l.clients, c)
	l.mu.Unlock()
	if err == nil || c.Err() != nil {
		err = c.Err()
	} else {
		c.Close(conn.StatusInternalError, "")
	}
	<-c.Done()
	l.s.note("%v is gone: %s", c, reason(err))
}

func (l *listener) receive(c *client) error {
	for m, err := range c.Messages(context.Background()) {
		if err != nil {
			return err
		}
		if l.o.echo {
			if err := c.Write(context.Background(), m.Type, m.Data); err != nil {
				return err
			}
		}
		if err := l.print(c, m); err != nil {
			return err
		}
	}
	return nil
}

// print prints a message, unless -n have been printed.
func (l *listener) print(c *client, m conn.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.o.count > 0 && l.messages == l.o.count {
		return nil
	}
	l.messages++
	if l.messages == l.o.count {
		defer close(l.enough)
	}
	return l.s.message(c.String()+" ", m)
}

// all returns the clients, the oldest first.
func (l *listener) all() []*client {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*client
	for c := range l.clients {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *client) int { return a.number - b.number })
	return all
}

// say does what the input says, to all clients. One that does not read is waited
// for, as long as conn.Config.WriteTimeout, so that input is not read faster than
// it is sent.
func (l *listener) say(in *input) {
	for {
		a, err := in.next()
		var mistake *usageError
		switch {
		case err == io.EOF:
			return
		case errors.As(err, &mistake):
			l.s.warn(err)
			continue
		case err != nil:
			l.s.warn(err)
			return
		}
		l.do(a)
	}
}

func (l *listener) do(a action) {
	switch a.verb {
	case doSend:
		m, err := conn.NewPrepared(a.message.Type, a.message.Data)
		for _, c := range l.all() {
			if err == nil {
				_ = c.WritePrepared(context.Background(), m) // fails with the connection
			}
		}
	case doPing:
		for _, c := range l.all() {
			ctx, cancel := context.WithTimeout(context.Background(), pingPatience)
			if rtt, err := c.Ping(ctx); err == nil {
				l.s.note("%v pong after %v", c, short(rtt))
			}
			cancel()
		}
	case doClose:
		l.closeAll(a.code, a.reason, false)
	case doHelp:
		l.s.print("", help)
	}
}

// closeAll closes all clients, and if it is the last time, those to come too.
func (l *listener) closeAll(code conn.StatusCode, reason string, last bool) {
	l.mu.Lock()
	l.closed = l.closed || last
	l.mu.Unlock()
	var closing sync.WaitGroup
	for _, c := range l.all() {
		closing.Go(func() { c.Close(code, reason) })
	}
	closing.Wait()
}
