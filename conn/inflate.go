package conn

import (
	"math"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
	"github.com/parleyws/websocket/internal/flate"
)

// inflater is what an inbound machine needs for compressed messages (RFC 7692,
// section 7.2.2). Between two messages it holds the history that the peer may
// refer to, if that was agreed on, and nothing else.
type inflater struct {
	bits     int  // of the peer's window
	takeover bool // its messages may refer to earlier ones

	d     *flate.Decompressor // nil: made at the first byte
	out   *bufpool.Buffer     // what was inflated last; nil: nothing
	clear int                 // bytes that are shown again, and were unmasked before
	tail  int                 // bytes of flate.Tail that the message has got
	more  bool                // there are bytes to come out that nothing has to go in for

	packed int64 // compressed bytes of the message, by the headers so far
}

// Bounds of what is inflated at once.
const (
	minInflate = 4 << 10
	maxInflate = 64 << 10
)

// countPacked is count for a frame of a compressed message.
//
// What comes out is counted when it comes out. What goes in is counted too, or a
// peer could send bytes for ever of which nothing comes out. An encoder that
// flushes after each byte makes 7 of one, or 11 if it is that of Go.
func (in *inbound) countPacked(h *frame.Header) error {
	z := in.z
	if h.Opcode != frame.Continuation {
		z.tail, z.packed = 0, 0
	}
	z.clear, z.more = 0, false
	most := int64(math.MaxInt64)
	if in.limit < (most-1<<10)/16 {
		most = 16*in.limit + 1<<10
	}
	if h.Length > most-z.packed {
		return errTooBig()
	}
	z.packed += h.Length
	return nil
}

// inflate is payload for a frame of a compressed message. It takes of p what it
// has inflated, and nothing if there is output left from before.
func (in *inbound) inflate(p []byte) (int, event, error) {
	z := in.z
	if int64(len(p)) > in.left {
		p = p[:in.left]
	}
	if len(p) == 0 && in.left > 0 && !z.more {
		return 0, event{}, nil
	}
	if in.rules.Role == frame.Server {
		in.key = in.key.XOR(p[z.clear:])
	}
	dst := z.room(len(p), in.limit-in.size)
	n, m, err := z.feed(dst, p, in.last && int64(len(p)) == in.left)
	z.clear = len(p) - m
	in.left -= int64(m)
	in.size += int64(n)
	z.more = err == flate.ErrShortDst
	switch {
	case z.more && len(dst) == 0:
		return m, event{}, errTooBig()
	case z.more:
		err = nil
	case err == nil && in.left == 0:
		in.inFrame = false
	}
	end := !in.inFrame && in.last && err == nil
	if err == nil && end {
		err = z.end()
	}
	if err != nil {
		return m, event{}, errCorrupt(err)
	}
	if in.kind == frame.Text {
		if err := in.checkText(dst[:n], end); err != nil {
			return m, event{}, err
		}
	}
	if n == 0 && !end {
		return m, event{}, nil
	}
	return m, event{op: in.kind, data: dst[:n:n], end: end}, nil
}

// feed inflates src into dst and says how much of each. If src is the last of the
// message, it is followed by what the sender has left out.
//
// RFC 7692, section 7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail
// end of the payload of the message."
func (z *inflater) feed(dst, src []byte, last bool) (n, m int, err error) {
	if z.d == nil {
		z.d = flate.NewDecompressor(z.bits)
	}
	if last && z.tail == 0 {
		var whole bool
		if n, m, whole, err = z.d.InflateLast(dst, src, !z.takeover); whole {
			z.tail = len(tail)
		}
	} else {
		n, m, err = z.d.Inflate(dst, src)
	}
	for err == nil && last && z.tail < len(tail) {
		more, k, tailErr := z.d.Inflate(dst[n:], tail[z.tail:])
		n, z.tail, err = n+more, z.tail+k, tailErr
	}
	return n, m, err
}

var tail = []byte(flate.Tail)

// end ends a message, and lets all go that the next one does not need.
func (z *inflater) end() error {
	err := z.d.EndMessage()
	if !z.takeover {
		z.d.Release()
		z.d = nil
	}
	return err
}

// room returns memory for what comes out of n bytes, of no more than limit bytes.
func (z *inflater) room(n int, limit int64) []byte {
	if z.out == nil {
		z.out = bufpool.Get(min(max(8*n, minInflate), maxInflate))
	}
	return z.out.B[:min(int64(len(z.out.B)), limit)]
}

// drop gives up the buffer that was inflated into. Whoever was lent it keeps it
// alive. A nil z has none.
func (z *inflater) drop() {
	if z != nil {
		z.out.Release()
		z.out = nil
	}
}

// RFC 7692, section 7.2.2, says how to inflate, and nothing of what cannot be
// inflated. RFC 6455, section 7.4.1: 1007 is for "data within a message that was
// not consistent with the type of the message".
func errCorrupt(err error) error {
	corrupt, ok := err.(*flate.CorruptError)
	if !ok {
		panic("BUG: " + err.Error())
	}
	return &frame.Error{
		Code: StatusInvalidPayload, Section: "7.4.1",
		Reason: "a compressed message cannot be inflated: " + corrupt.Reason,
	}
}
