package conn

import (
	"context"
	"encoding/binary"
	"slices"
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
		c.owes = true
	case frame.Pong:
		c.mu.Lock()
		rtt := c.out.pings.answered(ev.data)
		c.mu.Unlock()
		c.observePong(rtt)
	case frame.Close:
		c.heardClose(ev.data)
		c.owes = true
	default:
		panic("BUG: no control frame: " + ev.op.String())
	}
}

// sendReplies sends what the reader owes to the peer: all Pongs for the Pings
// that came together, in one go. The reader calls it before it waits for more
// bytes, and before it hands out a message, for that may take its time.
func (c *Conn) sendReplies() {
	if c.owes {
		c.owes = false
		c.flush()
	}
}

// Ping sends a Ping and waits for the answer. It returns how long that took
// (RFC 6455, section 5.5.2).
//
// Pongs are seen by whoever reads, so somebody has to, in another goroutine:
// Read, Messages, a Reader. If ctx ends first, Ping returns ctx.Err(), and the
// connection is as good as before. Ping may be called from many goroutines;
// Pings that cannot be sent at once become one.
func (c *Conn) Ping(ctx context.Context) (rtt time.Duration, err error) {
	if ctx.Err() != nil {
		return 0, c.ended(ctx)
	}
	c.mu.Lock()
	if c.out.err != nil {
		defer c.mu.Unlock()
		return 0, c.refusal()
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
	case c.out.err != nil:
		return 0, c.refusal()
	default:
		return 0, ctx.Err()
	}
}

// pings are those that wait for their Pong. They are numbered, and the number is
// the payload. The zero value is ready; it is guarded by Conn.mu.
type pings struct {
	last    uint64
	waiting []*ping
	latency time.Duration // of the last that was answered
}

type ping struct {
	number   uint64
	sent     time.Time // zero as long as it is not
	rtt      time.Duration
	answered bool
	over     chan struct{}
}

// newPing returns a Ping that waits, and sees to it that it will be sent.
func (o *outbound) newPing() *ping {
	if o.ping == 0 {
		o.pings.last++
		o.ping = o.pings.last
	}
	p := &ping{number: o.ping, over: make(chan struct{})}
	o.pings.waiting = append(o.pings.waiting, p)
	return p
}

func pingPayload(number uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, number)
}

// sent notes the time for the Pings with that number.
func (ps *pings) sent(number uint64) {
	now := time.Now()
	for _, p := range ps.waiting {
		if p.number == number {
			p.sent = now
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
	ps.waiting = slices.DeleteFunc(ps.waiting, func(p *ping) bool {
		if p.number > number || number > ps.last || p.sent.IsZero() {
			return false
		}
		p.rtt, p.answered = max(time.Since(p.sent), 1), true
		ps.latency, rtt = p.rtt, p.rtt
		close(p.over)
		return true
	})
	return rtt
}

// end wakes everybody: there will be no more answers.
func (ps *pings) end() {
	for _, p := range ps.waiting {
		close(p.over)
	}
	ps.waiting = nil
}

func (ps *pings) remove(p *ping) {
	ps.waiting = slices.DeleteFunc(ps.waiting, func(x *ping) bool { return x == p })
}
