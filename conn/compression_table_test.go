package conn

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// tableCase is one of the combinations that an external suite tries: a size of
// message, a size of fragment, takeover or not, a large window or a small one.
type tableCase struct {
	size, fragment, bits int
	takeover             bool
}

func tableCases() (all []tableCase) {
	for _, size := range []int{16, 64, 256, 1024, 4096, 8192, 16 << 10, 64 << 10, 128 << 10} {
		for _, fragment := range []int{0, 1, 256, 1024, 4096, 32 << 10} {
			for _, bits := range []int{9, 15} {
				for _, takeover := range takeovers {
					all = append(all, tableCase{size, fragment, bits, takeover})
				}
			}
		}
	}
	return all
}

// step returns how many bytes go in each frame: all with 0, and with 1 no
// more than a hundred frames.
func (tt tableCase) step() int {
	switch {
	case tt.fragment == 0:
		return tt.size
	case tt.fragment == 1:
		return max(1, tt.size/100)
	}
	return tt.fragment
}

// pace returns the level, and how many messages there are: two, so that one refers
// to another, and all levels, unless that takes long.
func (tt tableCase) pace(i int) (level CompressionLevel, rounds int) {
	if tt.size > 8<<10 {
		return LevelFastest, 1
	}
	return CompressionLevel(i % 4), 2
}

// Sizes of messages, of fragments, takeover and windows, in all combinations: what
// is written in fragments is echoed in one frame, and each way of reading has it.
func TestCompressionTable(t *testing.T) {
	all := tableCases()
	require.Len(t, all, 216)
	for i, tt := range all {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := compressing(tt.takeover, tt.bits)
				level, rounds := tt.pace(i / 4)
				cfg.Compression.Level = level
				client, server := Pipe(calm(cfg), calm(cfg))
				defer end(client)
				defer end(server)
				served := call(func() error { return echo(t.Context(), server) })
				for round := range rounds {
					sent := excerpt(tt.size, uint64(round))
					require.NoError(t, streamIn(client, sent, tt.step()))
					typ, got, err := ways[(i+i/4)%len(ways)].next(t.Context(), client)
					require.NoError(t, err)
					require.Equal(t, Text, typ)
					require.True(t, bytes.Equal(sent, got))
				}
				require.NoError(t, client.Close(StatusNormalClosure, ""))
				require.NoError(t, <-served)
			})
		})
	}
}

// streamIn writes a message in fragments of step bytes.
func streamIn(c *Conn, p []byte, step int) error {
	w, err := c.Writer(context.Background(), Text)
	if err != nil {
		return err
	}
	for len(p) > step {
		w.Write(p[:step])
		w.(flusher).Flush()
		p = p[step:]
	}
	w.Write(p)
	return w.Close()
}

// Whatever is asked for on the two sides, each of its own, they understand each
// other; nobody keeps more than was agreed on, and what is compressed or not is
// for each to choose.
func TestCompressionMixtures(t *testing.T) {
	types := []MessageType{Text, Binary, Text | Compressed, Binary | Uncompressed, Text | Uncompressed, Binary | Compressed}
	sizes := []int{0, 1, 100, 127, 128, 511, 512, 1000, 20_000}
	for i, minSize := range []int{0, -1, 1, 1000, 0, 0, 0, 0} {
		t.Run(fmt.Sprintf("%d, MinSize %d", i, minSize), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &Config{Compression: &Compression{
					MinSize: minSize, ServerContextTakeover: i&1 != 0, ClientContextTakeover: i&2 != 0,
					ServerMaxWindowBits: 8 + i, ClientMaxWindowBits: 15 - i, Level: LevelSmallest,
				}}
				b := compressing(i&4 != 0, 11)
				client, server := Pipe(calm(a), calm(b))
				defer end(client)
				defer end(server)
				for _, n := range sizes {
					for k, typ := range types {
						for _, side := range [][2]*Conn{{client, server}, {server, client}} {
							sent := excerpt(n, uint64(i+k))
							writing := call(func() error { return side[0].Write(t.Context(), typ, sent) })
							got, p, err := side[1].Read(t.Context())
							require.NoError(t, err)
							require.NoError(t, <-writing)
							require.Equal(t, plainType(typ), got)
							require.True(t, bytes.Equal(sent, p))
						}
					}
				}
				require.Equal(t, client.Stats().BytesSent, server.Stats().BytesReceived)
				require.Equal(t, server.Stats().BytesSent, client.Stats().BytesReceived)
				require.Equal(t, client.Stats().MessagesSent, server.Stats().MessagesReceived)
			})
		})
	}
}

