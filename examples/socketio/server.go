package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxPendingAcks = 64               // that a socket may owe us
	connectTimeout = 20 * time.Second // for a session to join its first namespace
)

// Server is a Socket.IO server: an http.Handler for /socket.io/.
type Server struct {
	engine     engine
	namespaces map[string]*Namespace
}

// NewServer makes a server of namespaces, by their names. The main one is "/".
func NewServer(cfg settings, namespaces map[string]*Namespace) *Server {
	srv := &Server{namespaces: namespaces}
	srv.engine = engine{settings: cfg, begin: srv.begin}
	return srv
}

func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { srv.engine.ServeHTTP(w, r) }

// Shutdown disconnects everybody, and returns when every Disconnect has been called.
func (srv *Server) Shutdown() { srv.engine.shutdown() }

// Namespace is what clients connect to. The functions are called on the goroutine that
// reads from the client, one after the other for each client; the next packet waits
// until they return.
type Namespace struct {
	Rooms Rooms

	// Check, if set, decides who may come in. auth is what the client gave, a JSON
	// object or nothing. The text of an error is told to the client.
	Check func(auth json.RawMessage) error

	// Connect, if set, is called when a client has come in. That is the place for
	// Socket.On.
	Connect func(s *Socket)

	// Disconnect, if set, is called when s has gone. It is still in its rooms.
	Disconnect func(s *Socket, reason string)
}

// Reply acknowledges an event. Where the client does not wait for that, and from the
// second call on, nothing is sent.
type Reply func(values ...any) error

// Socket is one client in one namespace.
type Socket struct {
	ID        string // not the session's, which is a secret
	Namespace *Namespace

	name    string // of the namespace
	session *session
	on      map[string]func(args Args, reply Reply)
	left    chan struct{} // is closed when the client has gone

	mu   sync.Mutex
	last int64               // the number of the latest event that asks for an ack
	acks map[int64]chan Args // that are waited for
}

var (
	errLeft     = errors.New("socket.io: the client has left")
	errManyAcks = errors.New("socket.io: the client owes too many acks")
	errReserved = errors.New("socket.io: an event has a name that is reserved")
)

// On has f called for an event. It may be called in Namespace.Connect, and from
// handlers of the same socket. The bytes of args are f's to keep.
func (s *Socket) On(event string, f func(args Args, reply Reply)) { s.on[event] = f }

// Emit sends an event. It never waits: a client that does not keep up is disconnected.
func (s *Socket) Emit(event string, values ...any) error {
	args, err := eventArgs(event, values)
	if err != nil {
		return err
	}
	return s.send(kindEvent, -1, args)
}

// Ask sends an event and waits for its ack, as long as ctx allows. It is not for
// handlers: as long as they run, no ack is read from their client.
func (s *Socket) Ask(ctx context.Context, event string, values ...any) (Args, error) {
	args, err := eventArgs(event, values)
	if err != nil {
		return Args{}, err
	}
	id, ack, err := s.expectAck()
	if err != nil {
		return Args{}, err
	}
	defer s.forgetAck(id)
	if err := s.send(kindEvent, id, args); err != nil {
		return Args{}, err
	}
	select {
	case a := <-ack:
		return a, nil
	case <-s.left:
		return Args{}, errLeft
	case <-ctx.Done():
		return Args{}, ctx.Err()
	}
}

func (s *Socket) expectAck() (id int64, ack chan Args, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.acks) >= maxPendingAcks {
		return 0, nil, errManyAcks
	}
	s.last++
	ack = make(chan Args, 1)
	s.acks[s.last] = ack
	return s.last, ack, nil
}

func (s *Socket) forgetAck(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.acks, id)
}

// acked takes an ack. One that nobody waits for comes too late, or is made up.
func (s *Socket) acked(id int64, args Args) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ack, ok := s.acks[id]; ok {
		delete(s.acks, id)
		ack <- args
	}
}

func (s *Socket) gone() bool {
	select {
	case <-s.left:
		return true
	default:
		return false
	}
}

