package conn

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/parleyws/websocket/frame"
)

// control does what a control frame of the peer asks for. It is called by the
// reader. RFC 6455, section 5.5.
func (c *Conn) control(ev event) {
	switch ev.op {
	case frame.Ping:
		c.mu.Lock()
		c.out.reply(ev.data)
		c.mu.Unlock()
		c.message.owes = true
	case frame.Pong:
		c.mu.Lock()
		rtt := c.out.pings.answered(ev.data)
		c.mu.Unlock()
		c.observePong(rtt)
	case frame.Close:
		c.heardClose(ev.data)
		c.message.owes = true
	default:
		panic("BUG: no control frame: " + ev.op.String())
	}
}

// sendReplies sends what the reader owes to the peer: all Pongs for the Pings
// that came together, in one go. The reader calls it before it waits for more
// bytes, and before it hands out a message, for that may take its time.
func (c *Conn) sendReplies() {
	if !c.message.owes {
		return
	}
	c.message.owes = false
	if c.raw == nil && c.now() == parting {
		c.flushClose()
		return
	}
	c.flush()
}

// flushClose is flush for the Close frame that answers the peer, on a stream that
// cannot be written without waiting: it gives the frame a moment to be sent. A program
// that learns of the end from its read may call CloseNow at once, and over HTTP/2 its
// handler returns, and neither should come before that frame. A peer that takes nothing
// does not hold up the reader for longer.
func (c *Conn) flushClose() {
	c.flush()
	c.mu.Lock()
	if c.now() != parting || c.more.end.closeSaid {
		c.mu.Unlock()
		return
	}
	said := make(chan struct{})
	c.more.end.said = said
	c.mu.Unlock()
	patience := time.NewTimer(farewellTime)
	defer patience.Stop()
	select {
	case <-said:
	case <-patience.C:
	}
}

// farewellTime is how long the reader waits for our Close frame to be sent.
const farewellTime = 250 * time.Millisecond

// Ping sends a Ping and waits for the answer. It returns how long that took
// (RFC 6455, section 5.5.2).
//
// Pongs are seen by whoever reads, so somebody has to, in another goroutine:
// Read, Messages, a Reader. If ctx ends first, Ping returns ctx.Err(), and the
// connection is as good as before. Ping may be called from many goroutines;
// Pings that cannot be sent at once become one.
//
// In a browser Ping sends nothing and returns an error that matches
// errors.ErrUnsupported.
func (c *Conn) Ping(ctx context.Context) (rtt time.Duration, err error) {
	if ctx.Err() != nil {
		return 0, c.ended(ctx)
	}
	c.mu.Lock()
	if err := c.refusal(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	if c.inBrowser() != nil {
		c.mu.Unlock()
		return 0, errPing
	}
	p := c.out.newPing()
	c.mu.Unlock()
	c.flush()
	select {
	case <-p.over:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.pings.remove(p)
	switch {
	case p.answered:
		return p.rtt, nil
	case c.out.over:
		return 0, c.refusal()
	default:
		return 0, ctx.Err()
	}
}

// pings are those that wait for their Pong. They are numbered, and the number is
// the payload. The zero value is ready; it is guarded by Conn.mu.
type pings struct {
	waiting *ping         // the latest first
	latency time.Duration // of the last that was answered
	next    uint32        // number of the one to be sent, if not 0
	last    uint32        // number of the last
}

type ping struct {
	next      *ping
	number    uint32
	sent      time.Time // zero as long as nobody has begun to
	out       time.Time // zero as long as the kernel does not have it
	rtt       time.Duration
	answered  bool
	keepAlive bool          // nobody waits for it
	over      chan struct{} // closed when there is no more to wait for
}

// newPing returns a Ping that waits, and sees to it that it will be sent.
func (o *outbound) newPing() *ping {
	if o.pings.next == 0 {
		o.pings.last = max(o.pings.last+1, 1) // 0 means none
		o.pings.next = o.pings.last
	}
	p := &ping{next: o.pings.waiting, number: o.pings.next, over: make(chan struct{})}
	o.pings.waiting = p
	return p
}

func pingPayload(number uint32) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(number))
}

// sent notes the time for the Pings with that number.
func (ps *pings) sent(number uint32) {
	now := time.Now()
	for p := ps.waiting; p != nil && p.number == number; p = p.next {
		p.sent = now
	}
}

// out notes the same once the Ping has been sent.
func (ps *pings) out(number uint32) {
	for p := ps.waiting; p != nil && number != 0; p = p.next {
		if p.number == number {
			p.out = time.Now()
		}
	}
}

// answered takes a Pong. RFC 6455, section 5.5.3: "If an endpoint receives a
// Ping frame and has not yet sent Pong frame(s) in response to previous Ping
// frame(s), the endpoint MAY elect to send a Pong frame for only the most
// recently processed Ping frame." So it answers the earlier ones too. "A Pong
// frame MAY be sent unsolicited", and is ignored then.
func (ps *pings) answered(payload []byte) (rtt time.Duration) {
	if len(payload) != 8 {
		return 0
	}
	number := binary.BigEndian.Uint64(payload)
	if number > uint64(ps.last) {
		return 0
	}
	for at := &ps.waiting; *at != nil; {
		p := *at
		if uint64(p.number) > number || p.sent.IsZero() {
			at = &p.next
			continue
		}
		*at = p.next
		p.rtt, p.answered = max(time.Since(p.sent), 1), true
		ps.latency, rtt = p.rtt, p.rtt
		close(p.over)
	}
	return rtt
}

// end wakes everybody: there will be no more answers.
func (ps *pings) end() {
	for p := ps.waiting; p != nil; p = p.next {
		close(p.over)
	}
	ps.waiting = nil
}

// ofKeepAlive returns the Ping of KeepAlive that was not answered, or nil.
func (ps *pings) ofKeepAlive() *ping {
	for p := ps.waiting; p != nil; p = p.next {
		if p.keepAlive {
			return p
		}
	}
	return nil
}

func (ps *pings) remove(p *ping) {
	for at := &ps.waiting; *at != nil; at = &(*at).next {
		if *at == p {
			*at = p.next
			return
		}
	}
}
