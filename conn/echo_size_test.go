package conn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// echoed is one message, and how it goes to the server that sends it back: in
// fragments of so many bytes (0: one frame), through writes of at most chop bytes
// (0: any).
type echoed struct {
	typ                  MessageType
	size, fragment, chop int
}

func (e echoed) String() string {
	return fmt.Sprintf("%v/%d/fragments of %d/chops of %d", e.typ, e.size, e.fragment, e.chop)
}

// echoSizes are the combinations whose number of writes stays reasonable.
func echoSizes() (all []echoed) {
	most, writes := 16<<20, 70_000
	if testing.Short() || raceEnabled {
		most, writes = 1<<20, 2_000
	}
	for size := 64 << 10; size <= most; size *= 4 {
		for _, fragment := range []int{0, 64, 1 << 10, 64 << 10, 4 << 20} {
			for _, chop := range []int{0, 64, 1 << 10, 64 << 10} {
				if fragment < size && size/or(fragment, size) <= writes && size/or(chop, size) <= writes {
					// Half of them are text: neighbours differ.
					typ := []MessageType{Text, Binary}[len(all)%2]
					all = append(all, echoed{typ, size, fragment, chop})
				}
			}
		}
	}
	return all
}

func or(n, instead int) int {
	if n == 0 {
		return instead
	}
	return n
}

// data is the message: if text, in characters of every length, so that cuts fall
// inside them.
func (e echoed) data() []byte {
	if e.typ == Binary {
		return pattern(e.size)
	}
	const chars = "aé世🙂"
	s := strings.Repeat(chars, e.size/len(chars)) + strings.Repeat("x", e.size%len(chars))
	return []byte(s)
}

// send sends the message.
func (e echoed) send(ctx context.Context, c *Conn, p []byte) error {
	if e.fragment == 0 {
		return c.Write(ctx, e.typ, p)
	}
	w, err := c.Writer(ctx, e.typ)
	if err != nil {
		return err
	}
	for len(p) > 0 {
		n := min(e.fragment, len(p))
		if _, err := w.Write(p[:n]); err != nil {
			return err
		}
		if err := w.(interface{ Flush() error }).Flush(); err != nil {
			return err
		}
		p = p[n:]
	}
	return w.Close()
}

// pair returns a client, and runs the server that sends everything back in
// the same manner.
func (e echoed) pair(t *testing.T) *Conn {
	a, b := tcpPair(t)
	cfg := &Config{MaxMessage: -1}
	client, server := New(upgraded(e.chopped(a), frame.Client), cfg), New(upgraded(e.chopped(b), frame.Server), cfg)
	served := call(func() error {
		for m, err := range server.Messages(context.Background()) {
			if err != nil {
				return err
			}
			if err = e.send(context.Background(), server, m.Data); err != nil {
				return err
			}
		}
		return nil
	})
	t.Cleanup(func() {
		require.NoError(t, client.Close(StatusNormalClosure, ""))
		require.NoError(t, <-served)
		<-server.Done()
	})
	return client
}

// chopped is nc with its writes chopped.
func (e echoed) chopped(nc net.Conn) net.Conn {
	if e.chop == 0 {
		return nc
	}
	return wstest.Faulty(nc, wstest.Faults{MaxWrite: e.chop})
}

// TestEchoAtSize: what is large comes back as it was, however it is cut.
func TestEchoAtSize(t *testing.T) {
	for _, e := range echoSizes() {
		t.Run(e.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, message := e.pair(t), e.data()
			sent := call(func() error { return e.send(ctx, c, bytes.Clone(message)) })
			typ, p, err := c.Read(ctx)
			require.NoError(t, err)
			require.NoError(t, <-sent)
			require.Equal(t, e.typ, typ)
			require.True(t, bytes.Equal(message, p), "%d bytes came back for %d, or others", len(p), len(message))
		})
	}
}

// TestEchoRoundTrips: a thousand messages of a size, one after the other, each
// different from the one before.
func TestEchoRoundTrips(t *testing.T) {
	trips := 1000
	if testing.Short() || raceEnabled {
		trips = 100
	}
	for _, size := range []int{0, 16, 64, 256, 1024, 4096, 16384} {
		for _, typ := range []MessageType{Text, Binary} {
			t.Run(fmt.Sprintf("%v/%d", typ, size), func(t *testing.T) {
				ctx, c := t.Context(), echoed{typ: typ}.pair(t)
				message, got := bytes.Repeat([]byte("0"), size), []byte{}
				for i := range trips {
					copy(message, fmt.Sprint(i, " "))
					require.NoError(t, c.Write(ctx, typ, message))
					back, p, err := c.AppendRead(ctx, got[:0])
					require.NoError(t, err)
					require.Equal(t, typ, back)
					require.True(t, bytes.Equal(message, p), "trip %d", i)
					got = p
				}
			})
		}
	}
}

// TestTenPingsInARow: ten Pings that come together over TCP get ten Pongs, in
// order, before and behind messages and inside of one. RFC 6455, section 5.5.2:
// "A Pong frame sent in response to a Ping frame must have identical 'Application
// data'".
func TestTenPingsInARow(t *testing.T) {
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			a, b := tcpPair(t)
			c := New(upgraded(a, role), nil)
			served := call(func() error { return echo(context.Background(), c) })
			p := wstest.NewPeer(t, b, peerOf(role))
			var pings, pongs []wstest.Frame
			for i := range 10 {
				s := strings.Repeat(fmt.Sprint(i), i*13)
				pings, pongs = append(pings, wstest.Ping(s)), append(pongs, wstest.Pong(s))
			}
			p.Send(pings...)
			p.Want("ten pongs", pongs...)
			p.Send(wstest.Text("hel").NoFin())
			p.Send(pings...)
			p.Want("ten pongs inside a message", pongs...)
			p.Send(wstest.Cont("lo"))
			p.Want("the message", wstest.Text("hello"))
			p.Send(wstest.Close(StatusNormalClosure, ""))
			p.WantClose("the closing handshake", StatusNormalClosure)
			p.Close()
			require.NoError(t, <-served)
			<-c.Done()
		})
	}
}

// TestEchoTruncated: a large message that is cut off anywhere is none.
func TestEchoTruncated(t *testing.T) {
	a, b := tcpPair(t)
	c := New(upgraded(a, frame.Server), &Config{MaxMessage: -1})
	wire := wstest.Binary(pattern(1<<20)).Wire(nil, frame.Client, frame.Key{1, 2, 3, 4})
	sent := call(func() error {
		defer b.Close()
		_, err := b.Write(wire[:len(wire)-1])
		return err
	})
	_, p, err := c.Read(t.Context())
	require.NoError(t, <-sent)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Empty(t, p)
	<-c.Done()
}
