package conn

import (
	"compress/flate"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// packedCase is what a peer sends that compresses, and what must come of it.
type packedCase struct {
	name     string
	takeover bool
	frames   []wstest.Frame
	want     []string
	code     StatusCode // of the Close frame after that; 0: none
}

const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"

// RFC 7692, section 7.2.3: its examples, byte for byte.
var examples = []packedCase{
	{"7.2.3.1, a frame", false, []wstest.Frame{zip(Text, hello)}, []string{"Hello"}, 0},
	{"7.2.3.1, two frames", false, []wstest.Frame{
		zip(Text, hello[:3]).NoFin(), wstest.Cont(hello[3:]),
	}, []string{"Hello"}, 0},
	{"7.2.3.2, the window is shared", true, []wstest.Frame{
		zip(Text, hello), zip(Text, "\xf2\x00\x11\x00\x00"),
	}, []string{"Hello", "Hello"}, 0},
	{"7.2.3.2, the window is not shared", false, []wstest.Frame{
		zip(Text, hello), zip(Text, hello),
	}, []string{"Hello", "Hello"}, 0},
	{"7.2.3.3, a block without compression", false, []wstest.Frame{
		zip(Text, "\x00\x05\x00\xfa\xffHello\x00"),
	}, []string{"Hello"}, 0},
	{"7.2.3.4, a block with BFINAL", false, []wstest.Frame{
		zip(Text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
	}, []string{"Hello"}, 0},
	{"7.2.3.5, two blocks", false, []wstest.Frame{
		zip(Text, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
	}, []string{"Hello"}, 0},
	{"7.2.3.6, an empty last fragment", false, []wstest.Frame{
		zip(Text, hello+"\x00\x00\xff\xff").NoFin(), wstest.Cont("\x00"),
	}, []string{"Hello"}, 0},
}

// Rules 33 to 35, for reading.
var packedCases = []packedCase{
	{"33: an empty message", true, []wstest.Frame{zip(Text, "\x00"), zip(Text, hello)}, []string{"", "Hello"}, 0},
	{"33: an empty message in three frames", true, []wstest.Frame{
		zip(Binary, "").NoFin(), wstest.Cont("\x00").NoFin(), wstest.Cont(""),
	}, []string{""}, 0},
	{"33: an empty message that is a final block", true, []wstest.Frame{
		zip(Text, "\x03\x00\x00"), zip(Text, hello),
	}, []string{"", "Hello"}, 0},
	{"34: BFINAL, and more in the same message", false, []wstest.Frame{
		zip(Text, "\xf3\x48\xcd\xc9\xc9\x07\x00"+"\xf2\x48\xcd\xc9\xc9\x07\x00"),
	}, []string{"HelloHello"}, 0},
	{"34: BFINAL, and more in the next fragment", false, []wstest.Frame{
		zip(Text, "\xf3\x48\xcd\xc9\xc9\x07\x00").NoFin(), wstest.Ping("?"), wstest.Cont(hello),
	}, []string{"HelloHello"}, 0},
	{"34: BFINAL, and the next message refers to what is before it", true, []wstest.Frame{
		zip(Text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), zip(Text, "\xf2\x00\x11\x00\x00"),
	}, []string{"Hello", "Hello"}, 0},
	{"34: RSV1 and no payload", true, []wstest.Frame{zip(Text, "")}, nil, StatusInvalidPayload},
	{"34: RSV1 and no payload, in two frames", false, []wstest.Frame{
		zip(Text, "").NoFin(), wstest.Cont(""),
	}, nil, StatusInvalidPayload},
	{"34: RSV1 and no payload, after a message", true, []wstest.Frame{
		zip(Text, hello), zip(Binary, ""),
	}, []string{"Hello"}, StatusInvalidPayload},
	{"34: a block of the reserved type", false, []wstest.Frame{zip(Binary, "\x06")}, nil, StatusInvalidPayload},
	{"34: a stored block whose lengths differ", false, []wstest.Frame{zip(Binary, "\x00\x05\x00\xfa\xfeHello\x00")}, nil, StatusInvalidPayload},
	{"34: the message ends in a block", false, []wstest.Frame{zip(Binary, hello[:4])}, nil, StatusInvalidPayload},
	{"34: the message ends in a stored block", false, []wstest.Frame{zip(Binary, "\x00\x0a\x00\xf5\xffHello")}, nil, StatusInvalidPayload},
	{"33: a stored block that the tail completes", false, []wstest.Frame{
		zip(Binary, "\x00\x09\x00\xf6\xffHello"),
	}, []string{"Hello\x00\x00\xff\xff"}, 0},
	{"34: BFINAL, and no empty block behind it", false, []wstest.Frame{zip(Binary, "\xf3\x48\xcd\xc9\xc9\x07\x00")}, nil, StatusInvalidPayload},
	{"34: a reference before the first byte", true, []wstest.Frame{zip(Text, "\xf2\x00\x11\x00\x00")}, nil, StatusInvalidPayload},
	{"34: what is sent after corrupt data is not looked at", true, []wstest.Frame{
		zip(Text, hello), zip(Text, "\x06"), zip(Text, "\xf2\x00\x11\x00\x00"), wstest.Text("no"),
	}, []string{"Hello"}, StatusInvalidPayload},
	{"35: a reference to the message before, without takeover", false, []wstest.Frame{
		zip(Text, hello), zip(Text, "\xf2\x00\x11\x00\x00"),
	}, []string{"Hello"}, StatusInvalidPayload},
	{"35: uncompressed messages do not enter the window", true, []wstest.Frame{
		zip(Text, hello), wstest.Text("12345"), wstest.Binary([]byte("678")).NoFin(), wstest.Cont("90"),
		zip(Text, "\xf2\x00\x11\x00\x00"),
	}, []string{"Hello", "12345", "67890", "Hello"}, 0},
	{"35: control frames between compressed fragments", true, []wstest.Frame{
		zip(Text, hello[:1]).NoFin(), wstest.Ping("?"), wstest.Cont("").NoFin(), wstest.Pong("!"), wstest.Cont(hello[1:]),
	}, []string{"Hello"}, 0},
	{"35: RSV1 on a continuation", true, []wstest.Frame{
		zip(Text, hello[:3]).NoFin(), wstest.Cont(hello[3:]).Rsv(1),
	}, nil, StatusProtocolError},
	{"35: RSV1 on a continuation of a plain message", true, []wstest.Frame{
		wstest.Text("a").NoFin(), wstest.Cont(hello).Rsv(1),
	}, nil, StatusProtocolError},
	{"35: RSV1 on a control frame", true, []wstest.Frame{wstest.Ping("?").Rsv(1)}, nil, StatusProtocolError},
	{"35: RSV2 is not ours", true, []wstest.Frame{zip(Text, hello).Rsv(2)}, nil, StatusProtocolError},
	{"30: the message ends inside a rune", false, []wstest.Frame{zip(Text, packedAlone("Gr\xc3"))}, nil, StatusInvalidPayload},
	{"30: no text", false, []wstest.Frame{zip(Text, packedAlone("a\xffb"))}, nil, StatusInvalidPayload},
	{"30: binary need not be text", false, []wstest.Frame{zip(Binary, packedAlone("a\xffb"))}, []string{"a\xffb"}, 0},
	{"30: a rune in two fragments", false, []wstest.Frame{
		zip(Text, "\x00\x01\x00\xfe\xff\xc3").NoFin(), wstest.Cont("\x00\x01\x00\xfe\xff\xa9\x00"),
	}, []string{"é"}, 0},
}

// Everything that may be on the wire, in every way to read, as a whole and byte by
// byte.
func TestRules33To35Reading(t *testing.T) {
	for _, tt := range append(examples, packedCases...) {
		for _, w := range ways {
			for _, bytewise := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", tt.name, w.name, bytewise), func(t *testing.T) {
					playPacked(t, compressing(tt.takeover, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
						requireCase(t, c, p, w, tt, bytewise)
					})
				})
			}
		}
	}
}

