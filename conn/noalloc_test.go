package conn

import (
	"context"
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// bench is a connection over TCP whose peer allocates nothing: it sends the same
// bytes whenever it is asked to, and reads and drops what comes.
type bench struct {
	c    *Conn
	peer net.Conn
	ask  chan []byte
}

func newBench(t *testing.T, role frame.Role) *bench {
	nc, peer := tcpPair(t)
	if role == frame.Server {
		nc, peer = peer, nc
	}
	b := &bench{New(upgraded(nc, role), nil), peer, make(chan []byte)}
	go func() {
		for wire := range b.ask {
			peer.Write(wire)
		}
	}()
	dropped := call(func() error {
		buf := make([]byte, 64<<10)
		for {
			if _, err := peer.Read(buf); err != nil {
				return err
			}
		}
	})
	t.Cleanup(func() {
		end(b.c)
		close(b.ask)
		peer.Close()
		<-dropped
	})
	return b
}

// TestNoAllocs lists what promises to allocate nothing in the steady state. A
// context that can be cancelled may come again and again.
func TestNoAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector a sync.Pool drops things at random")
	}
	buf := make([]byte, 0, 100<<10)
	small, large := pattern(125), pattern(64<<10)
	for _, tt := range []struct {
		name string
		sent []wstest.Frame // what the peer sends for each run
		run  func(ctx context.Context, b *bench) error
	}{
		{"AppendRead 125 B", []wstest.Frame{wstest.Binary(small)}, func(ctx context.Context, b *bench) error {
			_, _, err := b.c.AppendRead(ctx, buf)
			return err
		}},
		{"AppendRead 64 KiB", []wstest.Frame{wstest.Binary(large)}, func(ctx context.Context, b *bench) error {
			_, _, err := b.c.AppendRead(ctx, buf)
			return err
		}},
		{"AppendRead, fragments", []wstest.Frame{wstest.Binary(small).NoFin(), wstest.Cont("lo")}, func(ctx context.Context, b *bench) error {
			_, _, err := b.c.AppendRead(ctx, buf)
			return err
		}},
		{"AppendRead, a pong before", []wstest.Frame{wstest.Ping("?"), wstest.Text("x")}, func(ctx context.Context, b *bench) error {
			_, _, err := b.c.AppendRead(ctx, buf)
			return err
		}},
		{"Write 125 B", nil, func(ctx context.Context, b *bench) error { return b.c.Write(ctx, Binary, small) }},
		{"Write 64 KiB", nil, func(ctx context.Context, b *bench) error { return b.c.Write(ctx, Binary, large) }},
	} {
		for _, role := range roles {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				var wire []byte
				for _, f := range tt.sent {
					wire = f.Wire(wire, peerOf(role), frame.Key{1, 2, 3, 4})
				}
				cancellable, cancel := context.WithCancel(context.Background())
				defer cancel()
				for _, ctx := range []context.Context{context.Background(), cancellable} {
					b := newBench(t, role)
					requireNoAllocs(t, func() error {
						if wire != nil {
							b.ask <- wire
						}
						return tt.run(ctx, b)
					})
				}
			})
		}
	}
}

// Messages and Reader, whose loops cannot be cut in runs, are measured as a
// whole: a few allocations for the loop, none for each message.
func TestNoAllocsInALoopOverMessages(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector a sync.Pool drops things at random")
	}
	for _, n := range []int{125, 64 << 10} {
		for _, role := range roles {
			cancellable, cancel := context.WithCancel(context.Background())
			defer cancel()
			for _, ctx := range []context.Context{context.Background(), cancellable} {
				b := newBench(t, role)
				wire := wstest.Binary(pattern(n)).Wire(nil, peerOf(role), frame.Key{1, 2, 3, 4})
				next, stop := 0, make(chan struct{})
				turn := make(chan struct{})
				go func() {
					defer close(stop)
					for _, err := range b.c.Messages(ctx) {
						if err != nil {
							return
						}
						next++
						turn <- struct{}{}
					}
				}()
				requireNoAllocs(t, func() error {
					b.ask <- wire
					<-turn
					return nil
				})
				require.NotZero(t, next)
				b.c.CloseNow()
				<-stop
			}
		}
	}
}

func requireNoAllocs(t *testing.T, run func() error) {
	t.Helper()
	allocs := testing.AllocsPerRun(200, func() {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
}

// A context for every message costs what package context takes for it, and
// nothing of ours.
func TestNoAllocsForFreshContexts(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector a sync.Pool drops things at random")
	}
	for _, role := range roles {
		b := newBench(t, role)
		wire := wstest.Text("hello").Wire(nil, peerOf(role), frame.Key{1, 2, 3, 4})
		buf := make([]byte, 0, 100)
		message := []byte("hello")
		alone := testing.AllocsPerRun(200, func() {
			for range 2 {
				ctx, cancel := context.WithCancel(context.Background())
				_ = ctx.Done()
				cancel()
			}
		})
		with := testing.AllocsPerRun(200, func() {
			ctx, cancel := context.WithCancel(context.Background())
			if err := b.c.Write(ctx, Text, message); err != nil {
				t.Fatal(err)
			}
			cancel()
			ctx, cancel = context.WithCancel(context.Background())
			b.ask <- wire
			if _, _, err := b.c.AppendRead(ctx, buf); err != nil {
				t.Fatal(err)
			}
			cancel()
		})
		require.LessOrEqual(t, with, alone)
	}
}

// Nor does one that waits inside a large message hold more than what it has of it.
func TestWaitInsideAMessageHoldsNoBuffer(t *testing.T) {
	for _, role := range roles {
		nc, other := tcpPair(t)
		u := upgraded(nc, role)
		u.Buffered = wstest.Binary(make([]byte, 60_000)).Wire(nil, peerOf(role), frame.Key{})[:100]
		c := New(u, calm(nil))
		startRead(context.Background(), c)
		for c.wire.waits.Load()%2 == 0 {
			runtime.Gosched()
		}
		require.Nil(t, c.wire.buf)
		end(c)
		other.Close()
	}
}
