package fuzz

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/vectors"
)

// script is a fuzz input that is read as a program. At its end it is all zeros.
type script []byte

func (s *script) byte() byte {
	p := s.take(1)
	if len(p) == 0 {
		return 0
	}
	return p[0]
}

// take returns the next n bytes, or as many as there are.
func (s *script) take(n int) []byte {
	n = min(n, len(*s))
	p := (*s)[:n:n]
	*s = (*s)[n:]
	return p
}

// payload reads bytes, a size, a text that tests something, or a few bytes to be
// repeated.
func (s *script) payload() []byte {
	b := s.byte()
	n := int(b & 63)
	switch b >> 6 {
	case 0:
		return s.take(n)
	case 1:
		return pattern(sizes[n%len(sizes)])
	case 2:
		return []byte(texts[n%len(texts)])
	default:
		return bytes.Repeat(s.take(n%8), int(s.byte()))
	}
}

// sizes are those at which something changes: the form of the length, the lanes of
// SIMD, the buffers.
var sizes = []int{
	0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 123, 124, 125, 126, 127, 128, 255, 256, 257, 1000,
	2040, 2048, 4080, 4090, 4095, 4096, 4097, 8192, 16383, 16384, 65535, 65536,
	65528, 65529, 65532, 65533, // about as much as is sent at once
}

// texts are text, the beginning or the end of it, and what is none.
var texts = []string{
	"Hello", "é", "敏捷", "😀", "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\xEF\xBF\xBE",
	"a\xC3", "\xA9b", "\xE6\x95", "\x8F", "\xF0", "\x9F\x98", "\x80",
	"\xC0\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5", "\xFF", "ASCII, as much of it as is looked at at once: \xC3\x28",
}

// codes are for Close frames: each class of them, at its borders.
var codes = []uint16{
	1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999,
	0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = 'a' + byte(i%26)
	}
	return p
}

// session is what a peer says, as a list of frames. It can be said by either
// side.
type session struct {
	frames []sessionFrame
	junk   bool // bytes that mean another thing with a mask than without
}

// sessionFrame is a frame and what is wrong with it.
type sessionFrame struct {
	first     byte // of the frame: FIN, RSV, opcode
	payload   []byte
	wrongMask bool   // masked by a server, not masked by a client
	lengthAs  byte   // 126 or 127: in that form, minimal or not; 0: minimal
	topBit    bool   // of a length of 64 bits
	missing   uint64 // bytes of the payload that do not come; nothing comes after that
	header    int    // if not 0: bytes of the header that come, and nothing after that
	junk      []byte // what comes before the next frame
}

// maxSession is how many bytes of payload a session may have, give or take a
// frame, so that it does not take long.
const maxSession = 1 << 16

// The kinds of frame, in the low three bits of a frame's first byte of script. The
// others say what is wrong with it, see twist: mostly nothing.
const (
	wholeText = iota // or the last fragment, if a message has begun
	wholeBinary
	partText // or another fragment
	partBinary
	ping
	pong
	closing
	exactly // what the next byte says
)

// session reads a session. Unless the script asks for something else, its frames
// come in an order in which they may.
func (s *script) session() session {
	var all session
	size, begun := 0, false
	for len(*s) > 0 && size < maxSession {
		b := s.byte()
		f := sessionFrame{first: s.first(b&7, begun)}
		if b&7 == closing {
			f.payload = s.closePayload()
		} else {
			f.payload = s.payload()
		}
		over := s.twist(&f, b>>3)
		if f.first&0x0F < opClose {
			begun = f.first&0x80 == 0
		}
		size += len(f.payload)
		all.junk = all.junk || len(f.junk) > 0
		all.frames = append(all.frames, f)
		if over {
			break
		}
	}
	return all
}

// first returns the first byte of a frame of that kind.
func (s *script) first(kind byte, begun bool) byte {
	switch kind {
	case ping:
		return 0x80 | opPing
	case pong:
		return 0x80 | opPong
	case closing:
		return 0x80 | opClose
	case exactly:
		return s.byte()
	}
	first := byte(opText) + kind&1
	if begun {
		first = opContinuation
	}
	if kind < partText {
		first |= 0x80
	}
	return first
}

// closePayload reads the payload of a Close frame: a code and a reason, or bytes.
func (s *script) closePayload() []byte {
	if len(*s) == 0 || (*s)[0]>>6 != 1 {
		return s.payload()
	}
	code := codes[int(s.byte()&63)%len(codes)]
	return append(binary.BigEndian.AppendUint16(nil, code), s.payload()...)
}

const (
	twistMask = 1 + iota
	twistRsv1
	twistRsv2
	twistRsv3
	twistFin
	twistLength126
	twistLength127
	twistTopBit
	twistHeader
	twistMissing
	twistMissingMuch
	twistJunk
)