func (s *Socket) send(k kind, id int64, args Args) error {
	if s.gone() {
		return errLeft
	}
	return s.session.send(Packet{Kind: k, Namespace: s.name, ID: id, Args: args}.encode()...)
}

func (s *Socket) event(p Packet) {
	var name string
	json.Unmarshal(p.Args.JSON[0], &name) // the decoder has seen to it
	if f := s.on[name]; f != nil {
		f(Args{p.Args.JSON[1:], p.Args.Attachments}, s.reply(p.ID))
	}
}

func (s *Socket) reply(id int64) Reply {
	var sent atomic.Bool
	return func(values ...any) error {
		if id < 0 || !sent.CompareAndSwap(false, true) {
			return nil
		}
		args, err := NewArgs(values...)
		if err != nil {
			return err
		}
		return s.send(kindAck, id, args)
	}
}

func eventArgs(event string, values []any) (Args, error) {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return Args{}, errReserved
	}
	return NewArgs(append([]any{event}, values...)...)
}

// client is a session of Engine.IO that speaks Socket.IO. Its methods are called one
// after the other.
type client struct {
	srv     *Server
	session *session
	decoder decoder
	sockets map[string]*Socket // by namespace; what is here has not left
	hurry   *time.Timer        // ends a session that joins no namespace
}

func (srv *Server) begin(s *session) handler {
	return &client{
		srv: srv, session: s, sockets: make(map[string]*Socket),
		hurry: time.AfterFunc(connectTimeout, func() { s.close("connect timeout") }),
	}
}

var errNotThere = errors.New("socket.io: a packet for a namespace that the client is not in")

func (c *client) message(data []byte, binary bool) error {
	p, complete, err := c.decoder.next(data, binary)
	if err != nil || !complete {
		return err
	}
	s := c.sockets[p.Namespace]
	switch {
	case p.Kind == kindConnect && s == nil:
		return c.connect(p)
	case p.Kind == kindConnect, s == nil:
		return errNotThere
	case p.Kind == kindDisconnect:
		c.leave(s, "client namespace disconnect")
	case p.Kind == kindEvent:
		s.event(p)
	case p.Kind == kindAck:
		s.acked(p.ID, p.Args)
	}
	return nil
}

func (c *client) connect(p Packet) error {
	ns := c.srv.namespaces[p.Namespace]
	if ns == nil {
		return c.refuse(p.Namespace, "Invalid namespace")
	}
	if ns.Check != nil {
		if err := ns.Check(p.Data); err != nil {
			return c.refuse(p.Namespace, err.Error())
		}
	}
	c.hurry.Stop()
	s := &Socket{
		ID: rand.Text(), Namespace: ns, name: p.Namespace, session: c.session,
		on: make(map[string]func(Args, Reply)), left: make(chan struct{}), acks: make(map[int64]chan Args),
	}
	c.sockets[p.Namespace] = s
	data, _ := json.Marshal(map[string]string{"sid": s.ID})
	if err := c.session.send(Packet{Kind: kindConnect, Namespace: p.Namespace, ID: -1, Data: data}.encode()...); err != nil {
		return err
	}
	if ns.Connect != nil {
		ns.Connect(s)
	}
	return nil
}

func (c *client) refuse(namespace, message string) error {
	data, err := json.Marshal(map[string]string{"message": message})
	if err != nil {
		return err
	}
	return c.session.send(Packet{Kind: kindConnectError, Namespace: namespace, ID: -1, Data: data}.encode()...)
}

func (c *client) leave(s *Socket, reason string) {
	delete(c.sockets, s.name)
	close(s.left)
	if s.Namespace.Disconnect != nil {
		s.Namespace.Disconnect(s, reason)
	}
	s.Namespace.Rooms.LeaveAll(s)
}

func (c *client) closed(reason string) {
	c.hurry.Stop()
	for _, s := range c.sockets {
		c.leave(s, reason)
	}
}
