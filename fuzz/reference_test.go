package fuzz

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/vectors"
)

// reference is a receiving endpoint for reading, not for use: RFC 6455, sections
// 5, 7 and 8, over a string of bytes that has all arrived. It shares no code with
// the module, looks at a message from its beginning whenever there is more of it,
// and keeps everything.
type reference struct {
	server bool
	limit  uint64 // of a message, in bytes

	// deaf: this endpoint has sent its Close frame, and waits for the peer's.
	// What still comes is dropped, so no message is too long, no text is wrong,
	// and no Ping is answered. Frames must be frames nevertheless.
	deaf bool

	rest []byte // not read yet
	cut  bool   // it ends inside a frame

	kind    byte // of the message that has begun, 0 if none has
	sofar   []byte
	claimed uint64 // its length, by the headers so far

	messages []message
	answers  []string // payloads of the Pongs that are due
	pongs    []string // payloads of the Pongs that came

	end    ending
	code   int    // of the Close frame that is to be sent; 0 for none
	reason string // of the peer's Close frame
}

// message is a whole message: its opcode and what was in it.
type message struct {
	kind byte
	data string
}

type ending string

const (
	open   ending = "open"   // the bytes end, and the stream with them
	closed ending = "closed" // by the peer's Close frame
	failed ending = "failed" // by a rule that the peer broke
)

// Section 5.2: opcodes.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// noCode is what section 7.1.5 calls the code of a Close frame that has none.
const noCode = 1005

func newReference(server bool, limit uint64, wire []byte) *reference {
	return &reference{server: server, limit: limit, rest: wire, end: open}
}

// readAll reads up to the end.
func (r *reference) readAll() *reference {
	for r.step() {
	}
	return r
}

// readMessages reads until n messages are complete, and reports whether there are
// that many.
func (r *reference) readMessages(n int) bool {
	for len(r.messages) < n && r.step() {
	}
	return len(r.messages) == n && r.end == open
}

// step takes the next frame, or what there is of it. It reports whether there may
// be another one.
func (r *reference) step() bool {
	if r.end != open || r.cut || len(r.rest) == 0 {
		return false
	}
	f, size, verdict := parseFrame(r.rest)
	r.cut = verdict == headerCut || f.cut
	switch verdict {
	case headerCut:
		return false
	case headerWrong:
		r.fail(1002)
		return false
	}
	r.rest = r.rest[size:]
	switch {
	case !r.mayCome(f):
		r.fail(1002)
	case f.opcode >= opClose && f.cut:
		return false // nothing is done before all of it is there
	case f.opcode >= opClose:
		r.control(f)
	default:
		r.data(f)
	}
	return true
}

func (r *reference) fail(code int) { r.end, r.code = failed, code }

// wireFrame is a frame as it came.
type wireFrame struct {
	fin     bool
	rsv     byte
	opcode  byte
	masked  bool
	length  uint64 // that the header claims
	payload []byte // not masked any more
	cut     bool   // the bytes end before the payload does
}

// What can be said of the front of some bytes.
const (
	headerWhole = iota
	headerCut
	headerWrong
)

// parseFrame takes a frame, or its beginning, from the front of p. Section 5.2.
func parseFrame(p []byte) (f wireFrame, size int, verdict int) {
	if len(p) < 2 {
		return f, 0, headerCut
	}
	f.fin, f.rsv, f.opcode = p[0]&0x80 != 0, p[0]>>4&7, p[0]&0x0F
	f.masked, f.length = p[1]&0x80 != 0, uint64(p[1]&0x7F)
	size = 2
	switch f.length {
	case 126:
		f.length, verdict = parseLength(p[size:], 2, 126, math.MaxUint16)
		size += 2
	case 127:
		f.length, verdict = parseLength(p[size:], 8, 1<<16, math.MaxInt64)
		size += 8
	}
	if verdict != headerWhole {
		return f, 0, verdict
	}
	var key [4]byte
	if f.masked {
		if copy(key[:], p[size:]) < 4 {
			return f, 0, headerCut
		}
		size += 4
	}
	n := min(f.length, uint64(len(p)-size))
	f.cut = n < f.length
	for i, b := range p[size : size+int(n)] {
		f.payload = append(f.payload, b^key[i%4]) // section 5.3; key is 0 if there is none
	}
	return f, size + int(n), headerWhole
}