func requireCase(t *testing.T, c *Conn, p *wstest.Peer, w way, tt packedCase, bytewise bool) {
	sent := call(func() error {
		wire := wireOf(c, tt.frames...)
		if bytewise {
			return p.Stream(wire, 1)
		}
		return p.Stream(wire, len(wire))
	})
	for _, want := range tt.want {
		got := w.receive(t.Context(), c)
		require.NoError(t, got.Err)
		require.Equal(t, want, got.Data)
	}
	if tt.code == 0 {
		require.NoError(t, <-sent)
		require.True(t, c.in.between())
		return
	}
	requireFailed(t, c, p, w, tt.code)
	require.EqualValues(t, len(tt.want), c.Stats().MessagesReceived)
	p.Close()
	<-sent // what it could not send any more does not matter
}

// Rule 34: after an error the context is never used again, by whatever call.
func TestRule34CorruptForEver(t *testing.T) {
	playPacked(t, compressing(true, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(zip(Text, hello), zip(Text, "\x06\x00"), zip(Text, hello))
		require.Equal(t, "Hello", read(t.Context(), c).Data)
		requireFailed(t, c, p, ways[0], StatusInvalidPayload)
		for _, w := range ways {
			require.Equal(t, c.Err(), w.receive(t.Context(), c).Err)
		}
		require.Contains(t, c.Err().Error(), "cannot be inflated")
	})
}

