package conn

import "github.com/parleyws/websocket/internal/bufpool"

// This file is about frames that are not sent, or not for somebody any more.

// refuse ends the sending of data with err: what has not been begun fails, and
// so does all that comes later. What was taken from callers who have gone on since is
// kept if wanted, to be sent before our Close frame. It cannot be behind a message that
// is being streamed, nor where a message that fails may be in the history of those that
// are compressed.
func (o *outbound) refuse(err error, keep bool) {
	o.over = true
	keep = keep && !o.streaming && !(o.z != nil && o.z.takeover && o.someoneWaits())
	all := o.queue
	o.queue = entryList{}
	for e := all.pop(); e != nil; e = all.pop() {
		if keep && e.left {
			o.queue.push(e)
		} else {
			o.refuseEntry(e, err)
		}
	}
	if e := o.oddly().fragment; e != nil {
		o.odd.fragment = nil
		o.refuseEntry(e, err)
	}
	o.pings.next = 0
}

// someoneWaits reports whether a message in the queue has a caller who waits for it.
func (o *outbound) someoneWaits() bool {
	for e := o.queue.head; e != nil; e = e.next {
		if !e.left {
			return true
		}
	}
	return false
}

// refuseEntry ends e, or lets the owner do so who is reading its payload.
func (o *outbound) refuseEntry(e *entry, err error) {
	if e.pressing {
		e.err = err
		return
	}
	o.finish(e, err)
}

// fail ends all sending with err, in the middle of a frame or not. The owner,
// if it is not the caller, finds out by itself; until then it uses the batch.
func (o *outbound) fail(err error) {
	o.refuse(err, false)
	o.pings.end()
	if o.odd != nil {
		o.odd.farewell.Release()
		o.odd.farewell = nil
	}
	o.replies.Release()
	o.replies = nil
	o.held.Release()
	o.held = nil
	if f := o.air; f != nil {
		if f.lying != nil {
			f.kept, f.lying.own = f.lying.own, nil
		}
		for e := f.flying.pop(); e != nil; e = f.flying.pop() {
			o.finish(e, err)
		}
	}
	if e := o.part; e != nil {
		o.part = nil
		o.finish(e, err)
	}
}

// withdraw takes back an entry of which no byte is sent, with no trace. Only the
// owner may do so with one that is in the batch.
func (o *outbound) withdraw(e *entry, err error) {
	switch {
	case !e.begun && e == o.oddly().fragment:
		o.odd.fragment = nil
	case !e.begun:
		o.queue.remove(e)
	case e.cut:
		panic("BUG: a frame that is cut cannot be withdrawn")
	default:
		o.cutOut(e)
	}
	o.finish(e, err)
}

// cutOut removes e's bytes from the batch.
func (o *outbound) cutOut(e *entry) {
	b := o.air.batch
	if e == o.air.lying {
		o.air.direct, o.air.lying = nil, nil
	}
	end := len(b.B)
	if e == o.part {
		o.part = nil
	} else {
		end = min(e.end, end)
		n := end - e.start
		for x := e.next; x != nil; x = x.next {
			x.start, x.end = x.start-n, x.end-n
		}
		if o.part != nil {
			o.part.start -= n
		}
		o.air.flying.remove(e)
	}
	b.B = append(b.B[:e.start], b.B[end:]...)
	if o.air.sent == len(b.B) && len(o.air.direct) == 0 {
		o.landed()
	}
}

// leave lets the goroutine that waits for e go: the rest of it is sent from a
// copy.
func (o *outbound) leave(e *entry) {
	var lying []byte
	if o.air != nil && o.air.lying == e {
		lying = o.air.direct
	}
	n := len(lying) + len(e.payload)
	o.holds(e, n+o.inBatch(e))
	if n == 0 || e.frozen {
		return
	}
	e.own = bufpool.Get(n)
	e.own.B = append(append(e.own.B[:0], lying...), e.payload...)
	e.payload = e.own.B[len(lying):]
	if lying != nil {
		o.air.direct = e.own.B[:len(lying):len(lying)]
	}
}

// inBatch returns how many unsent bytes of e are in the batch.
func (o *outbound) inBatch(e *entry) int {
	if o.air == nil || !e.begun {
		return 0
	}
	end := len(o.air.batch.B)
	if e != o.part {
		end = min(end, e.end)
	}
	return max(end-max(e.start, o.air.sent), 0)
}

// dropCancelled gives in to those who want their entries back. Only the owner
// may call it.
func (o *outbound) dropCancelled() {
	o.kicked.Store(false)
	for e := o.firstFlying(); e != nil; {
		next := e.next
		o.dropIfCancelled(e)
		e = next
	}
	if o.part != nil {
		o.dropIfCancelled(o.part)
	}
}

func (o *outbound) dropIfCancelled(e *entry) {
	switch {
	case !e.cancelled:
	case e.cut:
		e.alert() // it may leave
	default:
		o.withdraw(e, errWithdrawn)
	}
}
