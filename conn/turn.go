package conn

// turn is the right to read, which one goroutine at a time has. It is guarded by
// Conn.mu.
type turn struct {
	taken bool
	free  chan struct{} // tells one who waits to look; made at the first need
}

// takeTurn waits for the turn to read. It reports whether the caller has it, or
// stop came first.
func (c *Conn) takeTurn(stop <-chan struct{}) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.turn.taken {
		if c.turn.free == nil {
			c.turn.free = make(chan struct{}, 1)
		}
		c.mu.Unlock()
		select {
		case <-c.turn.free:
			c.mu.Lock()
		case <-stop:
			c.mu.Lock()
			return false
		}
	}
	c.turn.taken = true
	return true
}

// giveTurn ends a turn to read. If our Close was sent meanwhile, somebody has to
// wait for the peer's.
func (c *Conn) giveTurn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn.taken = false
	if c.turn.free != nil {
		select {
		case c.turn.free <- struct{}{}:
		default:
		}
	}
	if c.now() == closing {
		c.takeOver()
	}
}

// takeOver has a goroutine wait for the peer's Close, unless somebody reads: who
// that is will see it, or give the turn. The caller holds mu.
func (c *Conn) takeOver() {
	if !c.turn.taken && c.now() == closing {
		c.turn.taken = true
		go c.readToClose()
	}
}
