package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/wstest"
)

// TestCompressedModel is TestModel on connections that compress: messages of all
// kinds, sizes and flags, some of them cancelled at any moment. What goes over the
// wire is inflated once more with compress/flate.
//
//	PARLEY_SEED=1234 go test -run TestCompressedModel ./conn
func TestCompressedModel(t *testing.T) {
	seed, rounds := rand.Uint64(), 8
	if s := os.Getenv("PARLEY_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		rounds = 1
	}
	for i := range rounds {
		seed := seed + uint64(i)
		t.Run(fmt.Sprintf("PARLEY_SEED=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := wstest.Pipe()
				runCompressedModel(t, seed, &tap{guarded: guarded{Conn: a, t: t}}, &tap{guarded: guarded{Conn: b, t: t}})
			})
			a, b := tcpPair(t)
			for _, nc := range []net.Conn{a, b} {
				require.NoError(t, nc.(*net.TCPConn).SetWriteBuffer(2048))
			}
			runCompressedModel(t, seed, a, b)
		})
	}
}

func runCompressedModel(t *testing.T, seed uint64, a, b net.Conn) {
	rnd := rand.New(rand.NewPCG(seed, 7692))
	d := &handshake.Deflate{
		ServerNoContextTakeover: rnd.IntN(4) == 0, ClientNoContextTakeover: rnd.IntN(4) == 0,
		ServerMaxWindowBits: 8 + rnd.IntN(8), ClientMaxWindowBits: 8 + rnd.IntN(8),
	}
	client, server := newPackedParty(t, a, frame.Client, rnd, d), newPackedParty(t, b, frame.Server, rnd, d)
	var all sync.WaitGroup
	for _, sides := range [][2]*party{{client, server}, {server, client}} {
		p, other := sides[0], sides[1]
		var writers sync.WaitGroup
		for w := range modelWriters {
			writers.Go(func() { p.writeFlagged(w) })
		}
		over, cancel := context.WithCancel(p.c.Context())
		all.Go(func() {
			writers.Wait()
			if err := p.c.Write(context.Background(), Text, []byte("end")); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { other.readAll(0, cancel, over) })
		all.Go(func() { p.disturb(over) })
	}
	all.Wait()
	closing := call(func() error { return server.c.Close(StatusNormalClosure, "") })
	require.NoError(t, client.c.Close(StatusNormalClosure, ""))
	require.NoError(t, <-closing)
	for _, sides := range [][2]*party{{client, server}, {server, client}} {
		p, other := sides[0], sides[1]
		if p.tap != nil {
			requireInflated(t, p, other, d)
			p.tap = nil // its rules know no RSV1
		}
		p.judge(t, other)
	}
}

func newPackedParty(t *testing.T, nc net.Conn, role frame.Role, rnd *rand.Rand, d *handshake.Deflate) *party {
	cfg := compressing(true, 0)
	cfg.WriteTimeout, cfg.CloseTimeout = time.Hour, time.Hour
	cfg.Compression.MinSize = []int{-1, 0, 300}[rnd.IntN(3)]
	cfg.Compression.Level = CompressionLevel(rnd.IntN(4))
	p := &party{
		t: t, c: compressed(nc, role, d, cfg),
		rnd: rand.New(rand.NewPCG(rnd.Uint64(), 1)), read: map[tag]int{},
	}
	p.tap, _ = nc.(*tap)
	return p
}

// writeFlagged is one writer, as writeAll, whose messages have flags.
func (p *party) writeFlagged(w int) {
	for first := 0; first < modelEach; {
		b := batch{writer: w, first: first, n: 1}
		how := int(p.any(9))
		if how == 0 {
			b.n = int(1 + p.any(4))
		}
		messages := make([]Message, b.n)
		for i := range messages {
			head := fmt.Appendf(nil, "%d %d ", w, first+i)
			typ := Binary | []MessageType{0, 0, Compressed, Uncompressed}[p.any(4)]
			messages[i] = Message{typ, append(head, pattern(int(p.any(1<<p.any(17))))...)}
		}
		ctx, cancel := p.ctx()
		b.err = p.writeOne(ctx, how, messages)
		cancel()
		if b.err != nil && !errors.Is(b.err, context.DeadlineExceeded) && b.err != ErrBacklog {
			p.t.Error(b.err)
			return
		}
		for _, m := range messages {
			clear(m.Data) // it is ours again
		}
		p.mu.Lock()
		p.wrote = append(p.wrote, b)
		p.mu.Unlock()
		first += b.n
		p.pause(500)
	}
}

// writeOne writes messages in one of the ways, with their flags where a way of
// party.write knows none.
func (p *party) writeOne(ctx context.Context, how int, messages []Message) error {
	m := messages[0]
	switch how {
	case 2:
		return p.c.TryWrite(m.Type, m.Data)
	case 3, 4:
		prepared, err := NewPrepared(m.Type, m.Data)
		if err != nil {
			return err
		}
		if how == 3 {
			return p.c.TryWritePrepared(prepared)
		}
		return p.c.WritePrepared(ctx, prepared)
	case 6, 7, 8:
		return p.c.Write(ctx, m.Type, m.Data)
	}
	return p.write(ctx, how, messages)
}

// requireInflated reads what p has sent off the wire: each message is one that p
// wrote, whole, and all together are what the other side has read.
func requireInflated(t *testing.T, p, other *party, d *handshake.Deflate) {
	t.Helper()
	u := unwrapperOf(p.c.out.role, d)
	rules := frame.Validator{Role: peerOf(p.c.out.role), AllowRsv1: true}
	found := 0
	for wire := p.tap.wire; len(wire) > 0; {
		h, n, err := frame.ParseHeader(wire)
		require.NoError(t, err)
		require.NoError(t, rules.Next(h))
		payload := bytes.Clone(wire[n : n+int(h.Length)])
		if h.Masked {
			h.Key.XOR(payload)
		}
		wire = wire[n+len(payload):]
		if h.Opcode.IsControl() {
			require.True(t, h.Opcode != frame.Close || len(wire) == 0, "something comes after the Close frame")
			continue
		}
		m, whole := u.take(t, wstest.Frame{Header: h, Payload: payload})
		if !whole || m.typ == Text {
			continue
		}
		var is tag
		_, err = fmt.Sscanf(m.data, "%d %d ", &is.writer, &is.number)
		require.NoError(t, err)
		require.Equal(t, 1, other.read[is], "%v", is)
		found++
	}
	require.Len(t, other.read, found)
}
