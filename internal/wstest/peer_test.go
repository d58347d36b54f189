package wstest

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// failing is a TB whose failure is a panic, which failure catches.
type failing struct{ *testing.T }

type failed string

func (failing) Fatalf(format string, args ...any) { panic(failed(fmt.Sprintf(format, args...))) }

// failure returns how f failed the test, "" if it did not.
func failure(f func()) (message string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failed:
			message = string(r)
		default:
			panic(r)
		}
	}()
	f()
	return ""
}

// scene runs f in a bubble with a Peer of that role and the raw connection at
// the place of the endpoint under test.
func scene(t *testing.T, role frame.Role, f func(t *testing.T, p *Peer, endpoint *Conn)) {
	t.Helper()
	bubble(t, func(t *testing.T, a, b *Conn) {
		defer b.Close()
		f(t, NewPeer(failing{t}, a, role), b)
	})
}

func TestServerPeerSends(t *testing.T) {
	for _, tt := range []struct {
		f    Frame
		want string
	}{
		{Text("Hello"), "81 05 48 65 6c 6c 6f"},
		{Text("Hel").NoFin(), "01 03 48 65 6c"},
		{Cont("lo"), "80 02 6c 6f"},
		{Binary([]byte{1, 2}).Rsv(1), "c2 02 01 02"},
		{Binary(nil).Rsv(2, 3), "b2 00"},
		{Ping("Hi"), "89 02 48 69"},
		{Pong(""), "8a 00"},
		{Close(1000, "bye"), "88 05 03 e8 62 79 65"},
		{Close(65535, ""), "88 02 ff ff"},
		{EmptyClose(), "88 00"},
		{Op(0xb, []byte("x")), "8b 01 78"},
		{Text("a").WrongMask(), "81 81 37 fa 21 3d 56"},
		{Binary(make([]byte, 126)), "82 7e 00 7e"},
		{Binary(make([]byte, 65535)), "82 7e ff ff"},
		{Binary(make([]byte, 65536)), "82 7f 00 00 00 00 00 01 00 00"},
	} {
		scene(t, frame.Server, func(t *testing.T, p *Peer, endpoint *Conn) {
			p.nc.(*Conn).SetBuffer(1 << 20)
			p.Send(tt.f)
			want := Hex(tt.want)
			if len(tt.f.Payload) >= 126 {
				want = append(want, tt.f.Payload...)
			}
			require.Equal(t, len(want), endpoint.Unread())
			requireBytes(t, endpoint, string(want))
		})
	}
}

func TestClientPeerMasksWithFreshKeys(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		p.Send(Text("Hello"), Text("Hello").WrongMask(), Ping(""))
		require.Equal(t, 1, p.nc.(*Conn).Writes(), "one Write for all")
		requireBytes(t, endpoint, string(Hex(`
			81 85 37 fa 21 3d 7f 9f 4d 51 58 # RFC 6455, section 5.7
			81 05 48 65 6c 6c 6f
			89 80 a7 ee 63 b7
		`)))
	})
}

func TestRsvHasThreeBits(t *testing.T) {
	require.Panics(t, func() { Text("").Rsv(4) })
}

func TestSendHexAsItIs(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		p.SendHex("81 83 # the rest is cut off")
		requireBytes(t, endpoint, "\x81\x83")
	})
}

func TestSendFailsWhenTheEndpointIsGone(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		require.NoError(t, endpoint.Close())
		require.Contains(t, failure(func() { p.Send(Text("x")) }), "took 0 of 7 bytes")
		require.Contains(t, failure(func() { p.SendBytewise(Text("x")) }), "did not take all bytes")
		require.ErrorIs(t, p.Stream([]byte("x"), 1), syscall.ECONNRESET)
	})
}

func TestSendIsPatientNotForEver(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		begin := time.Now()
		p.Patience = time.Minute
		message := failure(func() { p.SendWire(make([]byte, DefaultBuffer+1)) })
		require.Contains(t, message, "took 65536 of 65537 bytes")
		require.Equal(t, time.Minute, time.Since(begin))
	})
}

func TestSendBytewise(t *testing.T) {
	scene(t, frame.Server, func(t *testing.T, p *Peer, endpoint *Conn) {
		sizes := make(chan []int)
		go func() {
			n, _, _ := readAll(endpoint)
			sizes <- n
		}()
		p.SendBytewise(Text("Hello"))
		p.CloseWrite()
		require.Equal(t, []int{1, 1, 1, 1, 1, 1, 1}, <-sizes)
	})
}