// What is compressed: messages of MinSize bytes, with a flag or without one, by
// whichever way they are written.
func TestWhatIsCompressed(t *testing.T) {
	text := func(n int) string { return string(bytes.Repeat([]byte("ab"), n)[:n]) }
	for _, takeover := range takeovers {
		standard := 512
		if takeover {
			standard = 128
		}
		for _, tt := range []struct {
			minSize int
			typ     MessageType
			n       int
			packed  bool
		}{
			{0, Text, standard - 1, false},
			{0, Text, standard, true},
			{0, Binary, standard, true},
			{0, Text | Uncompressed, standard, false},
			{0, Text | Compressed, 50, true},
			{0, Binary | Compressed, 50, true},
			{100, Text, 99, false},
			{100, Text, 100, true},
			{-1, Text, 50, true},
			{-1, Text | Uncompressed, 50, false},
			{-1, Text, 0, takeover}, // there would be no gain in it
		} {
			cfg := compressing(takeover, 15)
			cfg.Compression.MinSize = tt.minSize
			for name, write := range writes {
				t.Run(fmt.Sprintf("%v/%+v/%s", takeover, tt, name), func(t *testing.T) {
					playPacked(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) {
						u := unwrapperOf(c.out.role, c.Deflate())
						writing := call(func() error { return write(c, tt.typ, []byte(text(tt.n))) })
						m := u.want(t, p, text(tt.n))
						require.NoError(t, <-writing)
						require.Equal(t, plainType(tt.typ), m.typ)
						alone := name == "WritePrepared" && tt.n == 0
						require.Equal(t, tt.packed && !alone, m.packed)
						require.Equal(t, 1, m.frames)
						synctest.Wait()
						require.EqualValues(t, 1, c.Stats().MessagesSent)
						require.EqualValues(t, tt.n, c.Stats().BytesSent, "bytes are counted before they are compressed")
						require.Zero(t, c.Backlog())
					})
				})
			}
		}
	}
}

// writes are the ways to write a whole message.
var writes = map[string]func(c *Conn, typ MessageType, p []byte) error{
	"Write":    func(c *Conn, typ MessageType, p []byte) error { return c.Write(context.Background(), typ, p) },
	"TryWrite": func(c *Conn, typ MessageType, p []byte) error { return c.TryWrite(typ, p) },
	"WriteBatch": func(c *Conn, typ MessageType, p []byte) error {
		return c.WriteBatch(context.Background(), Message{typ, p})
	},
	"Writer": func(c *Conn, typ MessageType, p []byte) error {
		w, err := c.Writer(context.Background(), typ)
		if err != nil {
			return err
		}
		w.Write(p)
		return w.Close()
	},
	"WritePrepared": func(c *Conn, typ MessageType, p []byte) error {
		m, err := NewPrepared(typ, p)
		if err != nil {
			return err
		}
		return c.WritePrepared(context.Background(), m)
	},
	"NetConn": func(c *Conn, typ MessageType, p []byte) error {
		_, err := NetConn(c, typ).Write(p)
		return err
	},
}

// Of messages that do not become shorter nothing is compressed, unless later ones
// may refer to them.
func TestIncompressible(t *testing.T) {
	playTakeovers(t, func(t *testing.T, takeover bool, c *Conn, p *wstest.Peer) {
		u := unwrapperOf(c.out.role, c.Deflate())
		noise := string(noise(3000, 1))
		for name, write := range writes {
			writing := call(func() error { return write(c, Binary, []byte(noise)) })
			m := u.want(t, p, noise)
			require.NoError(t, <-writing)
			require.Equal(t, takeover && name != "WritePrepared", m.packed, name)
		}
	})
}

// No type of message has both flags, or one of those that are ours alone.
func TestFlagsThatAreNone(t *testing.T) {
	playPacked(t, compressing(true, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
		for _, typ := range []MessageType{
			Text | Compressed | Uncompressed, Compressed, Uncompressed, Text | packed, Text | Binary, frame.Close | Compressed,
		} {
			for name, write := range writes {
				if name != "NetConn" { // which takes what is no type for Binary
					require.Equal(t, errType, write(c, typ, []byte("x")), "%s, %#x", name, byte(typ))
				}
			}
		}
		p.WantIdle("nothing was sent")
	})
}
