package conn

import (
	"context"
	"slices"
	"sync"
)

// Group is a set of connections: a chat room, the subscribers of a ticker, all
// clients of a server. The zero value is an empty group. All methods may be
// called from any goroutine. A connection may be in many groups, and leaves them
// by itself when it is over.
type Group struct {
	mu      sync.Mutex
	members []*Conn
	place   map[*Conn]int // in members
	closing bool
	scratch [][]*Conn // for Broadcast
}

// Add adds a connection; one that is in the group stays in it. It reports
// whether c is in the group afterwards: one that has ended is not, and once
// Shutdown was called a new one is closed with StatusGoingAway instead.
func (g *Group) Add(c *Conn) bool {
	joined, closing := g.join(c)
	if closing {
		c.beginClose(StatusGoingAway, "")
	}
	return joined
}

func (g *Group) join(c *Conn) (joined, closing bool) {
	// Lock order: Group before Conn.
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.place[c]; ok {
		return true, false
	}
	if g.closing {
		return false, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now() == dead {
		return false, false
	}
	m := c.belongings()
	m.groups = &membership{g, m.groups}
	if g.place == nil {
		g.place = make(map[*Conn]int)
	}
	g.place[c] = len(g.members)
	g.members = append(g.members, c)
	return true, false
}

// Remove takes a connection out of the group, and does nothing else to it.
func (g *Group) Remove(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i, ok := g.place[c]
	if !ok {
		return
	}
	last := len(g.members) - 1
	g.members[i] = g.members[last]
	g.place[g.members[i]] = i
	g.members[last] = nil
	g.members = g.members[:last]
	delete(g.place, c)
	c.forgetGroup(g)
}

// Len returns how many connections are in the group.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.members)
}

// Broadcast sends a message to all members but those that are named. It never
// waits for a peer: it is a loop of [Conn.TryWritePrepared], and what it says of
// Backlog and SlowConsumer holds for each member by itself: with the default,
// Refuse, a member that does not read misses messages and is not told. The
// message is encoded once. Broadcast returns how many members took it. Two
// broadcasts from one goroutine arrive everywhere in their order.
func (g *Group) Broadcast(typ MessageType, p []byte, except ...*Conn) (taken int) {
	m, err := NewPrepared(typ, p)
	if err != nil {
		return 0
	}
	return g.BroadcastPrepared(m, except...)
}

// BroadcastPrepared is Broadcast for a message that is prepared already. It
// allocates nothing if the sockets take the message.
func (g *Group) BroadcastPrepared(m *Prepared, except ...*Conn) (taken int) {
	members := g.snapshot()
	for _, c := range members {
		if !slices.Contains(except, c) && c.TryWritePrepared(m) == nil {
			taken++
		}
	}
	g.giveBack(members)
	return taken
}

// snapshot returns the members, so that the group need not be locked while they
// are written to.
func (g *Group) snapshot() []*Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	var s []*Conn
	if n := len(g.scratch); n > 0 {
		s, g.scratch = g.scratch[n-1], g.scratch[:n-1]
	}
	return append(s[:0], g.members...)
}

func (g *Group) giveBack(s []*Conn) {
	clear(s)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.scratch) < 4 && cap(s) <= 2*len(g.members)+16 {
		g.scratch = append(g.scratch, s)
	}
}

// Shutdown closes all members with StatusGoingAway, at once, and waits until
// they are over. When ctx ends before that, the others are ended with CloseNow,
// and it returns ctx.Err(). From then on nobody can join.
//
// net/http does not know connections that were upgraded. To have a server's
// Shutdown close them:
//
//	server.RegisterOnShutdown(func() { group.Shutdown(ctx) })
//
// http.Server.Shutdown does not wait for such functions; a program that does
// not want to leave before its clients have been told calls both.
func (g *Group) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	members := g.snapshot()
	for _, c := range members {
		c.beginClose(StatusGoingAway, "")
	}
	for i, c := range members {
		select {
		case <-c.Done():
			continue
		default:
		}
		select {
		case <-c.Done():
		case <-ctx.Done():
			for _, c := range members[i:] {
				c.CloseNow()
			}
			return ctx.Err()
		}
	}
	return nil
}

// membership is a list of the groups that a connection is in.
type membership struct {
	group *Group
	next  *membership
}

// leaveGroups takes a connection that has ended out of its groups.
func (c *Conn) leaveGroups() {
	c.mu.Lock()
	var m *membership
	if c.more != nil {
		m, c.more.groups = c.more.groups, nil
	}
	c.mu.Unlock()
	for ; m != nil; m = m.next {
		m.group.Remove(c)
	}
}

func (c *Conn) forgetGroup(g *Group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.more == nil {
		return
	}
	for at := &c.more.groups; *at != nil; at = &(*at).next {
		if (*at).group == g {
			*at = (*at).next
			return
		}
	}
}
