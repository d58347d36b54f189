// Package peers are the servers that the benchmark compares: a file for each
// library, which says how it is used. Each is set up as its own documentation
// recommends for speed, within what the workload asks for:
//
//   - Messages are echoed with the type they came with.
//   - Text is checked to be UTF-8, as RFC 6455, section 8.1 demands. Where the library
//     does not do it, or not well, the server does it with utf8.Valid.
//   - Control frames are dealt with, though the load has none. Nor has it fragments.
//   - An origin is not checked, for the load sends none.
package peers

import (
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
)

// A Peer is a server.
type Peer struct {
	Name       string `json:"name"`
	Module     string `json:"module,omitempty"` // empty: it is no library
	How        string `json:"how"`              // it is used, in a sentence or two
	Compresses bool   `json:"-"`
	Raw        bool   `json:"raw,omitempty"` // it does not speak WebSocket

	serve func(net.Listener, *Task) error
}

// A Task is what a server has to do.
type Task struct {
	Broadcast bool // a message goes to all connections, and not only back
	Text      bool // messages are text, and have to be checked
	Compress  bool // permessage-deflate is to be negotiated, without context takeover
	Size      int  // of the messages, in bytes; 0: anything, with the defaults of the library
	Wire      int  // of their frames, for servers that cannot find the end of one

	// Members counts the connections that a broadcast reaches.
	Members atomic.Int64
}

// Ours reports whether p is this module.
func (p Peer) Ours() bool { return p.Module == ours }

// Serve accepts connections from ln until it is closed.
func (p Peer) Serve(ln net.Listener, t *Task) error { return p.serve(ln, t) }

// Version returns the version of the module that this program was built with.
func (p Peer) Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || p.Module == "" {
		return ""
	}
	at := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == p.Module })
	if at < 0 || info.Deps[at].Replace != nil {
		return ""
	}
	return info.Deps[at].Version
}

// All returns the peers: the limit, ours, the others.
func All() []Peer {
	return []Peer{
		raw(), rawLoop(),
		parley(), parleyRaw(), parleyLoop(),
		gobwas(), gws(), nbioMixed(), nbioPoller(), gorilla(), coder(), xnet(),
	}
}

// Limit is the name of the peer that the others are compared with.
const Limit = "raw TCP"

// serveHTTP runs a server of net/http.
func serveHTTP(ln net.Listener, handler http.HandlerFunc) error {
	server := &http.Server{
		Handler:  handler,
		ErrorLog: log.New(io.Discard, "", 0), // of clients that hang up
	}
	return server.Serve(ln)
}

// accept runs serve on a goroutine for each connection.
func accept(ln net.Listener, serve func(net.Conn)) error {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return err
		}
		go serve(nc)
	}
}

// A room is the connections that a broadcast goes to.
type room[C comparable] struct {
	task *Task

	mu      sync.Mutex
	members []C
}

func newRoom[C comparable](t *Task) *room[C] { return &room[C]{task: t} }

// join adds c, if there is anything to broadcast.
func (r *room[C]) join(c C) {
	if !r.task.Broadcast {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = append(r.members, c)
	r.task.Members.Add(1)
}

// leave takes c out.
func (r *room[C]) leave(c C) {
	if !r.task.Broadcast {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.members, c); i >= 0 {
		r.members = slices.Delete(r.members, i, i+1)
		r.task.Members.Add(-1)
	}
}

// each calls send for each member.
func (r *room[C]) each(send func(C)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.members {
		send(c)
	}
}
