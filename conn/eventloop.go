package conn

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/bufpool"
	"github.com/parleyws/websocket/internal/poll"
)

// eventLoop sees to some of the connections of a Server. One goroutine runs it, and
// is the only one that reads from their sockets and calls their handler (unless there
// are workers). What others want of it they post.
//
// A connection's turn is a loop over its messages, see loop, that parks by returning.
type eventLoop struct {
	server *Server
	poller *poll.Poller

	// Of the goroutine.
	reads loop            // as which the connection reads whose turn it is
	more  bool            // its socket may have more when a read was short, see poll.Event
	share int             // how often it may still read
	left  bool            // nothing more is to be read from it now
	buf   *bufpool.Buffer // what is read into; nothing stays in it
	again []*Conn         // that have had their share, and not seen the end
	clock clock

	mu     sync.Mutex
	slots  []slot
	free   []uint32 // slots without a connection
	posted []*Conn  // to be looked at
	busy   bool     // the goroutine will look at what is posted
	over   bool     // it is to end
	ended  bool     // there is no poller any more
	spare  []*Conn  // memory for posted
}

// slot is a place for a connection. The generation tells events of one that is gone.
type slot struct {
	c          *Conn
	generation uint32
	state      slotState
}

type slotState uint8

const (
	arrived  slotState = iota // EventHandler.Open is to be called
	open                      // messages may come
	departed                  // EventHandler.Close was called, or is about to be
)

// Bounds of a turn, so that a connection that floods does not starve the others.
const (
	sharedBuffer = 64 << 10
	maxReads     = 16
)

func newEventLoop(s *Server) (*eventLoop, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	l := &eventLoop{server: s, poller: p, buf: bufpool.Get(sharedBuffer), clock: newClock(s.cfg)}
	l.reads.ctx, l.reads.here, l.reads.course = context.Background(), true, evented
	return l, nil
}

// attach gives the loop an upgraded connection. It reports whether the loop can see
// to it.
func (l *eventLoop) attach(u *handshake.Upgraded) bool {
	s := detach(u.Conn, l)
	if s == nil {
		return false
	}
	of := *u
	of.Conn = s
	c := newConn(&of, l.server.cfg, nil)
	if err := l.enter(c, s); err != nil {
		l.server.logf("conn: an event loop cannot wait for a connection: %v", err)
		c.CloseNow()
		l.server.leave()
		return true
	}
	l.server.greet(c)
	return true
}

// enter finds a slot for a connection, and has the poller tell of it. There is an
// event at once. All that is one step to those who look at the slots.
func (l *eventLoop) enter(c *Conn, s *socket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || !s.hold() {
		return net.ErrClosed
	}
	defer s.release()
	if n := len(l.free); n > 0 {
		s.slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		s.slot = uint32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	at := &l.slots[s.slot]
	if err := s.register(poll.Token{Slot: s.slot, Generation: at.generation}); err != nil {
		l.free = append(l.free, s.slot)
		return err
	}
	at.c, at.state = c, arrived
	return nil
}

// leave makes the slot of a connection free.
func (l *eventLoop) leave(s *socket) {
	l.mu.Lock()
	at := &l.slots[s.slot]
	at.c = nil
	at.generation++
	l.free = append(l.free, s.slot)
	l.mu.Unlock()
}

// post has the loop look at a connection.
func (l *eventLoop) post(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posted = append(l.posted, c)
	if !l.busy && !l.ended {
		l.poller.Wake()
	}
	l.busy = true
}

// stop has the loop end.
func (l *eventLoop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if !l.ended {
		l.poller.Wake()
	}
}

func (l *eventLoop) hasEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// end is called when the loop has ended.
func (l *eventLoop) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.poller.Close()
}

// all returns the connections of the loop.
func (l *eventLoop) all() (all []*Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.slots {
		if at.c != nil {
			all = append(all, at.c)
		}
	}
	return all
}

