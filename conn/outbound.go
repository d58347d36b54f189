package conn

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
)

// outbound is the sending half: what waits to be written, and what is being
// written. It does no I/O. Everything in it is guarded by Conn.mu, but for the
// owner's reading of the batch.
//
// One goroutine at a time owns the socket. It gathers what waits into a batch,
// sends the batch without holding mu, settles what was sent, and hands the
// ownership on when its own frame is out. Whoever comes meanwhile puts an entry
// into the queue and waits, and mostly finds it sent together with others in one
// system call.
//
// A frame that has been begun is finished before another one starts. When
// nobody owns the socket there is nothing that could be sent: the queue may hold
// frames that wait for a streamed message to end.
type outbound struct {
	role      frame.Role
	owned     bool
	over      bool        // nothing more can be written
	streaming bool        // a message is streamed
	kicked    atomic.Bool // the owner shall look at cancelled entries

	// Control frames go before data. There is never more than one Ping to be
	// sent, and of Pongs no more than fit in maxReplies: RFC 6455, section
	// 5.5.3, asks for no more than the answer to the latest Ping.
	replies *bufpool.Buffer // Pongs, encoded
	pings   pings           // the one to be sent, and those that wait for their Pong
	held    *bufpool.Buffer // messages, encoded, that wait for others; they go first, see hold

	queue entryList // data frames that wait, first come first served
	odd   *oddments // nil: none
	part  *entry    // begun, and not yet encoded to its end

	z *deflater // nil: nothing is compressed

	air *flight // what is being sent; nil if nothing is

	backlog load // that nobody waits for
	sent    sent // for Stats
}

// oddments are what connections have at times, or in the end.
type oddments struct {
	farewell *bufpool.Buffer // our Close frame, encoded; the last of all
	broken   *CloseError     // how the socket failed, if it did
	parked   bool            // the owner is an event loop, which waits for room in the socket
	since    time.Time       // when it has begun to wait, for the batch

	// While a message is streamed, data frames wait in the queue, and the
	// stream's fragments pass by, one at a time, through fragment.
	fragment *entry

	spare *entry // entries to be used again
}

// oddments returns o.odd to be written to.
func (o *outbound) oddments() *oddments {
	if o.odd == nil {
		o.odd = new(oddments)
	}
	return o.odd
}

// oddly returns o.odd to be read.
func (o *outbound) oddly() oddments {
	if o.odd == nil {
		return oddments{}
	}
	return *o.odd
}

// parked reports whether an event loop owns the socket, and waits for room in it.
func (o *outbound) parked() bool { return o.odd != nil && o.odd.parked }

// sent is what has been sent.
type sent struct {
	messages, bytes, batches uint64
}

// Limits of a batch, in bytes.
const (
	maxBatch   = 64 << 10  // that are copied together for one system call
	largeFrame = 16 << 10  // payloads from here on are not copied to join others
	maxDirect  = 256 << 10 // of a payload that is sent from where it lies
	maxReplies = 2 << 10   // of Pongs that wait for the peer to read
)

// What became of an entry that was no longer wanted.
var (
	errWithdrawn = errors.New("conn: the write was withdrawn in time")
	errLeft      = errors.New("conn: the write is completed in the background")
)

// front returns the data frame that is next.
func (o *outbound) front() *entry {
	if o.streaming {
		return o.oddly().fragment
	}
	return o.queue.head
}

func (o *outbound) popFront() *entry {
	if o.streaming {
		e := o.oddments().fragment
		o.odd.fragment = nil
		return e
	}
	return o.queue.pop()
}

// idle reports that there is nothing to be sent.
func (o *outbound) idle() bool { return o.held == nil && o.nothingWaits() }

// nothingWaits is idle, but for what is held.
func (o *outbound) nothingWaits() bool {
	return o.air == nil && o.part == nil && o.replies == nil && o.pings.next == 0 &&
		(o.odd == nil || o.odd.farewell == nil) && o.front() == nil
}

