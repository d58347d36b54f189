package conn

import (
	"compress/flate"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// RFC 7692, section 7.2.3.1: what is written is what is in the examples.
func TestRule33Writing(t *testing.T) {
	playPacked(t, compressing(true, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.NoError(t, c.Write(t.Context(), Text, []byte("Hello")))
		p.Want("7.2.3.1: the tail is removed", zip(Text, hello))
		require.NoError(t, c.Write(t.Context(), Text, nil))
		p.Want("7.2.3.6: an empty message is one byte", zip(Text, "\x00"))
		require.NoError(t, c.Write(t.Context(), Text, []byte("Hello")))
		again := p.Next("7.2.3.2: the window is shared")
		require.Less(t, len(again.Payload), len(hello))

		w, err := c.Writer(t.Context(), Text)
		require.NoError(t, err)
		io.WriteString(w, "bye")
		require.NoError(t, w.(flusher).Flush())
		first := p.Next("7.2.3.5: a fragment ends with what is only removed from the last")
		require.True(t, strings.HasSuffix(string(first.Payload), "\x00\x00\xff\xff"))
		require.True(t, first.Rsv1)
		require.NoError(t, w.Close())
		p.Want("7.2.3.6: an empty fragment", wstest.Cont("\x00"))
	})
}

// Fragments of a compressed message: RSV1 on the first, control frames between, and
// other messages after it, whatever came before.
func TestRule35Writing(t *testing.T) {
	playTakeovers(t, func(t *testing.T, takeover bool, c *Conn, p *wstest.Peer) {
		u := unwrapperOf(c.out.role, c.Deflate())
		for round := range 3 {
			w, err := c.Writer(t.Context(), Text)
			require.NoError(t, err)
			var whole strings.Builder
			for i := range 4 {
				part := string(excerpt(300*i, uint64(i+round)))
				whole.WriteString(part)
				io.WriteString(w, part)
				require.NoError(t, w.(flusher).Flush())
			}
			behind := call(func() error { return c.Write(t.Context(), Text, []byte("what has waited for it")) })
			p.Send(wstest.Ping("between"))
			startRead(t.Context(), c)
			synctest.Wait()
			require.NoError(t, w.Close())
			var got []wstest.Frame
			pongs := 0
			for len(got) == 0 || !got[len(got)-1].Fin {
				if f := p.Next("a fragment"); f.Opcode == frame.Pong {
					pongs++
				} else {
					got = append(got, f)
				}
			}
			require.Equal(t, 1, pongs)
			for _, f := range got {
				m, done := u.take(t, f)
				if done {
					require.Equal(t, whole.String(), m.data)
					require.True(t, m.packed)
				}
			}
			u.want(t, p, "what has waited for it")
			require.NoError(t, <-behind)
		}
		require.EqualValues(t, 6, c.Stats().MessagesSent)
	})
}

// A streamed message is compressed or not as a whole.
func TestStreamIsCompressedAsAWhole(t *testing.T) {
	cfg := compressing(true, 15)
	cfg.Compression.MinSize = 1000
	for _, tt := range []struct {
		typ    MessageType
		parts  []int
		packed bool
	}{
		{Text, []int{999}, false}, // it is one frame, and small
		{Text, []int{1000}, true},
		{Text, []int{10, 10}, true}, // nobody knows how long it will be
		{Text, []int{5000, 0}, true},
		{Text | Uncompressed, []int{5000, 5000}, false},
		{Text | Compressed, []int{10}, true},
	} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			playPacked(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) {
				u := unwrapperOf(c.out.role, c.Deflate())
				var whole strings.Builder
				w, err := c.Writer(t.Context(), tt.typ)
				require.NoError(t, err)
				for i, n := range tt.parts {
					if i > 0 {
						require.NoError(t, w.(flusher).Flush())
					}
					whole.Write(excerpt(n, 1))
					w.Write(excerpt(n, 1))
				}
				require.NoError(t, w.Close())
				require.Equal(t, tt.packed, u.want(t, p, whole.String()).packed)
			})
		})
	}
}