// run is the goroutine.
func (l *eventLoop) run() {
	defer l.end()
	why := errGoexit
	defer func() {
		if why != nil {
			l.server.logf("conn: an event loop has ended, and its %d connections with it: %v", len(l.all()), why)
			l.abandon()
		}
	}()
	why = l.poller.Run(l.events)
}

var errGoexit = errors.New("a handler has called runtime.Goexit, which ends the goroutine of the loop")

// abandon ends the connections of a loop that is no more.
func (l *eventLoop) abandon() {
	for _, c := range l.all() {
		c.CloseNow()
		l.close(c)
	}
}

// events is what the poller calls.
func (l *eventLoop) events(events []poll.Event) (next time.Time, then poll.Then) {
	l.mu.Lock()
	l.busy = true
	l.mu.Unlock()
	for i := range events {
		l.event(&events[i])
	}
	again := l.again
	l.again = nil
	for _, c := range again {
		c.socket().again = false
		l.turn(c, true)
	}
	next = l.clock.look(l)
	return next, l.rest()
}

// event deals with an event.
func (l *eventLoop) event(ev *poll.Event) {
	l.mu.Lock()
	at := &l.slots[ev.Token.Slot]
	c := at.c
	if at.generation != ev.Token.Generation || c == nil {
		l.mu.Unlock()
		return
	}
	fresh := at.state == arrived
	l.mu.Unlock()
	if fresh {
		l.open(c)
	}
	if ev.Writable {
		c.writable()
	}
	if ev.Readable || fresh {
		l.turn(c, ev.End || fresh)
	}
}

// rest deals with what was posted, and says what the poller is to do.
func (l *eventLoop) rest() poll.Then {
	l.mu.Lock()
	posted := l.posted
	l.posted, l.spare = l.spare[:0], nil
	l.mu.Unlock()
	for _, c := range posted {
		l.visit(c)
	}
	clear(posted)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spare = posted[:0]
	l.busy = len(l.posted) > 0 || len(l.again) > 0
	switch {
	case l.busy:
		return poll.Again
	case l.over:
		return poll.Stop
	default:
		return poll.Wait
	}
}

// visit looks at a connection that was posted.
func (l *eventLoop) visit(c *Conn) {
	switch l.stateOf(c) {
	case departed:
		return
	case arrived:
		l.open(c)
	case open:
	}
	if c.now() == dead {
		if c.isBuried() { // or else it will be posted again
			l.close(c)
		}
		return
	}
	c.writable()
	l.turn(c, true)
}

// open calls EventHandler.Open.
func (l *eventLoop) open(c *Conn) {
	l.setState(c, open)
	c.observeOpen()
	if w := l.server.workers; w != nil {
		w.add(c, job{what: toOpen})
		return
	}
	l.server.opened(c)
}

// close calls EventHandler.Close, after which the connection is forgotten.
func (l *eventLoop) close(c *Conn) {
	if l.setState(c, departed) == departed {
		return
	}
	l.leave(c.socket())
	if w := l.server.workers; w != nil {
		w.add(c, job{what: toClose})
		return
	}
	defer l.server.leave() // also when the handler ends this goroutine
	l.server.closed(c)
}

// stateOf returns the state of a connection, which may never have had a slot.
func (l *eventLoop) stateOf(c *Conn) slotState {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := int(c.socket().slot)
	if i >= len(l.slots) || l.slots[i].c != c {
		return departed
	}
	return l.slots[i].state
}

// setState returns the state that was.
func (l *eventLoop) setState(c *Conn, to slotState) (was slotState) {
	was = l.stateOf(c) // which only this goroutine changes
	if was != departed {
		l.mu.Lock()
		l.slots[c.socket().slot].state = to
		l.mu.Unlock()
	}
	return was
}