func TestStreamInChunks(t *testing.T) {
	scene(t, frame.Server, func(t *testing.T, p *Peer, endpoint *Conn) {
		sizes := make(chan []int)
		go func() {
			n, _, _ := readAll(endpoint)
			sizes <- n
		}()
		require.NoError(t, p.Stream(make([]byte, 7), 3))
		p.CloseWrite()
		require.Equal(t, []int{3, 3, 1}, <-sizes)
		require.Equal(t, DefaultBuffer, p.nc.(*Conn).SetBuffer(0), "the bound is what it was")
	})
}

func TestWant(t *testing.T) {
	scene(t, frame.Server, func(t *testing.T, p *Peer, endpoint *Conn) {
		write(t, endpoint, string(Hex("81 85 37 fa 21 3d 7f 9f 4d 51 58  8a 80 01 02 03 04")))
		p.Want("text, and then a pong", Text("Hello"), Pong(""))
		require.Len(t, p.Frames(), 2)
		require.Equal(t, frame.Key{0x37, 0xfa, 0x21, 0x3d}, p.Frames()[0].Key)
		require.Equal(t, "Hello", string(p.Frames()[0].Payload))
	})
}

// TestWantFails has bytes from a server, and a verb that does not want them.
func TestWantFails(t *testing.T) {
	for _, tt := range []struct {
		wire string
		want func(p *Peer)
		says string
	}{
		{"81 01 61", func(p *Peer) { p.Want("S", Text("b")) }, "S\ngot frame 1: TEXT FIN len=1 \"a\"\n       want: TEXT FIN len=1 \"b\"\nall frames so far:\n\tTEXT FIN len=1 \"a\""},
		{"81 01 61", func(p *Peer) { p.Want("S", Binary([]byte("a"))) }, "want: BINARY"},
		{"81 01 61", func(p *Peer) { p.Want("S", Text("a").NoFin()) }, "want: TEXT len=1"},
		{"81 01 61", func(p *Peer) { p.Want("S", Text("a").Rsv(1)) }, "want: TEXT FIN RSV1"},
		{"a1 01 61", func(p *Peer) { p.Want("S", Text("a")) }, "got frame 1: TEXT FIN RSV2"},
		{"91 01 61", func(p *Peer) { p.Want("S", Text("a")) }, "got frame 1: TEXT FIN RSV3"},
		{"81 01 61", func(p *Peer) { p.Want("S", Text("a"), Text("b")) }, "S\nno frame: EOF"},
		{"81 02 61", func(p *Peer) { p.Want("S", Text("a")) }, "S\nno frame: unexpected EOF"},
		{"81", func(p *Peer) { p.Want("S", Text("a")) }, "S\nno frame: unexpected EOF"},
		{"81 7e 00 01 61", func(p *Peer) { p.Want("S", Text("a")) }, "section 5.2"},
		{"81 81 00 00 00 00 61", func(p *Peer) { p.Want("S", Text("a")) }, "section 5.1"},

		{"01 01 61 80 01 62", func(p *Peer) { p.WantMessage("S", frame.Text, []byte("a")) }, "got message: TEXT FIN len=2 \"ab\""},
		{"01 01 61 89 00", func(p *Peer) { p.WantMessage("S", frame.Text, []byte("a")) }, "got after 1 fragments: PING"},
		{"89 00", func(p *Peer) { p.WantMessage("S", frame.Text, nil) }, "got message: PING"},

		{"81 00", func(p *Peer) { p.WantClose("S", 1000) }, "S\n got: TEXT FIN len=0 \"\"\nwant: CLOSE FIN with code 1000 normal closure"},
		{"88 02 03 e9", func(p *Peer) { p.WantClose("S", 1000) }, "got: CLOSE FIN len=2 1001 going away \"\""},
		{"88 00", func(p *Peer) { p.WantClose("S", 1000) }, "got: CLOSE FIN len=0"},
		{"88 02 03 ed", func(p *Peer) { p.WantClose("S", 1005) }, "got: CLOSE FIN len=2 1005"},
		{"08 02 03 e8", func(p *Peer) { p.WantClose("S", 1000) }, "got: CLOSE len=2"},
		{"c8 02 03 e8", func(p *Peer) { p.WantClose("S", 1000) }, "got: CLOSE FIN RSV1"},

		{"81 01 61", func(p *Peer) { p.WantEOF("S") }, "S\n got: TEXT FIN len=1 \"a\"\nwant: EOF"},
		{"81", func(p *Peer) { p.WantEOF("S") }, "S\n got: unexpected EOF\nwant: EOF"},
		{"", func(p *Peer) { p.WantReset("S") }, "S\n got: EOF\nwant: connection reset by peer"},
		{"", func(p *Peer) { p.WantIdle("S") }, "S\n got: CONTINUATION len=0 \"\", error EOF\nwant: nothing"},
		{"81 00", func(p *Peer) { p.WantIdle("S") }, "S\n got: TEXT FIN len=0 \"\", error <nil>\nwant: nothing"},
	} {
		scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
			write(t, endpoint, string(Hex(tt.wire)))
			require.NoError(t, endpoint.CloseWrite())
			require.Contains(t, failure(func() { tt.want(p) }), tt.says, tt.wire)
		})
	}
}