// alone reports whether nothing waits or is being sent but one data frame.
func (o *outbound) alone() bool {
	n := 0
	if o.part != nil {
		n++
	}
	for e := o.firstFlying(); e != nil; e = e.next {
		n++
	}
	return n <= 1 && o.front() == nil && o.replies == nil && o.pings.next == 0
}

// gather puts what waits into the batch and reports whether there is a batch to
// be sent. self is the entry of the owner, nil if it has none: a large payload
// is sent from where it lies only by the goroutine that it belongs to.
func (o *outbound) gather(self *entry) bool {
	if o.air != nil {
		return true
	}
	o.air = newFlight(o.held, o.plan(self))
	o.held = nil
	switch {
	case o.part != nil:
		o.part.start, o.part.cut = 0, true
		o.encode(o.part, self)
	case o.oddly().farewell != nil && o.front() == nil:
		// RFC 6455, section 5.5.1: "The application MUST NOT send any more data
		// frames after sending a Close frame."
		o.takeControl()
		o.air.batch.B = append(o.air.batch.B, o.odd.farewell.B...)
		o.odd.farewell.Release()
		o.odd.farewell, o.air.closes = nil, true
	default:
		o.takeControl()
		o.takeEntries(self)
	}
	if len(o.air.batch.B)+len(o.air.direct) == 0 {
		o.endBatch()
		return false
	}
	return true
}

// plan returns how large the next batch will be, give or take a little.
func (o *outbound) plan(self *entry) int {
	n := 2 * (frame.MaxHeaderSize + frame.MaxControlPayload) // a Ping and a Close
	if o.replies != nil {
		n += len(o.replies.B)
	}
	e := o.part
	if e == nil {
		e = o.front()
	}
	for ; e != nil && n < maxBatch; e = e.next {
		if !o.lies(e, self) {
			n += frame.MaxHeaderSize + len(e.payload)
		}
	}
	return min(n+frame.MaxHeaderSize, maxBatch)
}

// lies reports whether e's payload is sent from where it lies: one that must
// not be masked, and will not change while it is sent.
func (o *outbound) lies(e, self *entry) bool {
	return (e == self || e.frozen) && o.role == frame.Server && len(e.payload) >= largeFrame
}

func (o *outbound) takeControl() {
	if o.replies != nil {
		o.air.batch.B = append(o.air.batch.B, o.replies.B...)
		o.replies.Release()
		o.replies = nil
	}
	if n := o.pings.next; n != 0 {
		o.air.batch.B = appendControl(o.air.batch.B, o.role, frame.Ping, pingPayload(n))
		o.pings.sent(n)
		o.pings.next, o.air.ping = 0, n
	}
}

func (o *outbound) takeEntries(self *entry) {
	for e := o.front(); e != nil && o.joins(e, self); e = o.front() {
		o.popFront()
		if e.turn {
			o.streaming = true
			o.finish(e, nil)
			return
		}
		e.start, e.begun = len(o.air.batch.B), true
		o.beginFrame(e)
		o.encode(e, self)
		if o.part != nil || o.air.lying != nil {
			return
		}
	}
}

// joins reports whether e is to be sent with what is in the batch. A large frame
// of a goroutine that can take its turn as owner is left to it, and one that is
// still to be compressed to the next batch.
func (o *outbound) joins(e, self *entry) bool {
	if e.press {
		return false
	}
	if len(e.payload) >= largeFrame {
		return e == self || e.left || e.async
	}
	return len(o.air.batch.B) == 0 || len(o.air.batch.B)+frame.MaxHeaderSize+len(e.payload) <= maxBatch
}

// beginFrame puts e's header into the batch, unless it is in the payload.
func (o *outbound) beginFrame(e *entry) {
	if e.encoded {
		return
	}
	e.head.Length = int64(len(e.payload))
	if o.role == frame.Client {
		// RFC 6455, section 5.3: "The masking key needs to be unpredictable",
		// and is a new one for every frame.
		e.head.Masked, e.head.Key = true, frame.NewKey()
	}
	o.air.batch.B = e.head.Append(o.air.batch.B)
}

