package conn

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/poll"
)

// EventHandler is what a [Server] calls. For one connection it is called in this
// order and never twice at once: Open, then Message for each message, then Close. For
// different connections it is called at the same time, on as many goroutines as the
// server has loops, or workers.
//
// A method that takes its time holds up the other connections of its loop: nothing is
// read from them meanwhile. If that may happen, have [Server].Workers call the
// handler, or give the work to a goroutine of yours and return; it may write to the
// connection whenever it has something to say.
//
// If a method panics, the panic is logged with its stack, and the connection closed
// with StatusInternalError. No other is touched.
type EventHandler interface {
	// Open: the opening handshake is done. Nothing has been read.
	Open(c *Conn)

	// Message: a message has come. m.Data may be read and changed until Message
	// returns, and not after that. What is written while more messages are there
	// already may be held and sent together, see [Conn.Messages].
	Message(c *Conn, m Message)

	// Close: the connection is over, and err is c.Err(). Called once for every
	// connection that Open was called for.
	Close(c *Conn, err error)
}

// Server runs connections by events: an idle one needs no goroutine and no buffer,
// some 500 bytes in all. It is for programs that have so many connections that the
// memory of goroutines, or the waking of them, is what limits them; all others are
// simpler with [Handler].
//
// A few loops, each a goroutine, wait for all sockets (with epoll or kqueue), read
// what has come and call the Handler. Connections that are no plain sockets, over
// TLS or HTTP/2 for example, and all where there is no such poller (on Windows), have
// a goroutine each, and the same Handler is called.
//
// The connections are what they are elsewhere, with these differences: the server
// reads, and methods that read return an error; [Conn.Close] does not wait for the
// end, of which EventHandler.Close tells; [Conn.Transport] is a net.Conn of ours. To
// write is the same from any goroutine. In a handler, which a slow peer must not hold
// up, that is best done with [Conn.TryWrite]; Write waits for the peer.
//
// The fields must not be changed once the server is in use. All methods may be called
// from any goroutine.
type Server struct {
	// Handler is called for what happens.
	Handler EventHandler

	// Options say which requests are accepted, and what the connections may cost.
	// Nil: the zero AcceptOptions.
	Options *AcceptOptions

	// Loops is the number of event loops. If zero, GOMAXPROCS.
	Loops int

	// Workers is the number of goroutines that call Handler. If zero, the loops
	// do. A connection whose messages are not dealt with as fast as they come is
	// not read from until they are.
	Workers int

	// MaxConns is how many connections there may be, opening handshakes included.
	// Serve waits for one to end before it accepts another, or ends a handshake for
	// it as MaxHandshakes says, and ServeHTTP answers 503. If zero, there is no limit
	// but that of open files.
	MaxConns int

	// MaxHandshakes is how many opening handshakes Serve does at the same time. If
	// zero, 1024. When another connection comes, the oldest handshake that waits for
	// its peer, and not for a function of Options, has to make room for it if it has
	// waited for a quarter of Options.Timeout: peers that connect and say nothing do
	// not keep out those that do.
	MaxHandshakes int

	// AcceptRate is how many connections Serve accepts in a second at most. If
	// zero, there is no limit.
	AcceptRate int

	// ErrorLog is for panics of the handler, and for errors of accepting that pass.
	// Nil: the log package's standard logger.
	ErrorLog *log.Logger

	noLoops bool          // for tests: a goroutine for each connection
	grace   time.Duration // for tests; if zero, a quarter of the handshake's time

	once sync.Once
	err  error // of starting
	hs   *handshake.ServerConfig
	cfg  *Config

	loops      []*eventLoop
	running    sync.WaitGroup // loops and workers
	goroutines Group          // connections that have one
	workers    *workers       // nil: none
	waiting    *waitingRoom   // where there are loops

	mu         sync.Mutex
	changed    sync.Cond // count or closing
	count      int       // of connections, and of handshakes under way
	turn       int       // of the loops, to get the next connection
	closing    bool
	forced     bool // the ctx of Shutdown has ended
	listeners  map[net.Listener]struct{}
	handshakes handshakes
}

