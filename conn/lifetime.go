package conn

// lifetime is where a connection stands between its opening handshake and the
// end of its TCP connection. RFC 6455, sections 7.1.1 to 7.1.7.
//
//	         Close             peer's Close
//	alive ─────────▶ closing ───────────────┐
//	  │                                     ▼
//	  │ peer's Close, broken rule      ┌─────────┐ our Close is sent
//	  └───────────────────────────────▶│ parting │─────────────────▶ lingering
//	                                   └─────────┘                       │
//	            the stream ended or failed, CloseNow, out of time        ▼
//	  any ───────────────────────────────────────────────────────────▶ dead
type lifetime uint8

const (
	// alive: messages go both ways. The only state in which Conn.err is nil.
	alive lifetime = iota

	// closing: this side's Close frame is queued or sent. No data is written
	// any more, and what the peer sends is dropped until its Close comes.
	// RFC 6455, section 7.1.2.
	closing

	// parting: there is nothing left to be read, because the peer's Close has
	// come or because the peer broke a rule. Only our own Close frame has still
	// to be sent. RFC 6455, sections 5.5.1 and 7.1.7.
	parting

	// lingering: our Close frame is sent, nothing is awaited but the end of the
	// TCP connection: the server ends its half first, and both read and drop
	// what still comes, or a reset would destroy the Close frame on its way.
	// RFC 6455, section 7.1.1.
	lingering

	// dead: the TCP connection is closed. Done is closed.
	dead
)

// setState is the only place where the state changes. The caller holds c.mu.
func (c *Conn) setState(to lifetime) {
	from := c.now()
	legal := false
	switch to {
	case closing:
		legal = from == alive
	case parting:
		legal = from == alive || from == closing
	case lingering:
		legal = from == parting
	case dead:
		legal = from != dead
	}
	if !legal {
		panic("BUG: a connection cannot go from " + from.String() + " to " + to.String())
	}
	c.state.Add(uint32(to - from)) // the turn is in there too, see turn.go
}

// now returns the state. Without c.mu it may be outdated as it is returned, but
// no connection ever returns to an earlier state.
func (c *Conn) now() lifetime { return lifetime(c.state.Load()) }

func (l lifetime) String() string {
	switch l {
	case alive:
		return "alive"
	case closing:
		return "closing"
	case parting:
		return "parting"
	case lingering:
		return "lingering"
	case dead:
		return "dead"
	default:
		panic("BUG: no such state")
	}
}
