//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
)

// Opcodes of RFC 6455, section 5.2. The load generator has its own codec, so that
// the library that it measures does not judge itself.
const (
	opText, opBinary, opClose, opPing, opPong = 1, 2, 8, 9, 10
)

// appendFrame appends a masked frame.
func appendFrame(dst []byte, op byte, rsv1 bool, key [4]byte, payload []byte) []byte {
	first := 0x80 | op
	if rsv1 {
		first |= 0x40
	}
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, first, 0x80|126, byte(n>>8), byte(n))
	default:
		dst = append(dst, first, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	dst = append(dst, key[:]...)
	for i, b := range payload {
		dst = append(dst, b^key[i&3])
	}
	return dst
}

// A reader takes what a server sends apart. It checks what it can for nothing:
// that frames are not masked and are in sequence, and that the payload is the
// expected one.
type reader struct {
	raw bool // there are no frames, only the bytes that were sent

	header  [10]byte
	have    int // bytes of header
	left    int // bytes of the frame's payload that are to come
	inFrame bool
	got     int  // bytes of the message so far
	rsv1    bool // of the message
	control []byte
	pong    []byte // what is to be sent because of pings
}

// feed takes bytes from p up to the end of a message, and returns the rest. want
// is the payload that has to come; nil is any.
func (r *reader) feed(p, want []byte) (rest []byte, end bool, err error) {
	if r.raw {
		r.inFrame, r.left = true, len(want)-r.got
		return r.payload(p, want, true)
	}
	for len(p) > 0 {
		if !r.inFrame {
			if p, err = r.frame(p); err != nil {
				return nil, false, err
			}
			if !r.inFrame {
				continue
			}
		}
		op, fin := r.header[0]&0x0F, r.header[0]&0x80 != 0
		if op >= opClose {
			if p, err = r.controlFrame(p, op); err != nil {
				return nil, false, err
			}
			continue
		}
		if p, end, err = r.payload(p, want, fin); end || err != nil {
			return p, end, err
		}
	}
	return nil, false, nil
}

// frame collects a header.
func (r *reader) frame(p []byte) ([]byte, error) {
	for len(p) > 0 && !r.inFrame {
		r.header[r.have] = p[0]
		r.have, p = r.have+1, p[1:]
		h := r.header[:r.have]
		switch {
		case len(h) < 2:
		case h[1]&0x80 != 0:
			return nil, fmt.Errorf("the server sent a masked frame: % x", h)
		case h[1] < 126:
			r.begin(int(h[1]))
		case h[1] == 126 && len(h) == 4:
			r.begin(int(binary.BigEndian.Uint16(h[2:])))
		case h[1] == 127 && len(h) == 10:
			r.begin(int(binary.BigEndian.Uint64(h[2:])))
		}
	}
	if r.inFrame && r.header[0]&0x0F != 0 && r.header[0]&0x0F < opClose {
		if r.got > 0 {
			return nil, fmt.Errorf("the server began a message inside another: % x", r.header[:2])
		}
		r.rsv1 = r.header[0]&0x40 != 0
	}
	return p, nil
}

func (r *reader) begin(length int) {
	r.inFrame, r.left, r.have = true, length, 0
}

// payload compares what comes with what has to.
func (r *reader) payload(p, want []byte, fin bool) (rest []byte, end bool, err error) {
	n := min(r.left, len(p))
	if want != nil && (r.got+n > len(want) || string(p[:n]) != string(want[r.got:r.got+n])) {
		return nil, false, fmt.Errorf("what came back is not what was sent, in bytes %d to %d of %d", r.got, r.got+n, len(want))
	}
	r.got += n
	r.left -= n
	if r.left > 0 {
		return nil, false, nil
	}
	r.inFrame = false
	if !fin {
		return p[n:], false, nil
	}
	if want != nil && r.got < len(want) {
		return nil, false, fmt.Errorf("%d bytes came back of %d that were sent", r.got, len(want))
	}
	if r.got == 0 && want == nil {
		return nil, false, fmt.Errorf("an empty message came back")
	}
	r.got = 0
	return p[n:], true, nil
}

// controlFrame takes the payload of a control frame.
func (r *reader) controlFrame(p []byte, op byte) (rest []byte, err error) {
	n := min(r.left, len(p))
	r.control = append(r.control, p[:n]...)
	if r.left -= n; r.left > 0 {
		return nil, nil
	}
	r.inFrame = false
	switch op {
	case opClose:
		return nil, fmt.Errorf("the server closed the connection: %q", r.control)
	case opPing:
		r.pong = appendFrame(r.pong, opPong, false, [4]byte{}, r.control)
	}
	r.control = r.control[:0]
	return p[n:], nil
}