// turn reads what there is to read. If more, a read that does not fill the buffer may
// not be the last.
func (l *eventLoop) turn(c *Conn, more bool) {
	s := c.socket()
	if s.again || c.now() == dead || !s.hold() {
		return // its turn comes, or it was posted, or will be
	}
	defer s.release() // also when a handler ends this goroutine
	l.reads.fd, l.reads.drained = s.fd, false
	l.more, l.left, l.share = more, false, maxReads
	for c.advance(l) != errParked && c.now() != dead && !l.left {
	}
	c.park(l)
	if l.share == 0 && c.now() != dead {
		s.again = true
		l.again = append(l.again, c)
	}
}

// hasRead takes note of a read of n bytes into room for size. It reports whether it
// was the last of the turn.
func (l *eventLoop) hasRead(n, size int, err error) bool {
	l.share--
	return l.share == 0 || err == errWouldBlock || err == nil && n < size && !l.more
}

// advance reads and does what the state of the connection asks for, until it is in
// another state, or has nothing to read.
func (c *Conn) advance(l *eventLoop) error {
	switch c.now() {
	case alive:
		return c.serveMessages(l)
	case closing:
		c.message.forget()
		c.in.discard = true
		for c.now() == closing {
			if err := c.piece(l.reads.ctx); err != nil {
				c.sendReplies()
				return err
			}
		}
		return nil
	case parting:
		c.sendReplies()
		if c.now() == parting {
			return errParked // until our Close is sent
		}
		return nil
	case lingering:
		c.in.discard = true
		c.wire.skipAll()
		err := c.fill(l.reads.ctx)
		if err == nil {
			c.heardMore()
		}
		return err
	case dead:
		return errParked
	default:
		panic("BUG: no such state")
	}
}

// serveMessages calls the handler for the messages that there are.
func (c *Conn) serveMessages(l *eventLoop) error {
	for c.now() == alive {
		if l.server.workers != nil && c.mustWaitForWorkers() {
			l.left = true
			return nil
		}
		m, lent, err := c.leaseLocked(l.reads.ctx)
		if err != nil {
			c.sendReplies()
			return err
		}
		c.sendReplies()
		c.in.z.drop()
		ahead := c.wire.r < c.wire.w && c.in.ahead(c.wire.unread())
		c.message.corked = c.message.corked || ahead
		c.observeReceived(m.Type, len(m.Data))
		if w := l.server.workers; w != nil {
			w.addMessage(c, m)
		} else {
			c.cork(ahead)
			l.server.message(c, m)
		}
		lent.Release()
	}
	return nil
}

// share returns the buffer that all connections of the loop are read into.
func (c *Conn) share() *bufpool.Buffer {
	b := c.socket().loop.buf
	b.Retain()
	return b
}

// park ends a turn: what is left of the bytes that were read moves out of the loop's
// buffer.
func (c *Conn) park(l *eventLoop) {
	if c.message.corked {
		c.message.corked = false
		c.uncork()
	}
	w := &c.wire
	if w.buf == l.buf && w.r < w.w && c.now() != dead {
		own := bufpool.Get(int(w.w - w.r))
		n := copy(own.B, w.unread())
		w.buf.Release()
		w.buf, w.r, w.w = own, 0, int32(n)
	}
	if c.now() == dead {
		w.skipAll()
		c.message.forget()
	}
	w.drop()
	c.in.z.drop()
	c.message.data = nil
}

// socket returns the stream beneath if an event loop has it, or nil.
func (c *Conn) socket() *socket {
	s, _ := c.nc.(*socket)
	return s
}

// writable sends what waits for room in the socket.
func (c *Conn) writable() {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	if !o.parked() {
		return
	}
	o.odd.parked = false
	for c.pressed() && o.gather(nil) && c.sendNow() {
	}
	if !o.idle() && o.heir() == nil {
		o.park() // the poller will say when there is room
		return
	}
	c.handOver()
}

// park leaves what waits to an event loop, as the owner of the socket. Config.WriteTimeout
// is for each batch.
func (o *outbound) park() {
	o.oddments().parked = true
	if o.air == nil || !o.air.parked {
		o.odd.since = time.Now()
	}
	if o.air != nil {
		o.air.parked = true
	}
}