// encode puts as much of e's payload as is right into the batch.
func (o *outbound) encode(e, self *entry) {
	if o.lies(e, self) {
		n := min(len(e.payload), maxDirect)
		o.air.direct, o.air.lying, e.payload = e.payload[:n], e, e.payload[n:]
	} else {
		n := min(len(e.payload), max(maxBatch-len(o.air.batch.B), 0))
		b := o.air.batch.Grow(len(o.air.batch.B) + n)
		at := len(b.B)
		b.B = b.B[:at+n]
		if o.role == frame.Client {
			e.head.Key = e.head.Key.XORTo(b.B[at:], e.payload[:n])
		} else {
			copy(b.B[at:], e.payload)
		}
		o.air.batch, e.payload = b, e.payload[n:]
	}
	o.part = e
	if len(e.payload) == 0 {
		o.part = nil
		e.end = len(o.air.batch.B) + len(o.air.direct)
		o.air.flying.push(e)
	}
}

// settle takes note that n more bytes of the batch are out. It reports whether
// our Close frame was among them.
func (o *outbound) settle(n int) (closed bool) {
	o.air.sent += n
	if over := o.air.sent - len(o.air.batch.B); over > 0 {
		// Keep the invariant that sent lies in batch.B.
		o.air.direct = o.air.direct[over:]
		o.air.sent -= over
		o.air.lying.end -= over
		o.air.lying.cut = true
	}
	all := o.air.sent == len(o.air.batch.B) && len(o.air.direct) == 0
	flying := &o.air.flying
	for e := flying.head; e != nil && (all || e.end <= o.air.sent); e = flying.head {
		o.finish(flying.pop(), nil)
	}
	for _, e := range [...]*entry{flying.head, o.part} {
		if e != nil && o.air.sent > e.start {
			e.cut = true
		}
	}
	if all {
		closed = o.air.closes
		o.landed()
	}
	return closed
}

// landed ends a batch that is all sent.
func (o *outbound) landed() {
	o.pings.out(o.air.ping)
	o.endBatch()
}

// firstFlying returns the first of the entries that are being sent.
func (o *outbound) firstFlying() *entry {
	if o.air == nil {
		return nil
	}
	return o.air.flying.head
}

func (o *outbound) endBatch() {
	if o.air != nil {
		o.air.release()
		o.air = nil
	}
}

// finish ends an entry's wait.
func (o *outbound) finish(e *entry, err error) {
	e.done, e.err = true, err
	if err == nil && !e.turn {
		o.sent.bytes += uint64(e.size)
		if e.head.Fin {
			o.sent.messages++
		}
	}
	if e.stream && e.head.Fin && err == nil {
		o.streaming = false
	}
	if e.left {
		o.recycle(e)
		return
	}
	e.alert()
}

// heir returns the entry whose goroutine is to own the socket next, or nil if
// there is none that could.
func (o *outbound) heir() *entry {
	for _, e := range [...]*entry{o.firstFlying(), o.part, o.front()} {
		for ; e != nil; e = e.next {
			if !e.left && !e.async {
				return e
			}
		}
	}
	return nil
}

// reply queues the answer to a Ping.
func (o *outbound) reply(payload []byte) {
	if o.over {
		return
	}
	if o.replies == nil {
		o.replies = bufpool.Get(maxReplies)
		o.replies.B = o.replies.B[:0]
	}
	if len(o.replies.B)+frame.MaxHeaderSize+len(payload) > maxReplies {
		o.replies.B = o.replies.B[:0]
	}
	o.replies.B = appendControl(o.replies.B, o.role, frame.Pong, payload)
}

// appendControl appends a whole control frame.
func appendControl(dst []byte, role frame.Role, op frame.Opcode, payload []byte) []byte {
	h := frame.Header{Fin: true, Opcode: op, Length: int64(len(payload))}
	if role == frame.Client {
		h.Masked, h.Key = true, frame.NewKey()
	}
	dst = h.Append(dst)
	at := len(dst)
	dst = append(dst, payload...)
	if h.Masked {
		h.Key.XOR(dst[at:])
	}
	return dst
}