// twist makes a frame wrong. It reports whether nothing may come after that.
func (s *script) twist(f *sessionFrame, how byte) (over bool) {
	switch how {
	case twistMask:
		f.wrongMask = true
	case twistRsv1, twistRsv2, twistRsv3:
		f.first ^= 0x80 >> (how - twistMask)
	case twistFin:
		f.first ^= 0x80
	case twistLength126:
		f.lengthAs = 126
	case twistLength127:
		f.lengthAs = 127
	case twistTopBit:
		f.lengthAs, f.topBit = 127, true
	case twistHeader:
		f.header = 1 + int(s.byte()%10)
		return true
	case twistMissing:
		f.missing = uint64(s.byte())
		return f.missing > 0
	case twistMissingMuch:
		f.missing = 1 << (s.byte() % 63)
		return true
	case twistJunk:
		f.junk = s.payload()
	}
	return false
}

// wire returns the session as it is sent to a server or to a client.
func (all session) wire(toServer bool) (wire []byte) {
	for i, f := range all.frames {
		key := [4]byte{0x37, 0xFA, 0x21, byte(i)}
		wire = f.append(wire, toServer != f.wrongMask, key)
	}
	return wire
}

func (f sessionFrame) append(wire []byte, masked bool, key [4]byte) []byte {
	start := len(wire)
	wire = append(wire, f.first)
	length := uint64(len(f.payload)) + f.missing
	form := f.lengthAs
	switch {
	case form == 127 || length > 65535:
		form = 127
		if f.topBit {
			length |= 1 << 63
		}
		wire = binary.BigEndian.AppendUint64(append(wire, 127), length)
	case form == 126 || length > 125:
		form = 126
		wire = binary.BigEndian.AppendUint16(append(wire, 126), uint16(length))
	default:
		wire = append(wire, byte(length))
	}
	if masked {
		wire[start+1] |= 0x80
	}
	if f.header > 0 {
		return wire[:min(start+f.header, len(wire)-1)]
	}
	if masked {
		wire = append(wire, key[:]...)
	} else {
		key = [4]byte{}
	}
	for i, b := range f.payload {
		wire = append(wire, b^key[i%4])
	}
	return append(wire, f.junk...)
}

// scriptOf returns the script of a session that was seen on the wire, unless it
// cannot be told in one.
func scriptOf(wire []byte, toServer bool) (s script, ok bool) {
	begun := false
	for len(wire) > 0 {
		f, size, verdict := parseFrame(wire)
		missing := f.length - uint64(len(f.payload))
		if verdict != headerWhole || len(f.payload) > 63 || missing > 255 {
			return nil, false
		}
		twist := byte(0)
		switch {
		case f.masked != toServer && f.cut:
			return nil, false
		case f.masked != toServer:
			twist = twistMask
		case f.cut:
			twist = twistMissing
		}
		s = append(append(s, f.kind(begun, twist<<3)...), byte(len(f.payload)))
		s = append(s, f.payload...)
		if f.cut {
			s = append(s, byte(missing))
		}
		if f.opcode < opClose {
			begun = !f.fin
		}
		wire = wire[size:]
	}
	return s, true
}

// kind returns the shortest script for the first byte of a frame.
func (f wireFrame) kind(begun bool, twist byte) []byte {
	first := f.opcode | f.rsv<<4
	if f.fin {
		first |= 0x80
	}
	for kind := byte(wholeText); kind < exactly; kind++ {
		if none := (script)(nil); none.first(kind, begun) == first {
			return []byte{kind | twist}
		}
	}
	return []byte{exactly | twist, first}
}

// seed is a script, and the side that it is given to.
type seed struct {
	script   script
	toServer bool
}

// sessionSeeds returns the scripts of the vectors that are short. One that is the
// same for both sides comes once.
func sessionSeeds(tb testing.TB) (seeds []seed) {
	seen := map[string]bool{}
	for i, v := range vectors.Load(tb, "*") {
		toServer := v.Role == frame.Server
		s, ok := scriptOf(v.Wire, toServer)
		if !ok || len(s) >= 200 || v.Max != 0 || seen[string(s)] {
			continue
		}
		seen[string(s)] = true
		seeds = append(seeds, seed{s, toServer != (i%4 < 2)}) // either side, in turn
	}
	return seeds
}

// A session that is read from the script of another is the same on the wire, but
// for the keys.
func TestScriptOf(t *testing.T) {
	told := 0
	for _, v := range vectors.Load(t, "*") {
		toServer := v.Role == frame.Server
		s, ok := scriptOf(v.Wire, toServer)
		if !ok {
			continue
		}
		told++
		again := s.session().wire(toServer)
		a, b := newReference(toServer, 1<<20, v.Wire).readAll(), newReference(toServer, 1<<20, again).readAll()
		if len(again) != len(v.Wire) || a.end != b.end || a.code != b.code || !slices.Equal(a.messages, b.messages) {
			t.Errorf("%s: % x\nbecomes % x", v.Source, v.Wire, again)
		}
	}
	if told < 100 {
		t.Errorf("only %d of the vectors can be told as a script", told)
	}
}
