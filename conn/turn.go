package conn

// The turn to read is a flag, reading, guarded by Conn.mu.

// takeTurn waits for the turn to read. It reports whether the caller has it. It
// has not if stop came first, or if the connection is past the state last.
func (c *Conn) takeTurn(stop <-chan struct{}, last lifetime) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reading && !c.awaitTurn(stop, last) || c.now() > last {
		return false
	}
	c.reading = true
	return true
}

// takeFreeTurn is takeTurn for messages if nobody has the turn. (To ask a context for
// its channel may make one.)
func (c *Conn) takeFreeTurn() bool {
	c.mu.Lock()
	free := !c.reading && c.now() == alive
	c.reading = c.reading || free
	c.mu.Unlock()
	return free
}

func (c *Conn) awaitTurn(stop <-chan struct{}, last lifetime) bool {
	m := c.rarities()
	if m.free == nil {
		m.free = make(chan struct{}, 1)
	}
	for c.reading && c.now() <= last {
		c.mu.Unlock()
		select {
		case <-m.free:
			c.mu.Lock()
		case <-stop:
			c.mu.Lock()
			return false
		}
	}
	if c.now() > last {
		c.nextTurn() // the others have to be told too
	}
	return true
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

// giveTurn ends a turn to read. If our Close was sent meanwhile, somebody has to
// wait for the peer's. With cork, what is written from now on may be held.
func (c *Conn) giveTurn(cork bool) {
	c.mu.Lock()
	c.reading = false
	c.replies.set(mayBeHeld, cork)
	c.nextTurn()
	if c.now() == closing {
		c.takeOver()
	}
	c.mu.Unlock()
}

// takeOver has a goroutine wait for the peer's Close, unless somebody reads: who
// that is will give the turn. The caller holds mu.
func (c *Conn) takeOver() {
	if !c.reading && c.now() == closing {
		c.reading = true
		go c.readToClose()
	}
}
