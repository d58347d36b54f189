package main

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

// maxKept is how many bytes of a payload a tap keeps to show them.
const maxKept = 4 << 10

// seen is a frame that a tap saw.
type seen struct {
	frame.Header
	Sent bool   // by this side
	Kept []byte // the first bytes of the payload, unmasked; valid until show returns
}

// tap has show called for every frame that goes over u from now on, control frames
// and what has been read already included. It lies above TLS, and beneath
// compression: what it sees is what RFC 6455, section 5.2, speaks of.
//
// A frame is shown as soon as maxKept bytes of it, or all, are there; one that is
// sent, before it is. show is called from the goroutines that read and write.
func tap(u *handshake.Upgraded, show func(seen)) {
	t := &tapped{Conn: u.Conn}
	t.in.show = func(h frame.Header, kept []byte) { show(seen{h, false, kept}) }
	t.out.show = func(h frame.Header, kept []byte) { show(seen{h, true, kept}) }
	t.in.feed(u.Buffered)
	if secure, ok := u.Conn.(*tls.Conn); ok {
		u.Conn = &tappedTLS{t, secure}
	} else {
		u.Conn = t
	}
}

// tapped is a net.Conn whose bytes are looked at.
type tapped struct {
	net.Conn
	in, out frames
}

func (t *tapped) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.in.feed(p[:n])
	return n, err
}

func (t *tapped) Write(p []byte) (int, error) {
	t.out.feed(p)
	return t.Conn.Write(p)
}

// CloseWrite ends this side's half of the stream, as package conn wants to.
func (t *tapped) CloseWrite() error {
	half, ok := t.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// tappedTLS is known by its method ConnectionState as TLS, see package conn.
type tappedTLS struct {
	*tapped
	secure *tls.Conn
}

func (t *tappedTLS) ConnectionState() tls.ConnectionState { return t.secure.ConnectionState() }

// frames finds the frames in one direction of a stream, however it is cut. It
// holds no more than maxKept bytes.
type frames struct {
	show func(h frame.Header, kept []byte)

	head    []byte // the beginning of a header
	current frame.Header
	key     frame.Key // turned for the byte after kept
	left    int64     // bytes of the payload to come
	kept    []byte
	shown   bool
	lost    bool // these are no frames: nothing more is shown
}

func (f *frames) feed(p []byte) {
	for len(p) > 0 && !f.lost {
		if f.left > 0 {
			p = f.payload(p)
		} else {
			p = f.header(p)
		}
	}
}

// header takes bytes of a header from p and returns the rest.
func (f *frames) header(p []byte) []byte {
	had := len(f.head)
	f.head = append(f.head, p[:min(len(p), frame.MaxHeaderSize-had)]...)
	h, n, err := frame.ParseHeader(f.head)
	if err != nil {
		f.lost = true // package conn will say why
		return nil
	}
	if n == 0 {
		return p[len(f.head)-had:]
	}
	f.head, f.kept = f.head[:0], f.kept[:0]
	f.current, f.left, f.key, f.shown = h, h.Length, frame.Key{}, false
	if h.Masked {
		f.key = h.Key
	}
	f.showOnce()
	return p[n-had:]
}

// payload takes bytes of a payload from p and returns the rest.
func (f *frames) payload(p []byte) []byte {
	n := int(min(int64(len(p)), f.left))
	if keep := min(n, maxKept-len(f.kept)); keep > 0 {
		had := len(f.kept)
		f.kept = append(f.kept, p[:keep]...)
		f.key = f.key.XOR(f.kept[had:])
	}
	f.left -= int64(n)
	f.showOnce()
	return p[n:]
}

// showOnce shows the current frame if there is enough of it.
func (f *frames) showOnce() {
	if !f.shown && (f.left == 0 || len(f.kept) == maxKept) {
		f.shown = true
		f.show(f.current, f.kept)
	}
}
