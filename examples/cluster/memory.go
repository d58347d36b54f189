package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// memory is the Broker of servers that share a process: of one alone, and of tests.
type memory struct {
	log  string
	keep int // messages of a room

	mu    sync.Mutex
	seq   uint64
	rooms map[string]*memoryRoom
}

type memoryRoom struct {
	messages []Stored
	ids      map[string]uint64 // of messages
	order    []string          // the ids of messages
	listens  map[*memorySubscription]bool
}

func newMemory(keep int) *memory {
	return &memory{log: strconv.FormatInt(time.Now().UnixNano(), 36), keep: keep, rooms: make(map[string]*memoryRoom)}
}

func (b *memory) Log() string   { return b.log }
func (b *memory) Healthy() bool { return true }
func (b *memory) Close()        {}

// room returns a room, which is made if need be. The caller holds mu.
func (b *memory) room(name string) *memoryRoom {
	r := b.rooms[name]
	if r == nil {
		r = &memoryRoom{ids: make(map[string]uint64), listens: make(map[*memorySubscription]bool)}
		b.rooms[name] = r
	}
	return r
}

func (b *memory) Publish(_ context.Context, room, id string, data []byte) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.room(room)
	if seq, ok := r.ids[id]; ok {
		return seq, nil
	}
	b.seq++
	m := Stored{b.seq, slices.Clone(data)}
	r.messages, r.order = append(r.messages, m), append(r.order, id)
	r.ids[id] = m.Seq
	if len(r.messages) > b.keep {
		delete(r.ids, r.order[0])
		r.messages, r.order = r.messages[1:], r.order[1:]
	}
	for s := range r.listens {
		s.listener.Message(m)
	}
	return m.Seq, nil
}

func (b *memory) Signal(room string, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.room(room).listens {
		s.listener.Signal(data)
	}
	return nil
}

func (b *memory) History(_ context.Context, room string, after uint64, limit int) ([]Stored, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.room(room).messages
	from, _ := slices.BinarySearchFunc(all, after+1, func(m Stored, seq uint64) int { return cmp.Compare(m.Seq, seq) })
	return slices.Clone(all[from:min(from+limit, len(all))]), nil
}

func (b *memory) Subscribe(_ context.Context, room string, l Listener) (Subscription, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &memorySubscription{broker: b, room: b.room(room), listener: l, after: b.seq}
	s.room.listens[s] = true
	return s, nil
}

type memorySubscription struct {
	broker   *memory
	room     *memoryRoom
	listener Listener
	after    uint64
	names    []string
}

func (s *memorySubscription) After() uint64 { return s.after }

func (s *memorySubscription) Announce(names []string) {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	s.names = names
	s.room.announce()
}

func (s *memorySubscription) Close() {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	delete(s.room.listens, s)
	s.room.announce()
}

// announce tells all who is there. The caller holds mu.
func (r *memoryRoom) announce() {
	names := make(map[string]bool)
	for s := range r.listens {
		for _, name := range s.names {
			names[name] = true
		}
	}
	for s := range r.listens {
		s.listener.Present(slices.Sorted(maps.Keys(names)))
	}
}
