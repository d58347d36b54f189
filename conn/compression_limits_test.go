package conn

import (
	"compress/flate"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// Rule 36: a message of exactly MaxMessage bytes passes, one more does not, in
// whatever fragments it comes and whatever was before it.
func TestRule36ExactLimit(t *testing.T) {
	for _, limit := range []int{1, 100, minInflate, minInflate + 1, maxInflate, 100_000} {
		text := strings.Repeat("a text that has its length ", 4000)[:limit]
		for _, over := range []string{"", "."} {
			for _, w := range ways {
				t.Run(fmt.Sprintf("%d%s/%s", limit, over, w.name), func(t *testing.T) {
					playPacked(t, withLimit(true, int64(limit)), func(t *testing.T, c *Conn, p *wstest.Peer) {
						z := newPacker(flate.BestSpeed)
						first, second := z.message(text), z.message(text+over)
						half := len(second) / 2
						wire := wireOf(c, zip(Binary, first),
							zip(Text, second[:half]).NoFin(), wstest.Ping(""), wstest.Cont(second[half:]))
						go p.Stream(wire, len(wire))
						require.Equal(t, received{Binary, text, nil}, w.receive(t.Context(), c))
						if over == "" {
							require.Equal(t, received{Text, text, nil}, w.receive(t.Context(), c))
							return
						}
						got := w.receive(t.Context(), c)
						require.Equal(t, StatusMessageTooBig, CloseStatus(got.Err))
						p.Close()
					})
				})
			}
		}
	}
}

// primed returns a connection to which a peer has already sent all it is going to
// say, so that what reading allocates can be measured.
func primed(t *testing.T, role frame.Role, cfg *Config, wire []byte) *Conn {
	nc, other := wstest.Pipe()
	nc.SetBuffer(len(wire) + 1<<10)
	other.SetBuffer(len(wire) + 1<<10)
	_, err := other.Write(wire)
	require.NoError(t, err)
	c := compressed(nc, role, agreement(cfg, cfg), cfg)
	t.Cleanup(func() {
		end(c)
		other.Close()
	})
	return c
}

// Rule 36: a bomb of 1,000 to 1 stops at the limit, with little allocated, in one
// frame or in many, whichever way it is read.
func TestRule36Bombs(t *testing.T) {
	const limit = 64 << 10
	bomb := newPacker(flate.BestCompression).message(strings.Repeat("\x00", 16<<20))
	require.Less(t, len(bomb), 16_700)
	for name, frames := range map[string][]wstest.Frame{
		"a frame": {zip(Binary, bomb)},
		"frames":  inFragments(zip(Binary, bomb), 100),
		"text":    {zip(Text, bomb)},
	} {
		for _, w := range ways {
			t.Run(name+"/"+w.name, func(t *testing.T) {
				c := primed(t, frame.Client, withLimit(true, limit), wireFrom(frame.Server, frames))
				grown := allocatedBy(func() {
					require.Equal(t, StatusMessageTooBig, CloseStatus(w.receive(context.Background(), c).Err))
				})
				require.Less(t, grown, uint64(1<<20))
			})
		}
	}
}

// A bomb that is skipped counts as one that is read.
func TestRule36SkippedBomb(t *testing.T) {
	bomb := newPacker(flate.BestCompression).message(strings.Repeat("\x00", 1<<20))
	c := primed(t, frame.Client, withLimit(true, 64<<10), wireFrom(frame.Server, []wstest.Frame{zip(Binary, bomb)}))
	_, r, err := c.Reader(t.Context())
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, StatusMessageTooBig, CloseStatus(read(t.Context(), c).Err))
}

// Bytes of which nothing comes out are limited too: empty stored blocks, and fixed
// ones, in a frame or in one fragment after the other.
func TestRule36EmptyBlocks(t *testing.T) {
	const limit = 1000
	for name, block := range map[string]string{"stored": "\x00\x00\x00\xff\xff", "fixed": "\x02\x08\x20\x80\x00", "final": "\x03\x00"} {
		for _, size := range []int{0, 10, 100} {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				frames := inFragments(zip(Text, strings.Repeat(block, 50_000/len(block))), size)
				c := primed(t, frame.Client, withLimit(false, limit), wireFrom(frame.Server, frames))
				grown := allocatedBy(func() {
					require.Equal(t, StatusMessageTooBig, CloseStatus(read(context.Background(), c).Err))
				})
				require.Less(t, grown, uint64(256<<10))
			})
		}
	}
}

// What a header claims is known before the bytes come, and allocates nothing.
func TestRule22CompressedLength(t *testing.T) {
	playPacked(t, withLimit(false, 1000), func(t *testing.T, c *Conn, p *wstest.Peer) {
		wire := wireOf(c, zip(Text, strings.Repeat("\x00", 20_000)))
		p.SendWire(wire[:20])
		requireFailed(t, c, p, ways[0], StatusMessageTooBig)
	})
}

// A message may be larger before it is inflated than after: of an encoder that
// flushes after every byte all is taken.
func TestRule36InefficientPeer(t *testing.T) {
	playPacked(t, withLimit(true, 5000), func(t *testing.T, c *Conn, p *wstest.Peer) {
		z := newPacker(flate.BestSpeed)
		var slow strings.Builder
		for _, b := range pattern(5000) {
			slow.WriteString(z.pack(string(b & 0x7f)))
		}
		payload := slow.String()[:slow.Len()-4]
		require.Greater(t, len(payload), 10*5000)
		go p.Stream(wireOf(c, zip(Text, payload)), 1000)
		got := read(t.Context(), c)
		require.NoError(t, got.Err)
		require.Len(t, got.Data, 5000)
	})
}

// What goes in is counted for each message by itself.
func TestRule36ManyMessages(t *testing.T) {
	playPacked(t, withLimit(true, 1000), func(t *testing.T, c *Conn, p *wstest.Peer) {
		z := newPacker(flate.NoCompression)
		for range 50 {
			p.Send(inFragments(zip(Binary, z.message(string(noise(1000, 1)))), 300)...)
			require.NoError(t, read(t.Context(), c).Err)
		}
	})
}

// No limit is none.
func TestRule36NoLimit(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 1<<18)
	c := primed(t, frame.Client, withLimit(false, -1), wireFrom(frame.Server, []wstest.Frame{zip(Text, packedAlone(text))}))
	got := read(t.Context(), c)
	require.NoError(t, got.Err)
	require.True(t, got.Data == text)
}

// inFragments cuts a message into frames of size bytes. 0: it stays one.
func inFragments(f wstest.Frame, size int) (all []wstest.Frame) {
	for p := f.Payload; size > 0 && len(p) > 0; p = p[min(size, len(p)):] {
		all = append(all, wstest.Cont(string(p[:min(size, len(p))])).NoFin())
	}
	if len(all) == 0 {
		return []wstest.Frame{f}
	}
	all[0].Opcode, all[0].Rsv1 = f.Opcode, f.Rsv1
	all[len(all)-1].Fin = f.Fin
	return all
}

// wireFrom returns frames as an endpoint of that role sends them.
func wireFrom(role frame.Role, frames []wstest.Frame) (wire []byte) {
	for i, f := range frames {
		wire = f.Wire(wire, role, frame.Key{0x37, 0xfa, 0x21, byte(i)})
	}
	return wire
}
