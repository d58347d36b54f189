package conn

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// newPackedBench is newBench on a connection that compresses everything.
func newPackedBench(t *testing.T, role frame.Role, takeover bool) *bench {
	b := newBench(t, role)
	b.c.leaveRound()
	b.c = compressed(b.c.nc, role, both(takeover, 15), compressing(takeover, 15))
	return b
}

// In the steady state nothing is allocated, with takeover or without it.
func TestNoAllocsCompressed(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector a sync.Pool drops things at random")
	}
	buf := make([]byte, 0, 100<<10)
	small, large := excerpt(300, 1), excerpt(64<<10, 2)
	reads := func(b *bench) error {
		_, _, err := b.c.AppendRead(context.Background(), buf)
		return err
	}
	for name, tt := range map[string]struct {
		sent []wstest.Frame // by the peer, for each run; it refers to nothing before it
		run  func(b *bench) error
	}{
		"AppendRead 300 B":      {[]wstest.Frame{zip(Text, packedAlone(string(small)))}, reads},
		"AppendRead 64 KiB":     {[]wstest.Frame{zip(Text, packedAlone(string(large)))}, reads},
		"AppendRead, fragments": {inFragments(zip(Text, packedAlone(string(small))), 50), reads},
		"Write 300 B":           {nil, func(b *bench) error { return b.c.Write(context.Background(), Text, small) }},
		"Write 64 KiB":          {nil, func(b *bench) error { return b.c.Write(context.Background(), Text, large) }},
	} {
		for _, role := range roles {
			for _, takeover := range takeovers {
				t.Run(fmt.Sprintf("%s/%v/%v", name, role, takeover), func(t *testing.T) {
					b := newPackedBench(t, role, takeover)
					wire := wireFrom(peerOf(role), tt.sent)
					requireNoAllocs(t, func() error {
						if len(wire) > 0 {
							b.ask <- wire
						}
						return tt.run(b)
					})
				})
			}
		}
	}
}

// Without takeover an idle connection holds nothing of DEFLATE, whatever it has
// done; with it, the history and no buffer.
func TestIdleCompressedConnectionHolds(t *testing.T) {
	for _, role := range roles {
		for _, takeover := range takeovers {
			b := newPackedBench(t, role, takeover)
			b.ask <- wireFrom(peerOf(role), append(inFragments(zip(Text, packedAlone(string(excerpt(9000, 1)))), 100), zip(Text, hello)))
			require.NoError(t, read(t.Context(), b.c).Err)
			require.NoError(t, read(t.Context(), b.c).Err)
			require.NoError(t, streamIn(b.c, excerpt(9000, 1), 1000))
			require.NoError(t, b.c.Write(t.Context(), Text, excerpt(9000, 1)))
			startRead(context.Background(), b.c)
			for b.c.wire.waits.Load()%2 == 0 {
				runtime.Gosched()
			}
			b.c.mu.Lock()
			require.Nil(t, b.c.in.z.out)
			require.Nil(t, b.c.out.air)
			require.Equal(t, takeover, b.c.in.z.d != nil)
			require.Equal(t, takeover, b.c.out.z.c != nil)
			b.c.mu.Unlock()
		}
	}
}

// Half of a message, in the middle of a block, holds what cannot be had again, and
// not the buffer that it was inflated into, however long the peer keeps us waiting
// for the rest.
func TestHalfOfACompressedMessageHoldsNoBuffer(t *testing.T) {
	text := excerpt(90_000, 1)
	payload := packedAlone(string(text))
	half := len(payload) / 2
	playTakeovers(t, func(t *testing.T, _ bool, c *Conn, p *wstest.Peer) {
		result := startRead(t.Context(), c)
		p.SendWire(wireOf(c, zip(Text, payload[:half]).NoFin()))
		notYet(t, result, "the other half is missing")
		require.True(t, c.in.z.out == nil)
		p.SendWire(wireOf(c, wstest.Cont(payload[half:])))
		require.Equal(t, received{Text, string(text), nil}, <-result)
	})
}

// With takeover at 12 bits a connection holds less than 16 KiB more than without,
// for both directions together, and however much went over it.
func TestIdleMemoryOfTakeover(t *testing.T) {
	const pairs = 40
	held := map[bool]int64{}
	for _, takeover := range takeovers {
		var all []*Conn
		before := heap()
		for range pairs {
			cfg := calm(compressing(takeover, 12))
			client, server := Pipe(cfg, cfg)
			all = append(all, client, server)
			for _, side := range [][2]*Conn{{client, server}, {server, client}} {
				for i := range 3 {
					require.NoError(t, side[0].Write(t.Context(), Text, excerpt(15_000, uint64(i))))
					require.NoError(t, read(t.Context(), side[1]).Err)
				}
			}
			for _, c := range []*Conn{client, server} { // a connection is idle while it waits
				startRead(context.Background(), c)
				for c.wire.waits.Load()%2 == 0 {
					runtime.Gosched()
				}
			}
		}
		held[takeover] = (heap() - before) / int64(len(all))
		for _, c := range all {
			end(c)
		}
	}
	t.Logf("bytes of an idle connection: %d without takeover, %d with it at 12 bits", held[false], held[true])
	require.Less(t, held[true]-held[false], int64(16<<10))
	require.Greater(t, held[true]-held[false], int64(2<<12), "two windows at least")
}

// heap returns how many bytes are in use once pools are empty.
func heap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What the last read was lent stays good while others go on.
func TestLentCompressedDataStaysValid(t *testing.T) {
	for _, takeover := range takeovers {
		client, server := connPairWith(t, compressing(takeover, 12))
		texts := []string{string(excerpt(100, 1)), string(excerpt(3000, 2)), string(excerpt(100_000, 3)), "", string(excerpt(50, 4))}
		go func() {
			for range 3 {
				for _, text := range texts {
					client.Write(context.Background(), Text, []byte(text))
				}
			}
			client.Close(StatusNormalClosure, "")
		}()
		i := 0
		for m, err := range server.Messages(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, texts[i%len(texts)], string(m.Data))
			next := read(t.Context(), server)
			dirty()
			require.Equal(t, texts[i%len(texts)], string(m.Data))
			if next.Err != nil {
				break
			}
			require.Equal(t, texts[(i+1)%len(texts)], next.Data)
			clear(m.Data) // it may be changed
			i += 2
		}
		require.GreaterOrEqual(t, i, 14)
	}
}
