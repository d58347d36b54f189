package conn

import (
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/utf8"
)

// inbound is the receiving half of the protocol: wire bytes go in, pieces of
// messages and control frames come out. It does no I/O, keeps no bytes and
// never waits. The rules of RFC 6455 for what may arrive, sections 5.2 to 5.6
// and 8.1, are all enforced here and in frame.Validator.
//
// After an error it must not be used again.
type inbound struct {
	rules   frame.Validator
	inFrame bool         // a data frame's header was taken, and its end was not reported
	last    bool         // that frame is the last of its message
	packed  bool         // the message is compressed
	discard bool         // payloads are of no interest any more, see closing
	kind    frame.Opcode // Text or Binary: of the message

	text  utf8.Validator
	limit int64     // payload bytes that a message may have
	size  int64     // bytes of the message, by the headers so far; if it is compressed, inflated so far
	left  int64     // payload bytes of the data frame that are still to come
	key   frame.Key // turned for the next of them

	z *inflater // nil: permessage-deflate was not agreed on
}

// event is what some bytes amounted to.
type event struct {
	// op is Text or Binary for a piece of a message, Ping, Pong or Close for a
	// control frame. It is Continuation if more bytes are needed.
	op   frame.Opcode
	data []byte // unmasked, in place
	end  bool   // of a message: these are its last bytes
}

const needMore = frame.Continuation

// next takes bytes from the front of p and says how many, and what they are.
// It unmasks p in place as far as it takes it. With op == needMore it has taken
// what it could: the rest of p has to be shown again with more behind it. That
// rest is never longer than a control frame, 131 bytes.
func (in *inbound) next(p []byte) (n int, ev event, err error) {
	if !in.inFrame {
		n, ev, err = in.header(p)
		if !in.inFrame {
			return n, ev, err
		}
	}
	if in.packed && !in.discard {
		m, ev, err := in.inflate(p[n:])
		return n + m, ev, err
	}
	m, ev, err := in.payload(p[n:])
	return n + m, ev, err
}

// header takes the header of a data frame, which inFrame then says, or a whole
// control frame. Its stack frame is large, and must not lie beneath payload's.
//
//go:noinline
func (in *inbound) header(p []byte) (int, event, error) {
	h, n, err := frame.ParseHeader(p)
	if n == 0 || err != nil {
		return 0, event{}, err
	}
	if err := in.rules.Next(h); err != nil {
		return 0, event{}, err
	}
	if h.Opcode.IsControl() {
		return in.control(p, &h, n)
	}
	return n, event{}, in.begin(&h)
}

// control takes a control frame once all of it is there. Until then its header
// is parsed anew each time, so the rules have to forgive that: a control frame
// does not change their state.
func (in *inbound) control(p []byte, h *frame.Header, n int) (int, event, error) {
	end := n + int(h.Length) // at most 125, the rules saw to that
	if len(p) < end {
		return 0, event{}, nil
	}
	data := p[n:end:end]
	if h.Masked {
		h.Key.XOR(data)
	}
	return end, event{op: h.Opcode, data: data}, nil
}

// begin takes the header of a data frame.
func (in *inbound) begin(h *frame.Header) error {
	if h.Opcode != frame.Continuation {
		in.kind, in.size, in.packed = h.Opcode, 0, h.Rsv1
		in.text.Reset()
	}
	if err := in.count(h); err != nil {
		return err
	}
	in.left, in.key = h.Length, h.Key
	in.last, in.inFrame = h.Fin, true
	return nil
}

// count adds a frame to the size of the message.
func (in *inbound) count(h *frame.Header) error {
	if in.discard {
		return nil
	}
	if in.packed {
		return in.countPacked(h)
	}
	// Both terms are at most limit, so the difference cannot overflow.
	if h.Length > in.limit-in.size {
		return errTooBig()
	}
	in.size += h.Length
	return nil
}