func TestAServerPeerWantsMasks(t *testing.T) {
	scene(t, frame.Server, func(t *testing.T, p *Peer, endpoint *Conn) {
		write(t, endpoint, string(Hex("81 01 61")))
		require.Contains(t, failure(func() { p.Want("S", Text("a")) }), "section 5.1")
	})
}

func TestWantMessage(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		write(t, endpoint, string(Hex("02 01 61  00 00  80 02 62 63  82 00")))
		p.WantMessage("in three fragments", frame.Binary, []byte("abc"))
		p.WantMessage("in one", frame.Binary, nil)
	})
}

func TestWantClose(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		write(t, endpoint, string(Hex("88 05 03 e8 62 79 65  88 00")))
		require.Equal(t, "bye", p.WantClose("with a reason", frame.StatusNormalClosure))
		require.Empty(t, p.WantClose("without a body", frame.StatusNoStatusReceived))
	})
}

func TestWantTheEnd(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		require.NoError(t, endpoint.CloseWrite())
		p.WantEOF("the endpoint has finished")
		require.NoError(t, endpoint.Reset())
		p.WantReset("the endpoint has reset")
	})
}

func TestWantIdle(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		begin := time.Now()
		p.WantIdle("nobody says anything")
		require.Zero(t, time.Since(begin), "no time passes")

		go write(t, endpoint, "\x8a\x00")
		require.Contains(t, failure(func() { p.WantIdle("S") }), "got: PONG FIN len=0")
		require.NoError(t, endpoint.Reset())
		require.Contains(t, failure(func() { p.WantIdle("S") }), "connection reset by peer")
	})
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		defer y.Close()
		p := NewPeer(failing{t}, x, frame.Client)
		require.Contains(t, failure(func() { p.WantIdle("S") }), "one end of a Pipe")
		require.Contains(t, failure(p.CloseWrite), "has no CloseWrite")
	})
}

func TestPeerIsPatientNotForEver(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		begin := time.Now()
		require.Contains(t, failure(func() { p.Want("S", Text("a")) }), "i/o timeout")
		require.Equal(t, Patience, time.Since(begin))
		write(t, endpoint, "\x81\x00")
		p.Want("it is there now", Text(""))
	})
}

func TestHowAPeerLeaves(t *testing.T) {
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		p.CloseWrite()
		_, err := endpoint.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		write(t, endpoint, "still taken")
		p.Reset()
		_, err = endpoint.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Contains(t, failure(p.CloseWrite), "closed")
	})
	scene(t, frame.Client, func(t *testing.T, p *Peer, endpoint *Conn) {
		p.Close()
		_, err := endpoint.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestPeerOutsideABubble(t *testing.T) {
	x, y := net.Pipe()
	go func() { // an endpoint that repeats the first frame it hears
		defer y.Close()
		_, _ = io.CopyN(y, y, 7)
	}()
	p := NewPeer(t, x, frame.Server)
	p.SendHex("81 81 00 00 00 00 61")
	p.Want("what a client could have said", Text("a"))
	p.WantEOF("it has no more to say")
	p.Reset()
}

func TestFrameString(t *testing.T) {
	require.Equal(t, `TEXT FIN len=5 "Hello"`, Text("Hello").String())
	require.Equal(t, `CLOSE FIN len=5 1000 normal closure "bye"`, Close(1000, "bye").String())
	require.Equal(t, `CLOSE FIN len=1 "x"`, Op(frame.Close, []byte("x")).String())
	require.Contains(t, Binary(make([]byte, 100)).String(), `\x00"… (36 bytes more)`)
}
