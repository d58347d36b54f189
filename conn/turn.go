package conn

// The turn to read is a flag, keep.reading, guarded by Conn.mu.

// takeTurn waits for the turn to read. It reports whether the caller has it, or
// stop came first.
func (c *Conn) takeTurn(stop <-chan struct{}) bool {
	c.mu.Lock()
	if c.keep.reading && !c.awaitTurn(stop) {
		c.mu.Unlock()
		return false
	}
	c.keep.reading = true
	c.mu.Unlock()
	return true
}

func (c *Conn) awaitTurn(stop <-chan struct{}) bool {
	m := c.belongings()
	if m.free == nil {
		m.free = make(chan struct{}, 1)
	}
	for c.keep.reading {
		c.mu.Unlock()
		select {
		case <-m.free:
			c.mu.Lock()
		case <-stop:
			c.mu.Lock()
			return false
		}
	}
	return true
}

// giveTurn ends a turn to read. If our Close was sent meanwhile, somebody has to
// wait for the peer's.
func (c *Conn) giveTurn() {
	c.mu.Lock()
	c.keep.reading = false
	if c.more != nil && c.more.free != nil {
		select {
		case c.more.free <- struct{}{}:
		default:
		}
	}
	if c.now() == closing {
		c.takeOver()
	}
	c.mu.Unlock()
}

// takeOver has a goroutine wait for the peer's Close, unless somebody reads: who
// that is will see it, or give the turn. The caller holds mu.
func (c *Conn) takeOver() {
	if !c.keep.reading && c.now() == closing {
		c.keep.reading = true
		go c.readToClose()
	}
}
