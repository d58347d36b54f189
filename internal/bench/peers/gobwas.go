package peers

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

func gobwas() Peer {
	return Peer{
		Name: "gobwas", Module: "github.com/gobwas/ws", Compresses: true,
		How: "the zero-copy upgrade and the low-level API, by hand: frames are read straight into the output " +
			"behind their new header, unmasked there, and sent together when no more has come; " +
			"a broadcast is one compiled frame; compress/flate level 1, pooled",
		serve: serveGobwas,
	}
}

func serveGobwas(ln net.Listener, t *Task) error {
	r := newRoom[net.Conn](t)
	return accept(ln, func(nc net.Conn) {
		defer nc.Close()
		var u ws.Upgrader
		if t.Compress {
			e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
			u.Negotiate = e.Negotiate
		}
		if _, err := u.Upgrade(nc); err != nil {
			return
		}
		r.join(nc)
		defer r.leave(nc)
		c := gobwasConn{nc: nc, in: bufio.NewReader(nc), task: t, room: r}
		for c.turn() == nil {
		}
	})
}

// A gobwasConn is a loop around the low-level API. It allocates nothing for a
// message.
type gobwasConn struct {
	nc     net.Conn
	in     *bufio.Reader
	out    output // what is to be sent
	header [ws.MaxHeaderSize]byte
	task   *Task
	room   *room[net.Conn]
}

// output is the least that a bytes.Buffer could be.
type output []byte

func (o *output) Write(p []byte) (int, error) {
	*o = append(*o, p...)
	return len(p), nil
}

var errProtocol = errors.New("the client does not keep to the protocol")

// turn reads a frame and answers it.
func (c *gobwasConn) turn() error {
	h, err := ws.ReadHeaderBuffer(c.in, c.header[:])
	if err != nil {
		return err
	}
	state := ws.StateServerSide
	if c.task.Compress {
		state |= ws.StateExtended
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return err
	}
	switch {
	case h.OpCode.IsControl():
		return wsutil.ControlHandler{Src: c.in, Dst: c.nc, State: ws.StateServerSide}.Handle(h)
	case h.Length > 1<<20 || !h.Fin:
		return errProtocol // the load has no fragments, and a server that takes them is no faster
	case c.task.Compress:
		return c.deflated(h)
	}
	return c.plain(h)
}

// plain echoes a frame.
func (c *gobwasConn) plain(h ws.Header) error {
	c.out = slices.Grow(c.out, len(c.header)+int(h.Length))
	reply := ws.Header{Fin: true, OpCode: h.OpCode, Length: h.Length}
	if err := ws.WriteHeaderBuffer(&c.out, reply, c.header[:]); err != nil {
		return err
	}
	n := len(c.out)
	c.out = c.out[:n+int(h.Length)]
	payload := c.out[n:]
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return err
	}
	ws.Cipher(payload, h.Mask, 0)
	if c.task.Text && !utf8.Valid(payload) {
		return errProtocol
	}
	return c.flush()
}

// flush sends what there is, unless more is to come without waiting.
func (c *gobwasConn) flush() error {
	if c.in.Buffered() > 0 && len(c.out) < 64<<10 {
		return nil
	}
	p := c.out
	c.out = c.out[:0]
	if c.task.Broadcast {
		c.room.each(func(to net.Conn) { to.Write(p) })
		return nil
	}
	_, err := c.nc.Write(p)
	return err
}

// A gobwasFlate is what compressing a message needs. Connections share them.
type gobwasFlate struct {
	payload  []byte
	out      bytes.Buffer
	inflated bytes.Buffer
	r        *wsflate.Reader
	w        *wsflate.Writer
}

var gobwasFlates = sync.Pool{New: func() any {
	return &gobwasFlate{
		r: wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return resettable{flate.NewReader(r)} }),
		w: wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
			f, _ := flate.NewWriter(w, 1) // only a level that does not exist is an error
			return f
		}),
	}
}}

// A resettable is a decompressor that wsflate can use again.
type resettable struct{ io.Reader }

func (r resettable) Reset(src io.Reader) {
	r.Reader.(flate.Resetter).Reset(src, nil) // cannot fail
}

// deflated echoes a frame that is compressed, or is not.
func (c *gobwasConn) deflated(h ws.Header) error {
	z := gobwasFlates.Get().(*gobwasFlate)
	defer gobwasFlates.Put(z)
	if cap(z.payload) < int(h.Length) {
		z.payload = make([]byte, h.Length)
	}
	z.payload = z.payload[:h.Length]
	if _, err := io.ReadFull(c.in, z.payload); err != nil {
		return err
	}
	ws.Cipher(z.payload, h.Mask, 0)
	z.inflated.Reset()
	if compressed, err := wsflate.IsCompressed(h); err != nil {
		return err
	} else if !compressed {
		z.inflated.Write(z.payload)
	} else {
		z.r.Reset(bytes.NewReader(z.payload))
		if _, err := z.inflated.ReadFrom(z.r); err != nil {
			return err
		}
	}
	if c.task.Text && !utf8.Valid(z.inflated.Bytes()) {
		return errProtocol
	}
	return c.deflate(z, h.OpCode)
}

func (c *gobwasConn) deflate(z *gobwasFlate, op ws.OpCode) error {
	z.out.Reset()
	z.w.Reset(&z.out)
	if _, err := z.w.Write(z.inflated.Bytes()); err != nil {
		return err
	}
	if err := z.w.Flush(); err != nil {
		return err
	}
	h := ws.Header{Fin: true, Rsv: ws.Rsv(true, false, false), OpCode: op, Length: int64(z.out.Len())}
	if err := ws.WriteHeaderBuffer(&c.out, h, c.header[:]); err != nil {
		return err
	}
	c.out = append(c.out, z.out.Bytes()...)
	return c.flush()
}
