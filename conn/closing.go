package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
)

// Close performs the closing handshake (RFC 6455, section 7.1.2): it sends a
// Close frame, waits for the peer's, and sees the TCP connection to its end. All
// of that is bounded by Config.CloseTimeout. What TryWrite has taken is sent before
// the Close frame. What the peer has sent and nobody has read is dropped.
//
// On a connection of a [Server] Close does not wait, and returns nil.
//
// Close returns nil once Close frames have been exchanged, whoever began. If
// the peer did not answer, the error says why; the connection is closed in any
// case. Close may be called from any goroutine, during reads and writes too:
// these end with an error that matches net.ErrClosed. If the connection has
// ended already, or is about to, Close waits for that and sends nothing.
//
// code has to be one that may be sent, see [frame.StatusCode.Valid], or Close
// returns an error at once and does nothing. With StatusNoStatusReceived and no
// reason the Close frame is empty. Of a reason of more than 123 bytes as much is
// sent as fits, in whole characters.
func (c *Conn) Close(code StatusCode, reason string) error {
	payload, err := frame.AppendClose(nil, code, reason)
	if err != nil {
		return fmt.Errorf("conn: close: %w", err)
	}
	c.startClose(payload, &closedError{code: code})
	if c.message.served {
		return c.closeServed()
	}
	done := c.Done()
	c.awaitClose(done)
	<-done
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.more.end.result
}

// closeServed is the rest of Close on a connection of a Server, where a loop sees the
// closing handshake to its end, and may be who called.
func (c *Conn) closeServed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeOver()
	return nil
}

// startClose sends our Close frame, unless the connection is about to end
// already. It does not wait.
func (c *Conn) startClose(payload []byte, why error) {
	c.mu.Lock()
	if c.now() == alive {
		c.leaveAlive(closing, why)
		c.sayClose(payload, true)
	}
	c.mu.Unlock()
	c.flush()
}

// beginClose is Close without waiting. Whoever reads sees it to its end, or a
// goroutine of its own if nobody does.
func (c *Conn) beginClose(code StatusCode, reason string) {
	payload, err := frame.AppendClose(nil, code, reason)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	c.startClose(payload, &closedError{code: code})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeOver()
}

// awaitClose reads until the peer's Close comes, unless somebody else does.
func (c *Conn) awaitClose(done <-chan struct{}) {
	if c.takeTurn(done, closing) {
		c.readToClose()
	}
}

// readToClose drops what the peer sends until its Close comes. The caller has the
// turn to read.
func (c *Conn) readToClose() {
	c.in.discard = true
	for err := error(nil); c.now() == closing && err == nil; {
		err = c.piece(context.Background())
	}
	c.unlockRead()
}

// CloseNow ends the connection at once, without a closing handshake: the TCP
// connection is closed, and the peer sees the abnormal closure 1006. It never
// blocks. Calling it on a connection that has ended does nothing, so it may be
// deferred. In a browser the peer sees 1005.
func (c *Conn) CloseNow() error {
	c.uncork()
	c.mu.Lock()
	first := c.die(&closedError{})
	c.mu.Unlock()
	if !first {
		return nil
	}
	return c.bury(hard)
}

// leaveAlive records why there will be no more messages. The caller holds mu.
func (c *Conn) leaveAlive(to lifetime, err error) {
	c.makeEnd().err = err
	c.setState(to)
	c.out.pings.end()
	c.nextTurn()
	c.leaveRound()
	if to == closing {
		c.kickReadLocked() // whoever waits for messages need not any more
	}
	if hold := c.ifRare().hold; hold != nil {
		hold.Stop()
	}
	if to != dead && c.cfg.CloseTimeout > 0 {
		c.more.end.timer = time.AfterFunc(c.cfg.CloseTimeout, c.outOfTime)
	}
}

// sayClose makes our Close frame the last that will be sent, behind what TryWrite has
// taken, if that is to be kept, and otherwise next. The caller holds mu, and has flush
// send it.
func (c *Conn) sayClose(payload []byte, keep bool) {
	if broken := c.out.oddly().broken; broken != nil {
		c.abort(broken)
		return
	}
	c.out.refuse(c.why(), keep)
	b := bufpool.Get(frame.MaxHeaderSize + len(payload))
	b.B = appendControl(b.B[:0], c.out.role, frame.Close, payload)
	c.out.oddments().farewell = b
}

// saidClose is called when our Close frame has been sent. The caller holds mu.
func (c *Conn) saidClose() {
	c.more.end.closeSaid = true
	c.more.end.nothingToSay()
	switch c.now() {
	case parting:
		c.startLinger()
	case closing:
		if c.cfg.CloseTimeout < 0 {
			c.die(nil)
			go c.bury(orderly)
		}
	}
}

// nothingToSay tells a reader that waits for our Close frame to be sent. The caller
// holds mu.
func (e *ending) nothingToSay() {
	if e.said != nil {
		close(e.said)
		e.said = nil
	}
}