// ErrServerClosed is what Serve returns after Shutdown. It is http.ErrServerClosed.
var ErrServerClosed = http.ErrServerClosed

var errServed = errors.New("conn: this connection belongs to a Server, which reads it and calls EventHandler.Message")

// notToBeRead is what methods that read return on a connection of a Server.
func (c *Conn) notToBeRead() error {
	if err := c.Err(); err != nil {
		return err
	}
	return errServed
}

// start makes the loops and workers, once.
func (s *Server) start() error {
	s.once.Do(func() {
		if s.Handler == nil {
			s.err = errors.New("conn: Server.Handler is nil; set it to what is to be called for events")
			return
		}
		s.hs, s.cfg = s.Options.handshake(), s.Options.config().resolved()
		s.changed.L = &s.mu
		if s.grace == 0 {
			s.grace = s.Options.handshakeTime() / 4
		}
		s.listeners = make(map[net.Listener]struct{})
		if s.Workers > 0 {
			s.workers = newWorkers(s)
		}
		if poll.Available && !s.noLoops {
			s.err = s.startLoops()
		}
	})
	return s.err
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

func (s *Server) startLoops() (err error) {
	if s.waiting, err = newWaitingRoom(); err != nil {
		return fmt.Errorf("conn: cannot start an event loop: %w", err)
	}
	s.running.Go(s.waiting.run)
	for range orDefault(s.Loops, runtime.GOMAXPROCS(0)) {
		l, err := newEventLoop(s)
		if err != nil {
			s.stopLoops()
			return fmt.Errorf("conn: cannot start an event loop: %w", err)
		}
		s.loops = append(s.loops, l)
		s.running.Go(l.run)
	}
	return nil
}

func (s *Server) stopLoops() {
	for _, l := range s.loops {
		l.stop()
	}
	if s.waiting != nil {
		s.waiting.stop()
	}
}

// Serve accepts connections from l and does the opening handshake on them, without
// net/http, until l fails or Shutdown is called; then it returns ErrServerClosed. It
// closes l. An error of accepting that may pass, such as too many open files, is
// logged, and waited for.
//
// On Linux, the listening socket of a *net.TCPListener gets the options that package net
// sets for each connection (TCP_NODELAY, and keep-alive as in net.ListenConfig), so that
// connections have them from the start.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if err := s.start(); err != nil {
		return err
	}
	if !s.listen(l) {
		return ErrServerClosed
	}
	defer s.unlisten(l)
	pace, from := pace{rate: s.AcceptRate}, s.acceptor(l)
	for s.awaitRoom() {
		nc, err := from.Accept()
		if err != nil {
			if err := s.acceptFailed(&pace, err); err != nil {
				return err
			}
			continue
		}
		k := s.enter(nc)
		if k == nil {
			nc.Close()
			break
		}
		pace.accepted()
		go s.shake(k)
	}
	return ErrServerClosed
}

// ServeHTTP upgrades a request of net/http. It implements http.Handler, and returns
// once the handshake is done, or over HTTP/2 when the connection is over.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.start(); err != nil {
		s.logf("%v", err)
		http.Error(w, "this server is not set up", http.StatusInternalServerError)
		return
	}
	if !s.admitNow() {
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	u, err := handshake.Upgrade(w, r, s.hs)
	if err != nil {
		s.leave()
		return
	}
	s.attach(u)
	awaitStream(u)
}

// attach runs an upgraded connection, which has been admitted: in a loop if that can
// be, or else on a goroutine.
func (s *Server) attach(u *handshake.Upgraded) {
	l := s.nextLoop()
	if l == nil {
		l = loopOf(u.Conn) // it has ended since, and will say so
	}
	if l != nil && l.attach(u) {
		return
	}
	c := newConn(u, s.cfg, nil)
	c.message.served = true
	go s.serve(c)
}

// greet closes a connection that comes too late.
func (s *Server) greet(c *Conn) {
	s.mu.Lock()
	closing, forced := s.closing, s.forced
	s.mu.Unlock()
	switch {
	case forced:
		c.CloseNow()
	case closing:
		c.beginClose(StatusGoingAway, "")
	}
}

