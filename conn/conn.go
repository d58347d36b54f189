package conn

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/bufpool"
)

// MessageType is the type of a message: Text or Binary.
type MessageType = frame.Opcode

// The two types of messages, RFC 6455, section 5.6. A text message is UTF-8:
// what is received has been checked, what is sent is the caller's to get right.
const (
	Text   = frame.Text
	Binary = frame.Binary
)

// StatusCode is the number in a Close frame, see [frame.StatusCode].
type StatusCode = frame.StatusCode

// The status codes, RFC 6455, section 7.4.1 and the IANA registry. What they
// mean is said in package frame.
const (
	StatusNormalClosure      = frame.StatusNormalClosure      // 1000
	StatusGoingAway          = frame.StatusGoingAway          // 1001
	StatusProtocolError      = frame.StatusProtocolError      // 1002
	StatusUnsupportedData    = frame.StatusUnsupportedData    // 1003
	StatusNoStatusReceived   = frame.StatusNoStatusReceived   // 1005
	StatusAbnormalClosure    = frame.StatusAbnormalClosure    // 1006
	StatusInvalidPayload     = frame.StatusInvalidPayload     // 1007
	StatusPolicyViolation    = frame.StatusPolicyViolation    // 1008
	StatusMessageTooBig      = frame.StatusMessageTooBig      // 1009
	StatusMandatoryExtension = frame.StatusMandatoryExtension // 1010
	StatusInternalError      = frame.StatusInternalError      // 1011
	StatusServiceRestart     = frame.StatusServiceRestart     // 1012
	StatusTryAgainLater      = frame.StatusTryAgainLater      // 1013
	StatusBadGateway         = frame.StatusBadGateway         // 1014
	StatusTLSHandshake       = frame.StatusTLSHandshake       // 1015
)

// Message is a whole message. Who owns Data, and until when, is said by the
// method that hands it out.
type Message struct {
	Type MessageType
	Data []byte
}

// Conn is a WebSocket connection, of either side. Make one with [Accept],
// [Handler], [Dial] or [New].
//
// All methods may be called from any goroutine. Somebody has to read, or pings
// are not answered and the peer's Close is not seen; see [Conn.Messages].
//
// Much of a program's memory are connections that wait, so what only some need,
// or only for a while, is behind a pointer.
type Conn struct {
	resumable bool          // a write that ran into its deadline may be continued
	shared    bool          // several goroutines write at once; guarded by mu
	replies   replies       // guarded by mu
	state     atomic.Uint32 // a lifetime, written by setState with mu held, and the turn to read

	cfg   *Config // resolved, shared, never changed
	terms *terms  // nil if they are none
	nc    net.Conn
	raw   syscall.RawConn // nil if nc must be read and written blindly

	// The reading half belongs to whoever has the turn to read.
	in      inbound
	wire    wire
	message reading

	mu   sync.Mutex  // guards all that follows
	more *belongings // made at the first need
	keep keeper
	out  outbound
}

// terms are what the handshake may have agreed on, and what it was done for. They never
// change, and connections may share them.
type terms struct {
	subprotocol string
	deflate     *handshake.Deflate
	values      context.Context // of Conn.Context; nil: there are none
}

// ending is the end of a connection.
type ending struct {
	err        error       // why it is no longer alive; set once
	timer      *time.Timer // bounds the closing handshake
	silence    *time.Timer // see startLinger
	result     error       // what Close returns; settled when dead
	peerClosed bool        // the peer's Close has come
	closeSaid  bool        // our Close has been sent
	buried     bool        // the stream is closed

	said chan struct{} // closed when closeSaid is set, or the connection dead; see flushClose
}

// belongings are what not every connection has.
type belongings struct {
	done   chan struct{}           // made by the first who asks
	ctx    context.Context         // as long as there is no cancel: what to make it of
	cancel context.CancelCauseFunc // ends ctx; made by the first who asks
	groups *membership             // to be left at the end

	end     *ending  // how it ends; made when it is no longer alive
	watches *watches // of contexts, while somebody waits
	rare    *rarities
}

// rarities are what few connections have.
type rarities struct {
	free    chan struct{} // tells one who waits for its turn to read to look
	second  *descriptor   // see Conn.second
	hold    *time.Timer   // see Conn.hold
	dropped uint64        // for Stats
	jobs    *jobs         // for the workers of a Server
}

// New makes a connection of an upgraded stream, which it owns from then on. A
// nil cfg means the zero Config. It reads and writes nothing by itself.
func New(u *handshake.Upgraded, cfg *Config) *Conn {
	return newConn(u, cfg.resolved(), nil)
}