// parseLength parses a length of n bytes that must be in a range. That it is not
// is said as soon as no bytes to come could change it.
func parseLength(p []byte, n int, least, most uint64) (length uint64, verdict int) {
	shown := min(n, len(p))
	low, high := make([]byte, 8), slices.Repeat([]byte{0xFF}, 8)
	copy(high, make([]byte, 8-n))
	copy(low[8-n:], p[:shown])
	copy(high[8-n:], p[:shown])
	length = binary.BigEndian.Uint64(low)
	switch {
	case binary.BigEndian.Uint64(high) < least || length > most:
		return 0, headerWrong
	case shown < n:
		return 0, headerCut
	}
	return length, headerWhole
}

// mayCome says whether a frame with this header may come now.
func (r *reference) mayCome(f wireFrame) bool {
	// Section 5.1: clients mask all frames, servers none.
	// Section 5.2: without an extension the RSV bits mean nothing.
	if f.masked != r.server || f.rsv != 0 {
		return false
	}
	switch f.opcode {
	case opContinuation:
		return r.kind != 0 // section 5.4
	case opText, opBinary:
		return r.kind == 0
	case opClose, opPing, opPong:
		return f.fin && f.length <= 125 // section 5.5
	}
	return false
}

// data takes a frame of a message. Sections 5.4, 5.6 and 8.1.
func (r *reference) data(f wireFrame) {
	if f.opcode != opContinuation {
		r.kind, r.sofar, r.claimed = f.opcode, nil, 0
	}
	if f.length > r.limit-r.claimed && !r.deaf {
		r.fail(1009)
		return
	}
	r.claimed += f.length
	r.sofar = append(r.sofar, f.payload...)
	last := f.fin && !f.cut
	if r.kind == opText && !r.deaf && !validText(r.sofar, last) {
		r.fail(1007)
		return
	}
	if last {
		r.messages = append(r.messages, message{r.kind, string(r.sofar)})
		r.kind = 0
	}
}

// validText reports whether p is text, or if it is not the last, whether text
// begins with it.
func validText(p []byte, last bool) bool {
	if last {
		return utf8.Valid(p)
	}
	return earliestBad(p) == len(p)
}

// control takes a control frame. Section 5.5.
func (r *reference) control(f wireFrame) {
	switch f.opcode {
	case opPing:
		if !r.deaf {
			r.answers = append(r.answers, string(f.payload))
		}
	case opPong:
		r.pongs = append(r.pongs, string(f.payload))
	case opClose:
		r.closeFrame(f.payload)
	}
}

// closeFrame takes the payload of a Close frame. Sections 5.5.1 and 7.4.
func (r *reference) closeFrame(p []byte) {
	if len(p) == 0 {
		r.end, r.code = closed, noCode
		return
	}
	if len(p) == 1 || !validCode(int(p[0])<<8|int(p[1])) {
		r.fail(1002)
		return
	}
	if !utf8.Valid(p[2:]) {
		r.fail(1007)
		return
	}
	r.end, r.code, r.reason = closed, int(p[0])<<8|int(p[1]), string(p[2:])
}

// validCode is section 7.4 with the registry of section 11.7, as of today.
func validCode(code int) bool {
	switch code {
	case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
		return true
	}
	return 3000 <= code && code <= 4999
}

// The reference finds in every vector what is written there.
func TestReference(t *testing.T) {
	ends := map[vectors.End]ending{vectors.Open: open, vectors.Incomplete: open, vectors.Closed: closed, vectors.Failed: failed}
	for _, v := range vectors.Load(t, "*") {
		limit := uint64(math.MaxInt64)
		if v.Max > 0 {
			limit = uint64(v.Max)
		}
		r := newReference(v.Role == frame.Server, limit, v.Wire).readAll()
		var want reference
		for _, m := range v.Messages {
			want.messages = append(want.messages, message{byte(m.Type), string(m.Data)})
		}
		for _, p := range v.Pongs {
			want.answers = append(want.answers, string(p))
		}
		if r.end != ends[v.End] || r.code != int(v.Code) || r.reason != v.Reason ||
			!slices.Equal(r.messages, want.messages) || !slices.Equal(r.answers, want.answers) {
			t.Errorf("%s: %v: %s %d %q, %d messages, %d answers", v.Source, v, r.end, r.code, r.reason, len(r.messages), len(r.answers))
		}
	}
}
