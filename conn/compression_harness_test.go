package conn

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

// both is what is agreed on where both directions are alike.
func both(takeover bool, bits int) *handshake.Deflate {
	return &handshake.Deflate{
		ServerNoContextTakeover: !takeover, ClientNoContextTakeover: !takeover,
		ServerMaxWindowBits: bits, ClientMaxWindowBits: bits,
	}
}

// takeovers are the two modes in which both directions are alike.
var takeovers = []bool{false, true}

// compressed returns a connection over nc that has agreed on d.
func compressed(nc net.Conn, role frame.Role, d *handshake.Deflate, cfg *Config) *Conn {
	u := upgraded(nc, role)
	u.Deflate = d
	return New(u, calm(cfg))
}

// withLimit is a Config that compresses everything and takes no longer messages.
func withLimit(takeover bool, limit int64) *Config {
	cfg := compressing(takeover, 15)
	cfg.MaxMessage = limit
	return cfg
}

// playPacked is play on connections that compress everything.
func playPacked(t *testing.T, cfg *Config, test func(t *testing.T, c *Conn, p *wstest.Peer)) {
	t.Helper()
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, other := wstest.Pipe()
				c := compressed(nc, role, agreement(cfg, cfg), cfg)
				p := wstest.NewPeer(t, other, peerOf(role))
				p.Patience = time.Minute
				t.Cleanup(func() { end(c) })
				test(t, c, p)
			})
		})
	}
}

// playTakeovers is playPacked with takeover and without.
func playTakeovers(t *testing.T, test func(t *testing.T, takeover bool, c *Conn, p *wstest.Peer)) {
	t.Helper()
	for _, takeover := range takeovers {
		t.Run(fmt.Sprintf("takeover %v", takeover), func(t *testing.T) {
			playPacked(t, compressing(takeover, 15), func(t *testing.T, c *Conn, p *wstest.Peer) { test(t, takeover, c, p) })
		})
	}
}

// corpus is made once, since many tests take from it.
var corpus = sync.OnceValue(func() []byte { return chatter(256<<10, 0) })

// excerpt returns n bytes of the corpus, or a few less, for it is whole characters.
func excerpt(n int, seed uint64) []byte {
	all := corpus()
	at := int(seed*997) % (len(all) - n)
	return bytes.ToValidUTF8(all[at:at+n], nil)
}

// noise returns n bytes that cannot be made any shorter.
func noise(n int, seed uint64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	p := make([]byte, n)
	rand.NewChaCha8(key).Read(p)
	return p
}

// zip is a frame of a compressed message: its first one, and whole.
func zip(op frame.Opcode, payload string) wstest.Frame {
	return wstest.Op(op, []byte(payload)).Rsv(1)
}

// packer compresses as a peer does that is made with compress/flate.
type packer struct {
	b bytes.Buffer
	w *flate.Writer
}

func newPacker(level int) *packer {
	p := new(packer)
	p.w, _ = flate.NewWriter(&p.b, level)
	return p
}

// pack returns data compressed up to a sync flush, which is there as well. It may
// refer to what came before.
func (p *packer) pack(data string) string {
	p.b.Reset()
	io.WriteString(p.w, data)
	p.w.Flush()
	return p.b.String()
}

// message is pack for the end of a message.
//
// RFC 7692, section 7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from
// the tail end."
func (p *packer) message(data string) string { return p.pack(data)[:p.b.Len()-4] }

// packedAlone is a message that refers to nothing before it.
func packedAlone(data string) string { return newPacker(flate.DefaultCompression).message(data) }

// unpacker inflates as a peer does that is made with compress/flate.
type unpacker struct {
	takeover bool
	window   int // bytes
	history  []byte
	r        io.ReadCloser
}

// newUnpacker returns one for what an endpoint of that role sends.
func newUnpacker(role frame.Role, d *handshake.Deflate) *unpacker {
	u := &unpacker{takeover: !d.ServerNoContextTakeover, window: 1 << d.ServerMaxWindowBits}
	if role == frame.Client {
		u.takeover, u.window = !d.ClientNoContextTakeover, 1<<d.ClientMaxWindowBits
	}
	return u
}

// unpack inflates a whole message. RFC 7692, section 7.2.2: "Append 4 octets of
// 0x00 0x00 0xff 0xff to the tail end of the payload of the message." A final
// block behind that makes the end known to compress/flate.
func (u *unpacker) unpack(payload []byte) ([]byte, error) {
	in := io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if u.r == nil {
		u.r = flate.NewReader(nil)
	}
	u.r.(flate.Resetter).Reset(in, u.history)
	data, err := io.ReadAll(u.r)
	if u.takeover {
		u.history = append(u.history, data...)
		u.history = u.history[max(0, len(u.history)-u.window):]
	}
	return data, err
}

// parcel is a message as the peer of a compressing endpoint finds it on the wire.
type parcel struct {
	typ    MessageType
	data   string
	packed bool
	frames int
}

// unwrapper makes messages of frames.
type unwrapper struct {
	*unpacker
	sofar   parcel
	payload []byte
}

func unwrapperOf(role frame.Role, d *handshake.Deflate) *unwrapper {
	return &unwrapper{unpacker: newUnpacker(role, d)}
}

// take takes a data frame, and reports whether it ends a message.
//
// RFC 7692, section 6.1: "An endpoint MUST NOT set the "Per-Message Compressed"
// bit of control frames and non-first fragments of a data message."
func (u *unwrapper) take(t testing.TB, f wstest.Frame) (m parcel, whole bool) {
	t.Helper()
	if f.Opcode == frame.Continuation {
		require.False(t, f.Rsv1, "RSV1 on a continuation")
		require.NotZero(t, u.sofar.frames, "a continuation of nothing")
	} else {
		require.Zero(t, u.sofar.frames, "a message inside another one")
		u.sofar, u.payload = parcel{typ: f.Opcode, packed: f.Rsv1}, nil
	}
	u.sofar.frames++
	u.payload = append(u.payload, f.Payload...)
	if !f.Fin {
		return m, false
	}
	m, u.sofar = u.sofar, parcel{}
	data := u.payload
	if m.packed {
		var err error
		data, err = u.unpack(u.payload)
		require.NoError(t, err, "what was compressed into %d bytes cannot be inflated", len(u.payload))
	}
	m.data = string(data)
	return m, true
}

// next reads the next message from the wire.
func (u *unwrapper) next(t testing.TB, p *wstest.Peer) parcel {
	t.Helper()
	for {
		f := p.Next("a frame of a message")
		require.False(t, f.Opcode.IsControl(), "%v", f)
		if m, whole := u.take(t, f); whole {
			return m
		}
	}
}

// want reads a message from the wire that has these bytes.
func (u *unwrapper) want(t testing.TB, p *wstest.Peer, data string) parcel {
	t.Helper()
	m := u.next(t, p)
	require.True(t, m.data == data, "%d bytes came, %.30q…, not %d, %.30q…", len(m.data), m.data, len(data), data)
	return m
}

// requireFailed reads on a connection whose peer has broken a rule.
func requireFailed(t *testing.T, c *Conn, p *wstest.Peer, w way, code StatusCode) {
	t.Helper()
	got := w.receive(t.Context(), c)
	require.Error(t, got.Err)
	require.Equal(t, code, CloseStatus(got.Err), "%v", got.Err)
	var rule *ProtocolError
	require.ErrorAs(t, c.Err(), &rule)
	require.Equal(t, code, rule.Code)
	p.WantClose("the rule that was broken", code)
	_, _, again := c.Read(t.Context())
	require.Equal(t, c.Err(), again, "for ever")
}