// heardClose takes the peer's Close frame. RFC 6455, section 5.5.1: "If an
// endpoint receives a Close frame and did not previously send a Close frame, the
// endpoint MUST send a Close frame in response. (When sending a Close frame in
// response, the endpoint typically echos the status code it received.)"
func (c *Conn) heardClose(payload []byte) {
	code, reason, err := frame.ParseClose(payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.now() {
	case alive:
		if err != nil {
			c.failLocked(protocolError(err))
			return
		}
		c.leaveAlive(parting, &CloseError{Code: code, Reason: reason})
		c.more.end.peerClosed = true
		echo, err := frame.AppendClose(nil, code, "")
		if err != nil {
			panic("BUG: a code that was received cannot be sent: " + err.Error())
		}
		c.sayClose(echo, false)
	case closing:
		if err != nil {
			c.failLocked(protocolError(err))
			return
		}
		c.more.end.peerClosed = true
		c.setState(parting)
		c.out.refuse(c.why(), false) // the peer does not listen any more
		if c.more.end.closeSaid {
			c.startLinger()
		}
	}
}

// fail fails the connection for a rule that the peer broke, and returns what
// the reader is to return. RFC 6455, section 7.1.7: "An endpoint MUST NOT
// continue to attempt to process data (including a responding Close frame) from
// the remote endpoint after being instructed to _Fail the WebSocket
// Connection_."
func (c *Conn) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(protocolError(err))
	c.message.owes = true
	return c.why()
}

func (c *Conn) failLocked(err *ProtocolError) {
	switch c.now() {
	case alive:
		c.leaveAlive(parting, err)
		payload, badReason := frame.AppendClose(nil, err.Code, err.Reason)
		if badReason != nil {
			panic("BUG: our own reason cannot be sent: " + badReason.Error())
		}
		c.sayClose(payload, false)
	case closing:
		if c.more.end.closeSaid {
			c.abort(err)
			return
		}
		// Section 7.1.7: the endpoint "SHOULD send a Close frame with an
		// appropriate status code" before it closes. Ours is on its way.
		c.out.refuse(c.why(), false)
		c.more.end.result = err
		c.setState(parting)
	}
}

// lost takes note that the stream has ended or failed, as a reader found out,
// and returns what the reader is to return.
func (c *Conn) lost(cause error) error {
	end := abnormal(cause)
	c.mu.Lock()
	c.disturbed(end)
	first := c.die(end)
	err := c.why()
	c.mu.Unlock()
	if first {
		c.buryFor(cause)
	}
	return err
}

// buryFor buries a connection whose stream a reader found ended or failed. In a loop it
// is left to its end: until then the descriptor cannot be closed.
func (c *Conn) buryFor(cause error) {
	how := hard
	if cause == io.EOF {
		how = orderly
	}
	if l := c.wire.loop.Load(); l != nil && l.here && l.course != evented {
		l.course = lost
		return
	}
	c.bury(how)
}

// writeFailed takes note that the owner of the socket cannot write any more. The
// caller is the owner and holds mu. Unless it is the peer who kept us waiting,
// reading goes on: what it sent before it left is still there, perhaps a Close
// frame that says why.
func (c *Conn) writeFailed(err error) {
	_, timeout := err.(*TimeoutError)
	if c.now() == alive && !timeout {
		broken := abnormal(err)
		c.out.oddments().broken = broken
		if c.socket() == nil && c.wire.loop.Load() != nil {
			// The reset that came with the last bytes, if it was that, has been told to
			// the writer, and so will not be to a loop that has read them: it must look,
			// and will from now on, see receive.
			c.kickReadLocked()
		}
		c.out.fail(broken)
		c.out.endBatch()
		return
	}
	if !timeout {
		err = abnormal(err)
	}
	c.abort(err)
	c.out.endBatch()
}

// abort ends the connection at once, because of err. The caller holds mu.
func (c *Conn) abort(err error) {
	c.disturbed(err)
	if c.die(err) {
		go c.bury(hard)
	}
}

// disturbed notes why the closing handshake that this side began comes to nothing,
// for Close to say. The caller holds mu.
func (c *Conn) disturbed(why error) {
	if _, ours := c.why().(*closedError); ours && c.now() <= parting {
		c.more.end.result = why
	}
}

// outOfTime is called by the timer that bounds the closing handshake.
func (c *Conn) outOfTime() {
	c.mu.Lock()
	first := c.die(nil)
	if first && !c.agreed() {
		c.more.end.result = &TimeoutError{Op: "close", After: c.cfg.CloseTimeout}
	}
	c.mu.Unlock()
	if first {
		c.bury(hard)
	}
}

