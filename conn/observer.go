package conn

import "time"

// Observer is told what connections do, for metrics and logs. Every field may be
// nil. The functions are called on the goroutine that does what they are told
// of, with no lock held: they may call methods of c that do not read or wait,
// and should be quick. They may be called for different connections, and for
// the two directions of one, at the same time.
type Observer struct {
	// Open: the opening handshake is done.
	Open func(c *Conn)

	// Close: the connection is over, err is c.Err(). Called once.
	Close func(c *Conn, err error)

	// Received: a message of n bytes has been read to its end.
	Received func(c *Conn, typ MessageType, n int)

	// Sent: a message of n bytes has been sent, or taken by TryWrite, or cut and
	// is completed in the background.
	Sent func(c *Conn, typ MessageType, n int)

	// Pong: a Ping has been answered after rtt.
	Pong func(c *Conn, rtt time.Duration)

	// Drop: a message of n bytes that TryWrite was given was not sent: it was
	// refused, or dropped later to make room, see SlowConsumer.
	Drop func(c *Conn, typ MessageType, n int)
}

// Stats is what a connection has done so far.
type Stats struct {
	MessagesReceived uint64 // that were complete
	BytesReceived    uint64 // of these messages, not compressed
	MessagesSent     uint64 // that the kernel has
	BytesSent        uint64 // the same for what was sent, fragments of unfinished messages included
	Reads            uint64 // of the stream beneath that returned bytes
	Writes           uint64 // batches of frames handed to the stream beneath, mostly with one system call each
	Dropped          uint64 // messages of TryWrite that were not sent
	Backlog          int    // bytes, as of Conn.Backlog
	Latency          time.Duration
}

// Stats returns what c has done so far. It may be called at any time, also when
// the connection is over.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	return Stats{
		MessagesReceived: c.message.count.Load(),
		BytesReceived:    c.message.bytes.Load(),
		MessagesSent:     o.sent.messages,
		BytesSent:        o.sent.bytes,
		Reads:            c.wire.life.Load(),
		Writes:           o.sent.batches,
		Dropped:          c.ifRare().dropped,
		Backlog:          o.backlog.bytes() + o.heldBytes(),
		Latency:          o.pings.latency,
	}
}

// The observer's functions are called without a lock. The type of a message that
// is sent may come with flags.

func (c *Conn) observeOpen() {
	if o := c.cfg.Observer; o != nil && o.Open != nil {
		o.Open(c)
	}
}

func (c *Conn) observeReceived(typ MessageType, n int) {
	if o := c.cfg.Observer; o != nil && o.Received != nil {
		o.Received(c, typ, n)
	}
}

func (c *Conn) observeSent(err error, typ MessageType, n int) {
	if o := c.cfg.Observer; o != nil && o.Sent != nil && (err == nil || err == errLeft) {
		o.Sent(c, plainType(typ), n)
	}
}

func (c *Conn) observeDrop(typ MessageType, n int) {
	if o := c.cfg.Observer; o != nil && o.Drop != nil {
		o.Drop(c, plainType(typ), n)
	}
}

func (c *Conn) observePong(rtt time.Duration) {
	if o := c.cfg.Observer; o != nil && o.Pong != nil && rtt > 0 {
		o.Pong(c, rtt)
	}
}
