package vectors

import (
	"errors"
	"unicode/utf8"

	"github.com/parleyws/websocket/frame"
)

// outcome is what the reference endpoint makes of some bytes.
type outcome struct {
	messages []Message
	pongs    [][]byte
	end      End
	code     frame.StatusCode
	reason   string
}

// endpoint is an endpoint for reading, not for use: it takes a whole stream at
// once and looks at it from the start.
type endpoint struct {
	outcome
	max      int64
	rules    frame.Validator
	message  Message // so far
	declared int64   // bytes of message, by the headers so far
}

// reference returns what is to come of wire. The endpoint expects more bytes at
// its end.
func reference(role frame.Role, limit int64, wire []byte) outcome {
	e := &endpoint{max: limit, rules: frame.Validator{Role: role}}
	for len(wire) > 0 && e.end != Closed && e.end != Failed {
		header, n, err := frame.ParseHeader(wire)
		if err != nil {
			e.fail(err)
			break
		}
		if n == 0 {
			e.end = Incomplete
			break
		}
		payload := wire[n:]
		whole := header.Length <= int64(len(payload))
		if whole {
			payload = payload[:header.Length]
		}
		wire = wire[n+len(payload):]
		e.frame(header, unmasked(header, payload), whole)
	}
	return e.outcome
}

func unmasked(header frame.Header, payload []byte) []byte {
	payload = append([]byte{}, payload...)
	if header.Masked {
		header.Key.XOR(payload)
	}
	return payload
}

// frame takes a frame, of which the last may be not whole.
func (e *endpoint) frame(header frame.Header, payload []byte, whole bool) {
	switch err := e.rules.Next(header); {
	case err != nil:
		e.fail(err)
	case header.Opcode.IsControl() && !whole:
		e.end = Incomplete
	case header.Opcode.IsControl():
		e.control(header.Opcode, payload)
	default:
		e.data(header, payload, whole)
	}
}

func (e *endpoint) control(op frame.Opcode, payload []byte) {
	switch op {
	case frame.Ping:
		e.pongs = append(e.pongs, payload)
	case frame.Close:
		code, reason, err := frame.ParseClose(payload)
		if err != nil {
			e.fail(err)
			return
		}
		e.end, e.code, e.reason = Closed, code, reason
	}
}

func (e *endpoint) data(header frame.Header, payload []byte, whole bool) {
	if header.Opcode != frame.Continuation {
		e.message = Message{Type: header.Opcode, Data: []byte{}}
		e.declared = 0
	}
	if e.max > 0 && header.Length > e.max-e.declared {
		e.failWith(frame.StatusMessageTooBig)
		return
	}
	e.declared += header.Length
	e.message.Data = append(e.message.Data, payload...)
	last := header.Fin && whole
	if e.message.Type == frame.Text && !validText(e.message.Data, last) {
		e.failWith(frame.StatusInvalidPayload)
		return
	}
	e.end = Incomplete
	if last {
		e.end = Open
		e.messages = append(e.messages, e.message)
	}
}

// validText reports whether p is UTF-8, or if there is more to come, whether it
// can become that.
func validText(p []byte, last bool) bool {
	for len(p) > 0 && (last || utf8.FullRune(p)) {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		p = p[n:]
	}
	return true
}

// fail fails with the code of err, which is one of package frame.
func (e *endpoint) fail(err error) {
	var broken *frame.Error
	if !errors.As(err, &broken) {
		panic("BUG: not a *frame.Error: " + err.Error())
	}
	e.failWith(broken.Code)
}

func (e *endpoint) failWith(code frame.StatusCode) { e.end, e.code = Failed, code }