// newConn is New with a Config that is resolved, and with terms, which may be nil if
// there is nothing in u that belongs to them.
func newConn(u *handshake.Upgraded, cfg *Config, t *terms) *Conn {
	c := &Conn{cfg: cfg, nc: u.Conn, terms: t}
	if t == nil && (u.Subprotocol != "" || u.Deflate != nil) {
		c.terms = &terms{subprotocol: u.Subprotocol, deflate: u.Deflate}
	}
	c.in.rules.Role = u.Role
	c.in.limit = c.cfg.MaxMessage
	c.resumable = resumable(u.Conn)
	s := c.socket()
	if s != nil {
		c.raw = s.rawConn()
		c.message.served = true
		c.tryTurn() // for good
		c.wire.loop.Store(&s.loop.reads)
	} else {
		c.raw = rawConn(u.Conn)
		c.wire.try = c.polled()
		c.message.loops = c.raw != nil
	}
	c.out.role = u.Role
	if u.Deflate != nil {
		c.useDeflate(u.Deflate)
	}
	if len(u.Buffered) > 0 {
		c.wire.buf = bufpool.Get(max(len(u.Buffered), readSize))
		c.wire.w = int32(copy(c.wire.buf.B, u.Buffered))
	}
	if s == nil { // an event loop sees to both
		c.observeOpen()
		c.startKeepAlive()
	}
	return c
}

// Subprotocol returns the subprotocol that the handshake agreed on, or "".
func (c *Conn) Subprotocol() string {
	if c.terms == nil {
		return ""
	}
	return c.terms.subprotocol
}

// Deflate returns what the handshake agreed on about compression, or nil if
// messages are not compressed.
func (c *Conn) Deflate() *handshake.Deflate {
	if c.terms == nil {
		return nil
	}
	return c.terms.deflate
}

// LocalAddr returns the address of this end of the stream beneath.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr returns the address of the peer, or of the last proxy before it.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Transport returns the stream beneath: a *net.TCPConn, a *net.UnixConn, a
// *tls.Conn, over HTTP/2 a *handshake.Stream, or what else the connection was made
// of. It is there to be asked and tuned (TCP_NODELAY, the TLS state). Reading,
// writing or closing it, or setting deadlines on it, breaks the connection.
func (c *Conn) Transport() net.Conn { return c.nc }

// Done returns a channel that is closed when the connection is over: the
// closing handshake has ended, one way or other, and the TCP connection is
// closed. What is said by then is in [Conn.Err].
func (c *Conn) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.belongings()
	if m.done == nil {
		m.done = make(chan struct{})
		if c.buried() {
			close(m.done)
		}
	}
	return m.done
}

// Err returns nil as long as messages can be sent and received. After that it
// is the reason why they no longer can be: a [*CloseError], a [*ProtocolError],
// a [*TimeoutError], or one that matches net.ErrClosed when this side closed.
// It never changes again, and it is what every method returns from then on.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why()
}

// why returns why the connection is no longer alive, or nil if it is. The caller holds
// mu.
func (c *Conn) why() error {
	if c.more == nil || c.more.end == nil {
		return nil
	}
	return c.more.end.err
}

// over tells those who wait for the end of the connection.
func (m *belongings) over(why error) {
	if m.watches != nil {
		m.watches.read.close()
		m.watches.write.close()
	}
	if m.done != nil {
		close(m.done)
	}
	if m.cancel != nil {
		m.cancel(why)
	}
}

// belongings returns c.more. The caller holds mu.
func (c *Conn) belongings() *belongings {
	if c.more == nil {
		c.have(new(belongings))
	}
	return c.more
}

// have is for a connection that has nothing yet. The caller holds mu.
func (c *Conn) have(m *belongings) {
	m.ctx = context.Background()
	if c.terms != nil && c.terms.values != nil {
		m.ctx = c.terms.values
	}
	c.more = m
}

// makeEnd makes the end of a connection. The caller holds mu.
func (c *Conn) makeEnd() *ending {
	if c.more == nil { // as mostly: one allocation for both
		last := new(struct {
			belongings
			ending
		})
		c.have(&last.belongings)
		c.more.end = &last.ending
	} else {
		c.more.end = new(ending)
	}
	return c.more.end
}

// rarities returns c.more.rare. The caller holds mu.
func (c *Conn) rarities() *rarities {
	m := c.belongings()
	if m.rare == nil {
		m.rare = new(rarities)
	}
	return m.rare
}

// ifRare returns what there is of it. The caller holds mu.
func (c *Conn) ifRare() (r rarities) {
	if c.more != nil && c.more.rare != nil {
		r = *c.more.rare
	}
	return r
}

func (c *Conn) isBuried() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buried()
}

// buried reports whether the stream is closed. The caller holds mu.
func (c *Conn) buried() bool { return c.more != nil && c.more.end != nil && c.more.end.buried }