// A stream that is abandoned before its first byte leaves no trace, with its first
// fragment compressed or not. One that is abandoned midway closes the connection.
func TestAbandonedStreamCompressed(t *testing.T) {
	playTakeovers(t, func(t *testing.T, takeover bool, c *Conn, p *wstest.Peer) {
		u := unwrapperOf(c.out.role, c.Deflate())
		require.NoError(t, c.Write(t.Context(), Text, []byte("before")))
		u.want(t, p, "before")
		ctx, cancel := context.WithCancel(t.Context())
		w, err := c.Writer(ctx, Binary)
		require.NoError(t, err)
		io.WriteString(w, "not enough for a frame")
		cancel()
		require.Equal(t, context.Canceled, w.Close())
		require.NoError(t, c.Write(t.Context(), Text, []byte("before, and after")))
		u.want(t, p, "before, and after")

		ctx, cancel = context.WithCancel(t.Context())
		w, err = c.Writer(ctx, Binary)
		require.NoError(t, err)
		w.Write(noise(5000, 1))
		cancel()
		require.Equal(t, context.Canceled, w.Close())
		_, whole := u.take(t, p.Next("the fragment that was sent"))
		require.False(t, whole)
		p.WantClose("half a message must not look whole", StatusInternalError)
	})
}

// A reader that leaves a compressed message midway, and reads on: what it has not
// read is in the window.
func TestSkippedCompressedMessage(t *testing.T) {
	for _, next := range ways {
		for _, n := range []int{1, 1000, 200_000} {
			t.Run(fmt.Sprintf("%s/%d", next.name, n), func(t *testing.T) {
				playPacked(t, compressing(true, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
					z := newPacker(flate.BestSpeed)
					text := string(excerpt(n, 1))
					first, second := z.message(text), z.message(text)
					go p.Stream(wireOf(c, append(inFragments(zip(Text, first), 3000), zip(Text, second))...), 10_000)
					_, r, err := c.Reader(t.Context())
					require.NoError(t, err)
					_, err = io.ReadFull(r, make([]byte, min(n, 700)))
					require.NoError(t, err)
					require.Equal(t, received{Text, text, nil}, next.receive(t.Context(), c))
					_, err = r.Read(make([]byte, 1))
					require.Equal(t, errStaleReader, err)
				})
			})
		}
	}
}

// A cancelled read goes on where it stopped, at any byte of what comes in, and with
// any way of reading.
func TestResumedCompressedMessage(t *testing.T) {
	z := newPacker(flate.BestSpeed)
	texts := []string{"Hello", string(excerpt(3000, 1)), "Hello"}
	var all []wstest.Frame
	for _, text := range texts {
		all = append(all, inFragments(zip(Text, z.message(text)), 500)...)
	}
	for _, w := range ways[:3] {
		t.Run(w.name, func(t *testing.T) {
			playPacked(t, compressing(true, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
				wire := wireOf(c, all...)
				var got []string
				for _, b := range wire {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					p.SendWire([]byte{b})
					m := w.receive(ctx, c)
					cancel()
					if m.Err == nil {
						got = append(got, m.Data)
					} else {
						require.Equal(t, context.DeadlineExceeded, m.Err)
					}
				}
				require.Equal(t, texts, got)
			})
		})
	}
}

// Over TLS, where nothing can be tried and writes cannot be interrupted.
func TestCompressedOverTLS(t *testing.T) {
	for _, takeover := range takeovers {
		synctest.Test(t, func(t *testing.T) {
			nc, other := wstest.Pipe()
			ours, theirs := tlsPair(t, certificate(t), frame.Server, nc, other)
			cfg := compressing(takeover, 12)
			server := compressed(ours, frame.Server, agreement(cfg, cfg), cfg)
			client := compressed(theirs, frame.Client, agreement(cfg, cfg), cfg)
			defer end(server)
			defer end(client)
			go echo(t.Context(), server)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for i := range 20 {
				sent := excerpt(i*i*100, uint64(i))
				require.NoError(t, client.TryWrite(Text, sent))
				require.NoError(t, client.Write(ctx, Text, sent))
				for range 2 {
					got := read(ctx, client)
					require.NoError(t, got.Err)
					require.True(t, got.Data == string(sent))
				}
			}
		})
	}
}

// A stream of bytes, and JSON, are made of messages like others.
func TestCompressedNetConnAndJSON(t *testing.T) {
	for _, takeover := range takeovers {
		client, server := connPairWith(t, compressing(takeover, 12))
		a, b := NetConn(client, Binary), NetConn(server, Text|Compressed)
		sent := excerpt(100_000, 4)
		for _, to := range [][2]net.Conn{{a, b}, {b, a}} {
			writing := call(func() error {
				_, err := to[0].Write(sent)
				return err
			})
			got := make([]byte, len(sent))
			_, err := io.ReadFull(to[1], got)
			require.NoError(t, err)
			require.NoError(t, <-writing)
			require.True(t, string(sent) == string(got))
		}
		type entry struct{ Name, Text string }
		want := entry{"ada", strings.Repeat("again ", 1000)}
		for _, to := range [][2]*Conn{{client, server}, {server, client}, {client, server}} {
			require.NoError(t, WriteJSON(t.Context(), to[0], want))
			got, err := ReadJSON[entry](t.Context(), to[1])
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}
