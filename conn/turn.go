package conn

// The turn to read is a flag, keep.reading, guarded by Conn.mu.

// takeTurn waits for the turn to read. It reports whether the caller has it. It
// has not if stop came first, or if the connection is past the state last.
func (c *Conn) takeTurn(stop <-chan struct{}, last lifetime) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keep.reading && !c.awaitTurn(stop, last) || c.now() > last {
		return false
	}
	c.keep.reading = true
	return true
}

func (c *Conn) awaitTurn(stop <-chan struct{}, last lifetime) bool {
	m := c.belongings()
	if m.free == nil {
		m.free = make(chan struct{}, 1)
	}
	for c.keep.reading && c.now() <= last {
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
	if c.more != nil && c.more.free != nil {
		select {
		case c.more.free <- struct{}{}:
		default:
		}
	}
}

// giveTurn ends a turn to read. If our Close was sent meanwhile, somebody has to
// wait for the peer's.
func (c *Conn) giveTurn() {
	c.mu.Lock()
	c.keep.reading = false
	c.nextTurn()
	if c.now() == closing {
		c.takeOver()
	}
	c.mu.Unlock()
}

// takeOver has a goroutine wait for the peer's Close, unless somebody reads: who
// that is will give the turn. The caller holds mu.
func (c *Conn) takeOver() {
	if !c.keep.reading && c.now() == closing {
		c.keep.reading = true
		go c.readToClose()
	}
}