// startLinger begins to wait for the end of the TCP connection. The caller holds mu.
func (c *Conn) startLinger() {
	c.setState(lingering)
	s := c.socket()
	switch {
	case s == nil:
		go c.linger()
		return
	case c.cfg.CloseTimeout < 0:
		c.die(nil)
		go c.bury(orderly)
		return
	case c.agreed():
		c.closeWrite()
	default:
		c.more.end.silence = time.AfterFunc(lingerSilence, func() { c.closeWrite() })
	}
	s.loop.post(c)
}

// heardMore takes note that a peer that broke a rule goes on sending.
func (c *Conn) heardMore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.more.end.silence; t != nil && t.Stop() {
		t.Reset(lingerSilence)
	}
}

// linger sees the TCP connection to its end. RFC 6455, section 7.1.1: "the
// underlying TCP connection, in most normal cases, SHOULD be closed first by the
// server". Closing it with unread bytes would reset it, and a reset destroys what
// the peer has not read yet, our Close frame. So we end our half, and read and
// drop what comes until the peer has ended its own, or the time is up.
//
// A peer that broke a rule may be in the middle of sending. A proxy between us
// that sees our half end would cut it off, with a reset, so in that case we first
// wait for it to fall silent.
func (c *Conn) linger() {
	if c.cfg.CloseTimeout < 0 {
		c.finish()
		return
	}
	var silence *time.Timer
	switch {
	case !c.agreed():
		silence = time.AfterFunc(lingerSilence, func() { c.closeWrite() })
		defer silence.Stop()
	case c.out.role == frame.Server && !c.closeWrite():
		// The client waits for us, and has nothing more to send.
		silence = time.AfterFunc(lingerSilence, c.finish)
		defer silence.Stop()
	}
	c.takeTurn(nil, dead)
	c.in.discard = true
	for c.wire.skipAll(); c.fill(context.Background()) == nil; c.wire.skipAll() {
		if silence != nil {
			silence.Reset(lingerSilence)
		}
	}
	c.giveTurn(false)
}

// lingerSilence is how long a peer that broke a rule has to be silent before our
// half of the stream is ended, or a client before the whole of a stream that has
// no halves.
const lingerSilence = 250 * time.Millisecond

// finish ends a connection on which nothing is awaited any more.
func (c *Conn) finish() {
	c.mu.Lock()
	first := c.die(nil)
	c.mu.Unlock()
	if first {
		c.bury(orderly)
	}
}

// closeWrite ends our half of the stream. It reports whether that can be done.
func (c *Conn) closeWrite() bool {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if ok {
		half.CloseWrite() // if it fails, reading will too
	}
	return ok
}

// agreed reports whether Close frames went both ways. The caller holds mu, or
// the connection is lingering, when they do not change any more.
func (c *Conn) agreed() bool { return c.more.end.peerClosed && c.more.end.closeSaid }

// die makes the connection dead, with err as the reason if there was none yet.
// It reports whether it was alive in any sense before: then somebody has to bury
// it. The caller holds mu.
func (c *Conn) die(err error) bool {
	switch c.now() {
	case dead:
		return false
	case alive:
		c.leaveAlive(dead, err)
	default:
		c.setState(dead)
	}
	c.more.end.nothingToSay()
	for _, t := range [...]*time.Timer{c.more.end.timer, c.more.end.silence} {
		if t != nil {
			t.Stop()
		}
	}
	if c.more.end.result == nil && !c.agreed() {
		c.more.end.result = c.why()
	}
	c.out.fail(c.why())
	return true
}

// The two ways to close the stream: with all politeness that TLS asks for, or
// without waiting for anything.
const (
	hard    = false
	orderly = true
)

// bury closes the stream of a dead connection and tells those who wait for that.
// The caller does not hold mu, which a reader may need to find its way out.
func (c *Conn) bury(polite bool) error {
	err := c.closeStream(polite)
	c.leaveGroups()
	c.mu.Lock()
	c.more.end.buried = true
	second := c.ifRare().second
	var more belongings
	if c.more != nil {
		more = *c.more
	}
	why := c.why()
	c.mu.Unlock()
	more.over(why) // without mu, for contexts may ask the connection about itself
	if second != nil {
		second.Close()
	}
	if o := c.cfg.Observer; o != nil && o.Close != nil {
		o.Close(c, c.why())
	}
	if s := c.socket(); s != nil {
		s.loop.post(c)
	}
	return err
}

func (c *Conn) closeStream(polite bool) error {
	if t, ok := c.nc.(*tls.Conn); ok && !polite {
		// Closing a tls.Conn writes, and so may wait for the peer; and so may closing
		// what it lies over, if that leads through TLS with a proxy.
		if nc, ok := t.NetConn().(interface{ CloseNow() error }); ok {
			return nc.CloseNow()
		}
		return t.NetConn().Close()
	}
	if c.wire.loop.Load() != nil && c.socket() == nil {
		c.closeBeneathLoop()
		return nil
	}
	err := c.nc.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