func errTooBig() error {
	return &frame.Error{
		Code: StatusMessageTooBig, Section: "7.4.1",
		Reason: "the message is longer than this endpoint accepts",
	}
}

// payload takes what p holds of the current data frame's payload. A frame that
// has more bytes to come yields an event only if there are some already.
func (in *inbound) payload(p []byte) (int, event, error) {
	if int64(len(p)) > in.left {
		p = p[:in.left]
	}
	p = p[:len(p):len(p)] // behind it are bytes of later frames
	end, err := in.take(p)
	if err != nil {
		return 0, event{}, err
	}
	if len(p) == 0 && !end {
		return 0, event{}, nil
	}
	return len(p), event{op: in.kind, data: p, end: end}, nil
}

// take unmasks and checks p, the next bytes of the current data frame, of which
// there may not be more than left. It reports whether they end the message.
func (in *inbound) take(p []byte) (end bool, err error) {
	if in.rules.Role == frame.Server {
		in.key = in.key.XOR(p)
	}
	in.left -= int64(len(p))
	if in.left == 0 {
		in.inFrame = false
		end = in.last
	}
	if in.kind == frame.Text && !in.discard {
		return end, in.checkText(p, end)
	}
	return end, nil
}

// RFC 6455, section 8.1: "When an endpoint is to interpret a byte stream as
// UTF-8 but finds that the byte stream is not, in fact, a valid UTF-8 stream,
// that endpoint MUST _Fail the WebSocket Connection_."
func (in *inbound) checkText(p []byte, end bool) error {
	if _, ok := in.text.Write(p); !ok {
		return invalidText("a text message has a byte that cannot be there in UTF-8")
	}
	if end && !in.text.Complete() {
		return invalidText("a text message ends in the middle of a code point")
	}
	return nil
}

func invalidText(reason string) error {
	return &frame.Error{Code: StatusInvalidPayload, Section: "8.1", Reason: reason}
}

// whole is next for most messages: one frame, not compressed, of no more than 64 KiB,
// that lies in p to its end. It takes n bytes, the last of which, in.size, are the
// message, or none if this is another case, which it leaves to next.
func (in *inbound) whole(p []byte) (n int, err error) {
	if len(p) < 2 || in.inFrame || in.discard || in.rules.InMessage() {
		return 0, nil
	}
	size, at := int(p[1]&0x7f), 2
	if size == 126 && len(p) >= 4 {
		size, at = int(p[2])<<8|int(p[3]), 4
		if size < 126 {
			return 0, nil // it is not minimal
		}
	} else if size >= 126 {
		return 0, nil
	}
	masked := p[1]&0x80 != 0
	if masked {
		at += len(in.key)
	}
	op := frame.Opcode(p[0] & 0x0f)
	if p[0]&0xf0 != 0x80 || op != Text && op != Binary || masked != (in.rules.Role == frame.Server) ||
		len(p)-at < size || int64(size) > in.limit {
		return 0, nil
	}
	if masked {
		in.key = frame.Key(p[at-len(in.key) : at])
	}
	in.kind, in.packed, in.last, in.size, in.left = op, false, true, int64(size), int64(size)
	in.text.Reset()
	_, err = in.take(p[at : at+size])
	return at + size, err
}

// ahead reports whether a whole frame lies in p, so that next will take it.
func (in *inbound) ahead(p []byte) bool {
	if len(p) >= 2 && p[1]&0x7f < 126 {
		// Fast path: a length of 7 bits, behind it the masking key of a client.
		return len(p)-2 >= int(p[1]&0x7f)+int(p[1]>>7)*len(frame.Key{})
	}
	h, n, err := frame.ParseHeader(p)
	return n > 0 && err == nil && h.Length <= int64(len(p)-n)
}

// between reports that no message has begun: the next event begins one.
func (in *inbound) between() bool { return !in.inFrame && !in.rules.InMessage() }
