package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/parleyws/websocket/internal/bufpool"
)

// A loop is a range over Messages on a plain socket. It stays in one call of
// RawConn.Read from its first message to its last: each such call forgets what
// the network poller has said before, so that the first read of each has to be
// made only to see that there is nothing. A loop that stays inside may wait as
// soon as it knows that it has read all there was.
//
// As long as there is a loop, nobody else can wait in the poller with the
// connection's descriptor. Whoever reads while the loop body runs, or waits for
// the peer's Close, does so with a second one, see Conn.second.
type loop struct {
	ctx   context.Context
	yield func(Message, error) bool
	fd    int32

	here    bool     // it has the turn to read
	drained bool     // there is nothing to read that the poller will not announce
	rest    answer   // of the kernel, whether it tells with each read if it drains the socket
	course  progress // how far it is
}

// answer is what somebody has said to a question.
type answer uint8

const (
	notAsked answer = iota
	yes
	no
)

// progress is how far a loop is.
type progress uint8

const (
	running progress = iota
	left             // by its body
	evented          // it is an eventLoop, which reads all its connections as one loop
	halted           // to look at wire.err where there is more stack
	lost             // failed, and the stream is to be closed in the end
	failed           // why is in wire.err if the loop has the turn, or else what ended says
)

// halts has l leave the poller if a read has returned nothing, and why is to be
// looked at.
func (l *loop) halts(w *wire) bool {
	if l.course != running || w.n > 0 || w.err == errReadable {
		return false
	}
	l.course = halted
	return true
}

// fail ends a loop.
func (l *loop) fail() {
	if l.course == running {
		l.course = failed
	}
}

// knows reports whether whoever reads is l, and knows that there is nothing to read
// now. A nil l does not.
func (l *loop) knows() bool { return l != nil && l.here && l.drained }

// errParked says that a loop has to wait in the poller.
var errParked = errors.New("conn: the loop waits for the poller")

// startLoop makes a loop, and takes the turn for it. It returns nil if there cannot
// be one: on other streams than plain sockets, while there is another loop, and on a
// connection that has ended.
//
//go:noinline
func (c *Conn) startLoop(ctx context.Context, yield func(Message, error) bool, server bool) *loop {
	if !c.message.loops || c.message.served != server || c.lockRead(ctx) != nil {
		return nil
	}
	if c.wire.loop.Load() != nil {
		c.unlockRead()
		return nil
	}
	l := &loop{ctx: ctx, yield: yield, here: true}
	c.wire.loop.Store(l)
	return l
}

// loop runs l until its body leaves it, or there is an error.
//
// It, and all that is called for most messages, has to do with little stack, see
// TestIdleMemory.
//
//go:noinline
func (c *Conn) loop(l *loop) {
	defer c.leaveLoop(l) // also when the body panics
	for l.course == running {
		err := c.raw.Read(c.wire.try)
		if l.course == halted {
			l.course, err = running, c.wire.err
		}
		if err != nil {
			c.loopFailed(l, err)
		}
	}
	if l.course != left {
		c.lastTurn(l)
	}
}

// lastTurn tells the body of a loop that has failed.
func (c *Conn) lastTurn(l *loop) {
	var err error
	if l.here {
		err = c.wire.err
	} else {
		err = c.ended(l.ctx)
	}
	c.leaveLoop(l)
	if l.course == lost {
		c.bury(hard)
	}
	lastTurn(err, l.yield)
}

// leaveLoop ends l, once.
func (c *Conn) leaveLoop(l *loop) {
	if !c.wire.loop.CompareAndSwap(l, nil) {
		return
	}
	if l.here {
		c.unlockRead()
	}
	c.uncork()
}

// loopFailed looks at why l does not wait any more in the poller, or not at all.
func (c *Conn) loopFailed(l *loop, err error) {
	w := &c.wire
	w.ctx, w.n, w.err = l.ctx, 0, err
	c.hasRead()
	if !c.whyNothing() {
		l.fail()
	}
}

// polled returns what the network poller calls with a descriptor that may be
// readable. It returns false to wait until it is. In a loop, all messages that are
// there have their turn.
func (c *Conn) polled() func(fd uintptr) bool {
	return func(fd uintptr) bool {
		l := c.wire.loop.Load()
		if l == nil || !l.here {
			return c.tryRead(fd)
		}
		l.fd, l.drained = int32(fd), false
		for l.course == running {
			m, lent := c.loopLease(l)
			if lent == nil {
				return l.course != running
			}
			if !l.yield(m, nil) {
				l.course = left
			}
			lent.Release()
		}
		return true
	}
}

// loopLease is lease for a loop. It returns no buffer if there is no message, and
// keeps the turn then.
func (c *Conn) loopLease(l *loop) (m Message, lent *bufpool.Buffer) {
	if !l.here {
		if c.lockRead(l.ctx) != nil {
			l.fail()
			return m, nil
		}
		l.here = true
	}
	m, lent, err := c.leaseLocked(l.ctx)
	switch {
	case err == nil:
		l.here = false
		c.lendTurn()
		c.observeReceived(m.Type, len(m.Data))
	case err != errParked:
		c.wire.err = err
		l.fail()
	case l.rest == notAsked && c.message.count.Load() > 0:
		// Not for a message that may never come.
		l.rest = no
		if askForRest(uintptr(l.fd)) {
			l.rest = yes
		}
	}
	return m, lent
}

// closeBeneathLoop closes the stream while a loop holds the descriptor, which
// net.Conn.Close waits for. The body of the loop, which may be the caller, need not
// end for the stream to.
func (c *Conn) closeBeneathLoop() {
	c.raw.Control(shutdown)
	go c.nc.Close()
}

// A descriptor is another one of the connection's socket.
type descriptor struct {
	net.Conn
	raw syscall.RawConn
}

// readSecond reads while a loop has the descriptor and not the turn.
func (c *Conn) readSecond() {
	s, err := c.second()
	if err != nil {
		c.wire.err = err
		return
	}
	c.readRaw(s.raw)
}

// second returns the other descriptor, and makes it the first time.
func (c *Conn) second() (*descriptor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.rarities()
	switch {
	case m.second != nil:
		return m.second, nil
	case c.buried():
		return nil, net.ErrClosed
	}
	d, err := duplicate(c.nc)
	if err != nil {
		return nil, err
	}
	m.second = d
	// Whoever has kicked the reader before did not reach this one.
	return d, d.SetReadDeadline(longAgo)
}

func duplicate(nc net.Conn) (*descriptor, error) {
	f, err := nc.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	other, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return &descriptor{other, rawConn(other)}, nil
}
