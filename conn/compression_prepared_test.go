package conn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// variety are configurations of connections that may be in one group.
func variety() []*Config {
	all := []*Config{nil}
	for _, takeover := range takeovers {
		for _, bits := range []int{8, 10, 15} {
			for level := range CompressionLevel(4) {
				cfg := compressing(takeover, bits)
				cfg.Compression.Level = level
				all = append(all, cfg)
			}
		}
	}
	one := compressing(true, 12)
	one.Compression.ServerContextTakeover = false
	return append(all, one)
}

// What is broadcast is compressed once for all that do it in the same way, and
// understood by each, whatever it has agreed on, in order with what is written to
// one of them alone: the peer has in its window what this side has forgotten.
func TestBroadcastToAVariety(t *testing.T) {
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { broadcastToAVariety(t, role) })
		})
	}
}

func broadcastToAVariety(t *testing.T, role frame.Role) {
	var group Group
	var ours, theirs []*Conn
	for _, cfg := range variety() {
		client, server := Pipe(calm(cfg), calm(cfg))
		if role == frame.Client {
			client, server = server, client
		}
		group.Add(server)
		ours, theirs = append(ours, server), append(theirs, client)
		t.Cleanup(func() {
			end(client)
			end(server)
		})
	}
	rnd := rand.New(rand.NewPCG(7692, 10))
	shared := string(excerpt(3000, 1))
	for i := range 40 {
		text := strings.ToValidUTF8(fmt.Sprint(i, shared[:rnd.IntN(len(shared))]), "")
		typ := []MessageType{Text, Text, Text | Compressed, Text | Uncompressed}[rnd.IntN(4)]
		m, err := NewPrepared(typ, []byte(text))
		require.NoError(t, err)
		require.Equal(t, Text, m.Type())
		require.Equal(t, len(text), m.Len())
		switch rnd.IntN(4) {
		case 0:
			require.Equal(t, len(ours), group.BroadcastPrepared(m))
		case 1:
			require.Equal(t, len(ours), group.Broadcast(typ, []byte(text)))
		default:
			for _, c := range ours {
				require.NoError(t, c.Write(t.Context(), typ, []byte(text)))
			}
		}
		for k, c := range theirs {
			typ, p, err := c.Read(t.Context())
			require.NoError(t, err, "connection %d, message %d", k, i)
			require.Equal(t, Text, typ)
			require.Equal(t, text, string(p))
		}
	}
	synctest.Wait()
	for k, c := range ours {
		require.EqualValues(t, 40, c.Stats().MessagesSent)
		require.Equal(t, theirs[k].Stats().BytesReceived, c.Stats().BytesSent, "counted before they were compressed")
	}
}

// A message is compressed once for each level and window, and not at all if that
// does not make it shorter.
func TestPreparedIsCompressedOnce(t *testing.T) {
	for _, data := range []string{strings.Repeat("again and ", 100), string(noise(1000, 3))} {
		m, err := NewPrepared(Binary|Compressed, []byte(data))
		require.NoError(t, err)
		first := map[string]*byte{}
		for round := range 2 {
			for i, cfg := range variety()[1:] {
				nc, _ := wstest.Pipe()
				c := compressed(nc, frame.Server, agreement(cfg, cfg), cfg)
				defer end(c)
				key := fmt.Sprint(c.out.z.level, c.out.z.bits)
				encoded := &m.on(c).p[0]
				if first[key] == nil {
					first[key] = encoded
				}
				require.True(t, first[key] == encoded, "%d, %d", round, i)
			}
		}
		require.Len(t, m.packed, len(first))
	}
}

// One message may go to many connections of all kinds at once, from many
// goroutines, among others.
func TestPreparedIsSharedByAVariety(t *testing.T) {
	const each = 20
	m, err := NewPrepared(Text, excerpt(2000, 5))
	require.NoError(t, err)
	var all sync.WaitGroup
	for i, cfg := range variety() {
		if i%3 != 0 {
			continue
		}
		client, server := connPairWith(t, cfg)
		for _, to := range [][2]*Conn{{client, server}, {server, client}} {
			for w := range 2 {
				all.Go(func() {
					for k := range each {
						err := to[0].WritePrepared(context.Background(), m)
						if err == nil {
							err = to[0].Write(context.Background(), Binary, excerpt(100+k*30, uint64(w)))
						}
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Go(func() {
				texts := 0
				for range 2 * 2 * each {
					typ, p, err := to[1].Read(context.Background())
					if err != nil {
						t.Error(i, err)
						return
					}
					if typ == Text {
						texts++
						if string(p) != string(excerpt(2000, 5)) {
							t.Error(i, "other bytes")
						}
					}
				}
				if texts != 2*each {
					t.Error(i, texts)
				}
			})
		}
	}
	all.Wait()
}

// A prepared message that was cut counts with the bytes that it had, and so does
// one that is queued.
func TestPreparedStats(t *testing.T) {
	data := strings.Repeat("0123456789", 5000)
	playTakeovers(t, func(t *testing.T, takeover bool, c *Conn, p *wstest.Peer) {
		m, err := NewPrepared(Text, []byte(data))
		require.NoError(t, err)
		u := unwrapperOf(c.out.role, c.Deflate())
		p.Conn().(*wstest.Conn).SetBuffer(0)
		c.nc.(*wstest.Conn).SetBuffer(5)
		ctx, cancel := context.WithCancel(t.Context())
		writing := call(func() error { return c.WritePrepared(ctx, m) })
		synctest.Wait()
		require.NoError(t, c.TryWritePrepared(m))
		cancel()
		require.Equal(t, context.Canceled, <-writing)
		c.nc.(*wstest.Conn).SetBuffer(1 << 20)
		u.want(t, p, data)
		u.want(t, p, data)
		synctest.Wait()
		require.EqualValues(t, 2, c.Stats().MessagesSent)
		require.EqualValues(t, 2*len(data), c.Stats().BytesSent)
	})
}