// Rule 30: inflated text is looked at as it comes, so the bad byte is answered
// before the message is complete, and before the frame is.
func TestRule30BadTextIsFoundAtOnce(t *testing.T) {
	z := newPacker(flate.HuffmanOnly)
	inSteps := z.pack("fine") + z.pack("\xe2\x82") + z.pack("A")
	good := len(inSteps) - len(newPacker(flate.HuffmanOnly).pack("A"))
	for name, tt := range map[string]struct {
		payload string
		at      int // with so many bytes of it, it is still good
	}{
		"stored":            {"\x00\x05\x00\xfa\xffa\xffbcd\x00", 6},
		"compressed":        {inSteps + "\x00", good},
		"rest of a message": {"\x00\x01\x00\xfe\xff\xed\x00\x01\x00\xfe\xff\xa0\x00", 11},
	} {
		t.Run(name, func(t *testing.T) {
			playPacked(t, compressing(false, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
				whole := zip(Text, tt.payload).NoFin().Wire(nil, peerOf(c.out.role), frame.Key{9, 8, 7, 6})
				header := len(whole) - len(tt.payload)
				reading := startRead(t.Context(), c)
				p.SendWire(whole[:header+tt.at])
				notYet(t, reading, "all that has come is text")
				for i := header + tt.at; ; i++ {
					require.Less(t, i, len(whole), "the bad byte is not found")
					p.SendWire(whole[i : i+1])
					synctest.Wait()
					if c.Err() != nil {
						require.Less(t, i+1, len(whole), "only found at the end of the frame")
						break
					}
				}
				require.Equal(t, StatusInvalidPayload, CloseStatus((<-reading).Err))
				p.WantClose("it is no text", StatusInvalidPayload)
			})
		})
	}
}

// Without an agreement RSV1 is an error, and nothing is compressed.
func TestRule19NoAgreement(t *testing.T) {
	play(t, compressing(true, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.Nil(t, c.Deflate())
		require.NoError(t, c.Write(t.Context(), Text|Compressed, []byte(strings.Repeat("a", 200))))
		p.Want("as it is", wstest.Text(strings.Repeat("a", 200)))
		p.Send(zip(Text, hello))
		requireFailed(t, c, p, ways[0], StatusProtocolError)
	})
}

// A program may have made its own handshake, and ask for nothing: what is agreed on
// is read, and nothing is compressed. With a Config that wants less memory than was
// agreed on, less is used.
func TestAgreementWithoutConfig(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, other := wstest.Pipe()
			c := compressed(nc, role, both(true, 0), nil)
			t.Cleanup(func() { end(c) })
			p := wstest.NewPeer(t, other, peerOf(role))
			p.Send(zip(Text, hello), zip(Text, "\xf2\x00\x11\x00\x00"))
			require.Equal(t, "Hello", read(t.Context(), c).Data)
			require.Equal(t, "Hello", read(t.Context(), c).Data)
			require.NoError(t, c.Write(t.Context(), Text|Compressed, []byte("Hello")))
			p.Want("as it is", wstest.Text("Hello"))
		})
		nc, _ := wstest.Pipe()
		c := compressed(nc, role, both(true, 15), compressing(false, 9))
		require.False(t, c.out.z.takeover)
		require.Equal(t, 9, c.out.z.bits)
		require.True(t, c.in.z.takeover, "the peer may do what was agreed on")
		require.Equal(t, 15, c.in.z.bits)
		end(c)
	}
}

// wireOf returns frames as the peer of c sends them.
func wireOf(c *Conn, frames ...wstest.Frame) []byte { return wireFrom(peerOf(c.out.role), frames) }