// serve runs a connection on this goroutine.
func (s *Server) serve(c *Conn) {
	defer s.leave()
	if !s.goroutines.Add(c) {
		s.greet(c)
		<-c.Done() // Shutdown was called
		return
	}
	defer s.end(c) // also when the handler ends this goroutine
	s.opened(c)
	message := func(m Message, err error) bool {
		if err == nil {
			s.message(c, m)
		}
		return true
	}
	if l := c.startLoop(context.Background(), message, true); l != nil {
		c.loop(l)
	} else {
		c.each(context.Background(), message, true)
	}
	<-c.Done()
}

// end ends a connection that has, or had, a goroutine of its own.
func (s *Server) end(c *Conn) {
	c.CloseNow()
	<-c.Done()
	s.closed(c)
}

// nextLoop returns the loop whose turn it is, or nil if there is none.
func (s *Server) nextLoop() *eventLoop {
	for range s.loops {
		s.mu.Lock()
		s.turn = (s.turn + 1) % len(s.loops)
		l := s.loops[s.turn]
		s.mu.Unlock()
		if !l.hasEnded() {
			return l
		}
	}
	return nil
}

// The handler is called here only. opened and closed wait for the workers where there
// are some, for they come one before and one after all messages.

func (s *Server) opened(c *Conn)             { s.call(c, func() { s.Handler.Open(c) }) }
func (s *Server) message(c *Conn, m Message) { s.callMessage(c, m) }
func (s *Server) closed(c *Conn)             { s.call(c, func() { s.Handler.Close(c, c.Err()) }) }

func (s *Server) call(c *Conn, f func()) {
	defer s.recovered(c)
	f()
}

// callMessage is call without a closure to be made.
func (s *Server) callMessage(c *Conn, m Message) {
	defer s.recovered(c)
	s.Handler.Message(c, m)
}

// recovered is deferred where the handler is called. A handler that ends its
// goroutine ends a loop, which cannot be helped, but is said.
func (s *Server) recovered(c *Conn) {
	v := recover()
	if v == nil {
		return
	}
	s.logf("conn: panic serving %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
	c.beginClose(StatusInternalError, "")
}

func (s *Server) logf(format string, args ...any) {
	if s.ErrorLog != nil {
		s.ErrorLog.Printf(format, args...)
		return
	}
	log.Printf(format, args...)
}

// Len returns how many connections there are, those included whose opening handshake
// is under way.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Each calls f for the connections that there are, until f returns false. Some that
// come or go meanwhile may be missed.
func (s *Server) Each(f func(c *Conn) bool) {
	if s.start() != nil {
		return
	}
	for _, l := range s.loops {
		for _, c := range l.all() {
			if !f(c) {
				return
			}
		}
	}
	members := s.goroutines.snapshot()
	defer s.goroutines.giveBack(members)
	for _, c := range members {
		if !f(c) {
			return
		}
	}
}

// Shutdown ends Serve, closes all connections with StatusGoingAway and waits until
// they are over and EventHandler.Close has been called for each. When ctx ends before
// that, the others are ended with CloseNow, and it returns ctx.Err(). The server
// cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.start(); err != nil {
		return nil
	}
	s.mu.Lock()
	s.closing = true
	for l := range s.listeners {
		l.Close()
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	s.Each(func(c *Conn) bool { c.beginClose(StatusGoingAway, ""); return true })
	forced := s.goroutines.Shutdown(ctx)
	if err := s.empty(ctx); err != nil {
		forced = err
		s.force()
		s.Each(func(c *Conn) bool { c.CloseNow(); return true })
		s.empty(context.Background())
	}
	s.stopLoops()
	if s.workers != nil {
		s.workers.stop()
	}
	s.running.Wait()
	return forced
}

// force ends the handshakes that are under way.
func (s *Server) force() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forced = true
	for k := s.handshakes.first; k != nil; k = k.next {
		k.hangUp()
	}
}

// empty waits until there are no connections.
func (s *Server) empty(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.look)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.count > 0 && ctx.Err() == nil {
		s.changed.Wait()
	}
	if s.count > 0 {
		return ctx.Err()
	}
	return nil
}
