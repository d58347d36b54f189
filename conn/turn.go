package conn

// The turn to read is a bit beside the lifetime, in Conn.state. It is taken, and given by
// one who leaves nothing to be done, without mu: for most messages that is all.

const (
	turnTaken  = 1 << 8 << iota // somebody has the turn to read
	turnWanted                  // somebody has waited for it once, and is to be told
	mayBeHeld                   // what is written may be held, see cork.go
)

// takeTurn waits for the turn to read. It reports whether the caller has it. It
// has not if stop came first, or if the connection is past the state last.
func (c *Conn) takeTurn(stop <-chan struct{}, last lifetime) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.now() > last:
		return false
	case c.tryTurn():
		return true
	}
	m := c.rarities()
	if m.free == nil {
		m.free = make(chan struct{}, 1)
		c.state.Or(turnWanted) // whoever gives the turn from now on will tell
	}
	for c.now() <= last {
		if c.tryTurn() {
			return true
		}
		c.mu.Unlock()
		select {
		case <-m.free:
			c.mu.Lock()
		case <-stop:
			c.mu.Lock()
			return false
		}
	}
	c.nextTurn() // the others have to be told too
	return false
}

// tryTurn takes the turn if nobody has it, whatever the lifetime is. Only who holds mu can
// rely on what that was.
func (c *Conn) tryTurn() bool {
	s := c.state.Load()
	for s&turnTaken == 0 {
		if c.state.CompareAndSwap(s, s|turnTaken) {
			return true
		}
		s = c.state.Load()
	}
	return false
}

// takeFreeTurn is takeTurn for messages if nobody has the turn. (To ask a context for
// its channel may make one.)
func (c *Conn) takeFreeTurn() bool {
	s := c.state.Load() &^ turnTaken
	return lifetime(s) == alive && c.state.CompareAndSwap(s, s|turnTaken)
}

// nextTurn tells one who waits for the turn to look. The caller holds mu.
func (c *Conn) nextTurn() {
	if free := c.ifRare().free; free != nil {
		select {
		case free <- struct{}{}:
		default:
		}
	}
}

// giveTurn ends a turn to read. With cork, what is written from now on may be held. If
// our Close was sent meanwhile, somebody has to wait for the peer's.
func (c *Conn) giveTurn(cork bool) {
	s := c.state.Load()
	if s&^mayBeHeld == uint32(alive)|turnTaken && c.state.CompareAndSwap(s, given(s, cork)) {
		return
	}
	c.mu.Lock()
	for s = c.state.Load(); !c.state.CompareAndSwap(s, given(s, cork)); s = c.state.Load() {
	}
	c.nextTurn()
	c.takeOver()
	c.mu.Unlock()
}

// given is a state after a turn.
func given(s uint32, cork bool) uint32 {
	if cork {
		return s&^turnTaken | mayBeHeld
	}
	return s &^ (turnTaken | mayBeHeld)
}

// takeOver has a goroutine wait for the peer's Close, unless somebody reads: who
// that is will give the turn. The caller holds mu.
func (c *Conn) takeOver() {
	if c.now() == closing && c.tryTurn() {
		go c.readToClose()
	}
}
