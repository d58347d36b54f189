package main

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
)

// room is where what one says is heard by all. Its lock is held while a message is
// broadcast, which waits for nobody, so that all members get all messages in one
// order, after their welcome.
type room struct {
	name   string
	limits *limits
	group  conn.Group // the connections of members

	mu       sync.Mutex
	members  []*member // by when they have joined
	byID     map[string]*member
	byName   map[string]*member // in lower case
	history  []json.RawMessage  // the latest messages, oldest first
	departed []spoken           // the latest to leave that have said something
	changed  *time.Timer        // runs when a presence is due, or nil

	// Of hub, and guarded by its lock:
	users int       // members, and those about to be
	empty time.Time // since when there are none
}

func newRoom(name string, l *limits) *room {
	return &room{
		name: name, limits: l, history: []json.RawMessage{},
		byID: make(map[string]*member), byName: make(map[string]*member),
	}
}

// spoken is the number of the last that a member has said.
type spoken struct {
	id   string
	last uint64
}

// pacePresence is when to tell a room of so many members of a change, with those
// that there are until then. The more there are, the longer they wait, so that what it
// costs does not grow with their square when they all come at once.
func pacePresence(members int) time.Duration {
	return 100*time.Millisecond + time.Duration(members)*time.Millisecond
}

// join makes m a member, and welcomes it. A member that it takes the place of is told
// so. The error is that of the connection.
func (r *room) join(m *member) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.byID[m.id]; old != nil {
		m.last = old.last
		r.remove(old)
		old.end(&conn.CloseError{Code: statusReplaced, Reason: "you have joined from elsewhere"})
	} else {
		m.last = r.recall(m.id)
	}
	m.name = r.freeName(m)
	r.members = append(r.members, m)
	r.byID[m.id] = m
	r.byName[strings.ToLower(m.name)] = m
	r.presenceChanged()

	// The history may be long, and goes to one. It is not worth a Prepared.
	p := r.presence()
	err := m.c.TryWrite(conn.Text, encode(welcome{
		Type: typeWelcome, Room: r.name, ID: m.id, Name: m.name, Last: m.last, Text: r.limits.Text,
		Count: p.Count, Members: p.Members, History: r.history,
	}))
	if err != nil {
		r.remove(m)
		return err
	}
	r.group.Add(m.c) // or it is over, and will be removed
	return nil
}

// leave is called when m is over, whether or not it is still a member.
func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[m.id] != m {
		return
	}
	r.remove(m)
	if m.last > 0 {
		r.departed = append(r.departed, spoken{m.id, m.last})
		r.departed = r.departed[max(0, len(r.departed)-maxDeparted):]
	}
}

func (r *room) remove(m *member) {
	r.group.Remove(m.c)
	r.members = slices.DeleteFunc(r.members, func(other *member) bool { return other == m })
	delete(r.byID, m.id)
	delete(r.byName, strings.ToLower(m.name))
	r.presenceChanged()
}

// recall returns the number of the last that a member had said when it left.
func (r *room) recall(id string) uint64 {
	for i, s := range r.departed {
		if s.id == id {
			r.departed = slices.Delete(r.departed, i, i+1)
			return s.last
		}
	}
	return 0
}

// freeName returns the name that m wishes for, or if somebody has it, one made of it
// that will be the same the next time.
func (r *room) freeName(m *member) string {
	for _, name := range []string{m.wish, m.wish + " · " + m.id[:4]} {
		if r.byName[strings.ToLower(name)] == nil {
			return name
		}
	}
	return m.wish + " · " + m.id
}

// say has everybody hear m say something, unless it has been heard before.
func (r *room) say(m *member, id uint64, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id <= m.last || r.byID[m.id] != m {
		return
	}
	m.last = id
	p := encode(message{Type: typeMessage, From: m.id, Name: m.name, ID: id, Text: text, At: time.Now().UnixMilli()})
	r.history = append(r.history, p)
	r.history = r.history[max(0, len(r.history)-r.limits.History):]
	r.broadcast(p)
}

// broadcast sends p to all members, encoded once. Those who do not read are
// disconnected, see config.
func (r *room) broadcast(p []byte) {
	m, err := conn.NewPrepared(conn.Text, p)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	r.group.BroadcastPrepared(m)
}

// presence says who is there now.
func (r *room) presence() presence {
	p := presence{Type: typePresence, Count: len(r.members), Members: []person{}}
	for _, m := range r.members[:min(len(r.members), r.limits.Listed)] {
		p.Members = append(p.Members, person{m.id, m.name})
	}
	return p
}

// presenceChanged has presence told, soon.
func (r *room) presenceChanged() {
	switch {
	case len(r.members) == 0 && r.changed != nil:
		r.changed.Stop()
		r.changed = nil
	case len(r.members) > 0 && r.changed == nil:
		r.changed = time.AfterFunc(pacePresence(len(r.members)), r.tellPresence)
	}
}

func (r *room) tellPresence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		return // everybody has left meanwhile
	}
	r.changed = nil
	r.broadcast(encode(r.presence()))
}
