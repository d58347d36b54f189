package fuzz

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
)

// A peer compresses with compress/flate, flushes where it likes, and may get a byte
// wrong. All ways to read, whole and cut, tell of the same messages and the same
// end; if no byte is wrong, these are the messages that it sent, up to one that is
// too long. What is then written in turn is read by the other side.
func FuzzCompressed(f *testing.F) {
	for i, program := range []string{
		"\x00\x05Hello\x00\x05Hello\x04\x05plain\x00\x05Hello",
		"\x11\x85\x03\x03abc\x09\x43\x02\x00\x19\x63\x00\x1b\x80",
		"\x20\x05Hello\x03\x00\x05after",
		"\x10\xc4abcd\xff\x07\xc4abcd\xff\x01\x6b\x30\x6b\x20\x01",
		"\x00\x00\x10\x00\x08\x00",
	} {
		for _, takeover := range []bool{false, true} {
			f.Add(i%2 == 0, takeover, uint16(i*300), []byte{byte(i), 40}, []byte(program))
		}
	}
	f.Fuzz(func(t *testing.T, server, takeover bool, limit uint16, cuts, program []byte) {
		p := &packedSession{script: program, takeover: takeover, server: server}
		p.write()
		want, code := p.within(limitOf(limit))
		synctest.Test(t, func(t *testing.T) {
			base, end := p.read(read, limit, &tape{in: p.wire})
			if !p.wrong && (!slices.Equal(base, want) || end != code) {
				t.Fatalf("% x\n%q, %v\nwant %q, %v", p.wire, base, end, want, code)
			}
			for _, w := range ways {
				got, wayEnd := p.read(w, limit, &tape{in: p.wire, cuts: cuts})
				if w.wrongMessages(&story{messages: got}, &reference{messages: base}) != "" || wayEnd != end {
					t.Fatalf("% x\n%s, cut into %d: %q, %v\nas a whole: %q, %v", p.wire, w.name, cuts, got, wayEnd, base, end)
				}
			}
			p.requireEcho(t, base, cuts)
		})
	})
}

// packedSession is what a peer says that compresses.
type packedSession struct {
	script           script
	takeover, server bool

	sent  []message
	wire  []byte
	wrong bool // a byte of it is

	b bytes.Buffer
	z *flate.Writer
}

// Bits of the first byte of a message in the script.
const (
	packedBinary = 1 << 0
	packedPlain  = 1 << 2 // it is not compressed
	packedParts  = 1 << 4 // it is flushed, and fragmented
	packedWrong  = 1 << 5 // a byte of it is changed
)

func (p *packedSession) write() {
	size := 0
	for len(p.script) > 0 && size < maxSession {
		how := p.script.byte()
		m := message{opText + how&packedBinary, string(p.script.payload())}
		if m.kind == opText {
			m.data = strings.ToValidUTF8(m.data, "?")
		}
		size += len(m.data)
		p.sent = append(p.sent, m)
		p.message(m, how)
	}
}

// message puts a message on the wire.
func (p *packedSession) message(m message, how byte) {
	packed := how&packedPlain == 0
	payload := []byte(m.data)
	at := 0 // the first fragment ends there
	if how&packedParts != 0 {
		at = min(int(p.script.byte()), len(payload))
	}
	if packed {
		payload, at = p.pack(payload, at)
	}
	if how&packedWrong != 0 && packed && len(payload) > 0 {
		payload[int(p.script.byte())%len(payload)] ^= 1 << (p.script.byte() % 8)
		p.wrong = true
	}
	first := m.kind
	if packed {
		first |= 0x40
	}
	if how&packedParts != 0 {
		p.frame(first, payload[:at])
		first, payload = opContinuation, payload[at:]
	}
	p.frame(0x80|first, payload)
}

// pack compresses a message, flushed after at bytes. It returns where these end.
func (p *packedSession) pack(data []byte, at int) ([]byte, int) {
	p.b.Reset()
	switch {
	case p.z == nil:
		p.z, _ = flate.NewWriter(&p.b, flate.BestSpeed)
	case !p.takeover:
		p.z.Reset(&p.b)
	}
	if at > 0 {
		p.z.Write(data[:at])
		p.z.Flush()
		data, at = data[at:], p.b.Len()
	}
	p.z.Write(data)
	p.z.Flush()
	return bytes.Clone(p.b.Bytes()[:p.b.Len()-4]), at
}

func (p *packedSession) frame(first byte, payload []byte) {
	f := sessionFrame{first: first, payload: payload}
	p.wire = f.append(p.wire, p.server, [4]byte{0x37, 0xFA, 0x21, byte(len(p.wire))})
}

// within returns the messages before the first that is too long, and the code of
// the end.
func (p *packedSession) within(limit uint64) ([]message, conn.StatusCode) {
	for i, m := range p.sent {
		if uint64(len(m.data)) > limit {
			return p.sent[:i], conn.StatusMessageTooBig
		}
	}
	return p.sent, conn.StatusAbnormalClosure
}

// conn returns a connection that has agreed on compression.
func (p *packedSession) conn(server bool, limit uint16, nc *tape) *conn.Conn {
	role := frame.Client
	if server {
		role = frame.Server
	}
	return conn.New(&handshake.Upgraded{Conn: nc, Role: role, Deflate: &handshake.Deflate{
		ServerNoContextTakeover: !p.takeover, ClientNoContextTakeover: !p.takeover,
		ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
	}}, &conn.Config{
		MaxMessage: int64(limit), KeepAlive: conn.KeepAlive{Interval: -1},
		Compression: &conn.Compression{MinSize: -1, ServerContextTakeover: true, ClientContextTakeover: true},
	})
}

// read reads the session to its end.
func (p *packedSession) read(w way, limit uint16, nc *tape) ([]message, conn.StatusCode) {
	c := p.conn(p.server, limit, nc)
	all, _ := w.readAll(c, nc)
	<-c.Done()
	return all, conn.CloseStatus(c.Err())
}

// requireEcho writes messages, and has the other side read what was sent.
func (p *packedSession) requireEcho(t *testing.T, messages []message, cuts []byte) {
	nc := &tape{}
	c := p.conn(p.server, 0, nc)
	for i, m := range messages {
		if err := writeInOneOfTheWays(c, i, m); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	c.CloseNow()
	back := packedSession{takeover: p.takeover, server: !p.server}
	got, _ := back.read(read, 0, &tape{in: nc.told(), cuts: cuts})
	if !slices.Equal(got, messages) {
		t.Fatalf("% x\n%q\nwant %q", nc.told(), got, messages)
	}
}

func writeInOneOfTheWays(c *conn.Conn, i int, m message) error {
	typ, p := m.to()
	switch i % 4 {
	case 0:
		return c.Write(context.Background(), typ, p)
	case 1:
		prepared, err := conn.NewPrepared(typ, p)
		if err != nil {
			return err
		}
		return c.TryWritePrepared(prepared)
	case 2:
		return c.WriteBatch(context.Background(), conn.Message{Type: typ | conn.Uncompressed, Data: p})
	}
	w, err := c.Writer(context.Background(), typ)
	if err != nil {
		return err
	}
	io.WriteString(w, m.data[:len(p)/2])
	w.(interface{ Flush() error }).Flush()
	io.WriteString(w, m.data[len(p)/2:])
	return w.Close()
}
