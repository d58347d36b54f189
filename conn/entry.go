package conn

import (
	"sync"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
)

// entry is a frame that somebody wants to be sent, or the wish to stream a
// message. It is guarded by Conn.mu.
type entry struct {
	next  *entry
	depth int // of spare entries: how many there are from here on

	head    frame.Header
	payload []byte // what is still to be encoded
	frozen  bool   // payload will never change
	encoded bool   // payload is a whole frame, header and all
	stream  bool   // a fragment of the streamed message
	turn    bool   // no frame: the right to stream a message

	sibling *entry // the next of the same batch

	// Compression, see deflater.
	press    bool // it is to be compressed, or the history to be forgotten for it
	pressing bool // its payload is being read without mu, nobody may take it back
	size     int  // bytes that it had before it was compressed

	start int  // where its bytes begin in the batch, 0 if in an earlier one
	end   int  // where they end
	begun bool // its header is in the batch, or sent
	cut   bool // a byte of it is sent

	// wake has room for one token, which says: look again. It is made at the
	// first wait.
	wake      chan struct{}
	async     bool // whoever waits cannot be kept in a blocking write
	cancelled bool // whoever waits wants it withdrawn
	promoted  bool // whoever waits owns the socket now
	done      bool
	err       error // once done

	left bool            // nobody waits for it
	own  *bufpool.Buffer // what payload lies in then, unless it is frozen
	held int             // bytes of the backlog that are its
}

// alert tells whoever waits for e to look at it.
func (e *entry) alert() {
	select {
	case e.wake <- struct{}{}:
	default: // nobody waits yet, or a token is there already
	}
}

// entry returns an entry for send and its like.
// With the opcode go the flags of [Compression].
func (o *outbound) entry(op frame.Opcode, payload []byte, k kind) *entry {
	e := o.oddly().spare
	if e == nil {
		e = entries.Get().(*entry)
	} else {
		o.odd.spare = e.next
	}
	e.next, e.depth = nil, 0
	e.head.Opcode, e.head.Rsv1 = plainType(op), op&packed != 0
	e.head.Fin, e.payload, e.size = k != asFragment, payload, len(payload)
	e.stream = k == asFragment || k == asLast
	e.turn = k == asTurn
	e.frozen, e.encoded = k == asFrozen || k == asEncoded, k == asEncoded
	if e.encoded {
		e.head, _, _ = frame.ParseHeader(payload)
		e.size = int(e.head.Length)
	}
	e.press = o.z.wantsEntry(e, op)
	return e
}

// enqueue adds an entry to what waits.
func (o *outbound) enqueue(e *entry) {
	if e.stream {
		o.oddments().fragment = e
	} else {
		o.queue.push(e)
	}
}

func (o *outbound) recycle(e *entry) {
	select {
	case <-e.wake:
	default:
	}
	e.own.Release()
	if e.left {
		o.backlog -= loadOf(e.held)
	}
	if e.wake == nil {
		*e = entry{}
		entries.Put(e)
		return
	}
	*e = entry{wake: e.wake, next: o.oddments().spare, depth: 1}
	if e.next != nil {
		e.depth += e.next.depth
	}
	if e.depth <= maxSpares {
		o.odd.spare = e
	}
}

// maxSpares is how many entries with a channel a connection keeps.
const maxSpares = 64

// entries are those that nobody ever had to wait for. (The others stay with their
// connection, for a channel that was made in a testing/synctest bubble must not
// get out of it.)
var entries = sync.Pool{New: func() any { return new(entry) }}

// entryList is a singly linked list of entries.
type entryList struct{ head, tail *entry }

func (l *entryList) push(e *entry) {
	e.next = nil
	if l.head == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
}

func (l *entryList) pop() *entry {
	e := l.head
	if e != nil {
		l.head, e.next = e.next, nil
		if l.head == nil {
			l.tail = nil
		}
	}
	return e
}

func (l *entryList) remove(e *entry) {
	var before *entry
	for x := l.head; x != nil; before, x = x, x.next {
		if x != e {
			continue
		}
		if before == nil {
			l.pop()
			return
		}
		before.next, e.next = e.next, nil
		if l.tail == e {
			l.tail = before
		}
		return
	}
}
