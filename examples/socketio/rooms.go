package main

import (
	"errors"
	"sync"
)

const (
	maxRooms    = 32  // that a socket is in
	maxRoomName = 128 // bytes
)

var errRooms = errors.New("socket.io: too many rooms, or too long a name")

// Rooms are sets of sockets of one namespace. A room is there as long as somebody is
// in it. The methods may be called from any goroutine.
type Rooms struct {
	mu      sync.Mutex
	members map[string]map[*Socket]struct{} // by room
	in      map[*Socket]map[string]struct{} // the same, by socket
}

// Join puts s into a room.
func (r *Rooms) Join(s *Socket, room string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.members[room][s]; there {
		return nil
	}
	if len(r.in[s]) >= maxRooms || len(room) > maxRoomName {
		return errRooms
	}
	if s.gone() { // or it would stay for ever
		return errLeft
	}
	if r.members == nil {
		r.members, r.in = make(map[string]map[*Socket]struct{}), make(map[*Socket]map[string]struct{})
	}
	if r.members[room] == nil {
		r.members[room] = make(map[*Socket]struct{})
	}
	if r.in[s] == nil {
		r.in[s] = make(map[string]struct{})
	}
	r.members[room][s] = struct{}{}
	r.in[s][room] = struct{}{}
	return nil
}

// Leave takes s out of a room.
func (r *Rooms) Leave(s *Socket, room string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(s, room)
}

// LeaveAll takes s out of all rooms.
func (r *Rooms) LeaveAll(s *Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for room := range r.in[s] {
		r.leave(s, room)
	}
}

func (r *Rooms) leave(s *Socket, room string) {
	delete(r.members[room], s)
	delete(r.in[s], room)
	if len(r.members[room]) == 0 {
		delete(r.members, room)
	}
	if len(r.in[s]) == 0 {
		delete(r.in, s)
	}
}

// In returns who is in a room now, in no order.
func (r *Rooms) In(room string) []*Socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	sockets := make([]*Socket, 0, len(r.members[room]))
	for s := range r.members[room] {
		sockets = append(sockets, s)
	}
	return sockets
}

// Broadcast emits an event to all in a room but except, which may be nil. It waits for
// nobody: who does not keep up is disconnected. The error is about the arguments.
func (r *Rooms) Broadcast(except *Socket, room, event string, values ...any) error {
	args, err := eventArgs(event, values)
	if err != nil {
		return err
	}
	for _, s := range r.In(room) {
		if s != except {
			s.send(kindEvent, -1, args) // whoever has gone misses it
		}
	}
	return nil
}
