package browser

import (
	"slices"

	"github.com/parleyws/websocket/frame"
)

// outgoing puts the frames that an endpoint writes together to messages. The zero
// value is ready for a client's. It keeps nothing between two messages.
type outgoing struct {
	rules frame.Validator // of the other role

	head   []byte // the beginning of a header that was cut
	h      frame.Header
	left   int64 // bytes of the frame's payload that are still to come
	within bool  // a frame, of which the last byte has not come

	typ     frame.Opcode
	message []byte // of the type typ, as far as it has come
	control []byte // payload of a control frame, likewise
}

// sink takes what comes out.
type sink interface {
	send(typ frame.Opcode, p []byte) error // a whole message; p is only lent
	close(code frame.StatusCode, reason string) error
}

// write takes the next bytes, however they are cut. The error is one of the sink, or
// a rule that the frames break; what follows is not looked at then.
func (o *outgoing) write(p []byte, to sink) error {
	for {
		if !o.within {
			n, err := o.header(p)
			if err != nil || !o.within {
				return err
			}
			p = p[n:]
		}
		n := min(o.left, int64(len(p)))
		o.payload(p[:n])
		p = p[n:]
		if o.left > 0 {
			return nil
		}
		o.within = false
		if err := o.end(to); err != nil {
			return err
		}
	}
}

// header takes a header, and returns how many bytes of p it had. If it is cut, it
// keeps what there is and is not within a frame.
func (o *outgoing) header(p []byte) (int, error) {
	old := len(o.head)
	o.head = append(o.head, p[:min(len(p), frame.MaxHeaderSize-old)]...)
	h, n, err := frame.ParseHeader(o.head)
	if err != nil || n == 0 {
		return 0, err
	}
	o.rules.Role = frame.Server
	if err := o.rules.Next(h); err != nil {
		return 0, err
	}
	o.head = o.head[:0]
	o.h, o.left, o.within = h, h.Length, true
	switch {
	case h.Opcode.IsControl():
		o.control = o.control[:0]
	case h.Opcode != frame.Continuation:
		o.typ = h.Opcode
	}
	return n - old, nil
}

// payload takes a part of the frame's payload.
func (o *outgoing) payload(p []byte) {
	to := &o.message
	if o.h.Opcode.IsControl() {
		to = &o.control
	} else if o.h.Fin {
		*to = slices.Grow(*to, int(o.left)) // it is our own program that says so
	}
	n := len(*to)
	*to = append(*to, p...)
	o.h.Key = o.h.Key.XOR((*to)[n:])
	o.left -= int64(len(p))
}

// end does with a frame that is complete what it asks for. Pings and Pongs are not
// for scripts to send; the browser answers those of the server.
func (o *outgoing) end(to sink) error {
	switch {
	case o.h.Opcode == frame.Close:
		code, reason, err := frame.ParseClose(o.control)
		if err != nil {
			return err
		}
		return to.close(code, reason)
	case o.h.Opcode.IsControl() || !o.h.Fin:
		return nil
	default:
		p := o.message
		o.message = nil
		return to.send(o.typ, p)
	}
}
