package wstest

import (
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/parleyws/websocket/frame"
)

// Patience is how long a Peer waits in one call, unless its field says
// otherwise.
const Patience = 10 * time.Second

// TB is what a Peer uses of a testing.TB.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Peer is the other side of a connection under test. It knows frames and no
// rules: it sends what the test says, when the test says so, and never answers
// on its own. Where the endpoint does not do what is wanted, the test fails
// with the sentence given.
//
// Its methods are to be called by the goroutine of the test.
type Peer struct {
	// Patience is how long one call waits for the endpoint. In a synctest
	// bubble that is the bubble's time: give more where the endpoint waits for
	// longer before it says something.
	Patience time.Duration

	t      TB
	nc     net.Conn
	role   frame.Role
	frames []Frame // all that were read
	keys   uint32  // how many masking keys were used
}

// NewPeer returns a Peer that speaks over nc, as a client or as a server: role
// is its own, and the endpoint under test has the other. Peer closes nc at the
// end of the test.
func NewPeer(t TB, nc net.Conn, role frame.Role) *Peer {
	t.Cleanup(func() { _ = nc.Close() })
	return &Peer{Patience: Patience, t: t, nc: nc, role: role}
}

// Conn returns the connection beneath.
func (p *Peer) Conn() net.Conn { return p.nc }

// Frames returns the frames read so far.
func (p *Peer) Frames() []Frame { return p.frames }

// Send sends frames in one Write, masked if the Peer is a client.
func (p *Peer) Send(frames ...Frame) {
	p.t.Helper()
	p.SendWire(p.wire(frames))
}

// SendHex sends the bytes of annotated hex, see Hex, as they are.
func (p *Peer) SendHex(s string) {
	p.t.Helper()
	p.SendWire(Hex(s))
}

// SendWire sends wire in one Write.
func (p *Peer) SendWire(wire []byte) {
	p.t.Helper()
	p.arm(p.nc.SetWriteDeadline)
	if n, err := p.nc.Write(wire); err != nil {
		p.t.Fatalf("the endpoint took %d of %d bytes: %v", n, len(wire), err)
	}
}

// SendBytewise sends frames so that every byte arrives alone.
func (p *Peer) SendBytewise(frames ...Frame) {
	p.t.Helper()
	if err := p.Stream(p.wire(frames), 1); err != nil {
		p.t.Fatalf("the endpoint did not take all bytes: %v", err)
	}
}

// Stream sends wire in pieces of chunk bytes. Over a Conn, no more than chunk
// bytes ever lie unread. An error does not fail the test: an endpoint that has
// failed the connection need not read on.
func (p *Peer) Stream(wire []byte, chunk int) error {
	if c, ok := p.nc.(*Conn); ok {
		defer c.SetBuffer(c.SetBuffer(chunk))
	}
	for len(wire) > 0 {
		p.arm(p.nc.SetWriteDeadline)
		n, err := p.nc.Write(wire[:min(chunk, len(wire))])
		if err != nil {
			return err
		}
		wire = wire[n:]
	}
	return nil
}

// CloseWrite ends the stream towards the endpoint: it reads EOF.
func (p *Peer) CloseWrite() {
	p.t.Helper()
	half, ok := p.nc.(closeWriter)
	if !ok {
		p.t.Fatalf("%T has no CloseWrite", p.nc)
	}
	if err := half.CloseWrite(); err != nil {
		p.t.Fatalf("CloseWrite: %v", err)
	}
}

// Close closes the connection, which is EOF to the endpoint, or a reset if it
// has sent what the Peer has not read.
func (p *Peer) Close() { _ = p.nc.Close() }

// Reset closes the connection so that the endpoint sees a reset.
func (p *Peer) Reset() { abort(p.nc) }

// wire encodes frames, each with a key of its own. The keys are the same in
// every run.
func (p *Peer) wire(frames []Frame) (wire []byte) {
	for _, f := range frames {
		p.keys++
		var key frame.Key
		binary.BigEndian.PutUint32(key[:], p.keys*0x37fa213d)
		wire = f.Wire(wire, p.role, key)
	}
	return wire
}

// arm sets a deadline that is Patience away. A net.Conn without deadlines does
// as well, until something hangs.
func (p *Peer) arm(set func(time.Time) error) { _ = set(time.Now().Add(p.Patience)) }

// next reads the next frame. The error is io.EOF at the end of the stream.
func (p *Peer) next() (Frame, error) {
	p.arm(p.nc.SetReadDeadline)
	h, err := p.header()
	if err != nil {
		return Frame{}, err
	}
	payload, err := io.ReadAll(io.LimitReader(p.nc, h.Length))
	if err == nil && int64(len(payload)) < h.Length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Frame{}, err
	}
	if h.Masked {
		h.Key.XOR(payload)
	}
	f := Frame{Header: h, Payload: payload}
	p.frames = append(p.frames, f)
	return f, nil
}

// header reads a header and not one byte more, so that what comes next is still
// the connection's to tell.
func (p *Peer) header() (frame.Header, error) {
	var buf []byte
	for {
		var b [1]byte
		if _, err := io.ReadFull(p.nc, b[:]); err != nil {
			if err == io.EOF && len(buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return frame.Header{}, err
		}
		buf = append(buf, b[0])
		if h, n, err := frame.ParseHeader(buf); n > 0 || err != nil {
			return h, err
		}
	}
}
