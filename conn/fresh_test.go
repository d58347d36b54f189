package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A context of its own for each message, as programs have it that give every call
// a timeout.

// exchange is a message to and fro, each way under a context of its own.
func exchange(tb testing.TB, c *Conn, p, buf []byte) {
	for _, do := range [...]func(ctx context.Context) error{
		func(ctx context.Context) error { return c.Write(ctx, Binary, p) },
		func(ctx context.Context) error { _, _, err := c.AppendRead(ctx, buf); return err },
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := do(ctx); err != nil {
			tb.Error(err)
		}
		cancel()
	}
}

// It costs no allocation but the program's own: as many as a program has that
// makes such contexts, asks for their Done, and cancels them.
func TestFreshContextsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets at random")
	}
	own := testing.AllocsPerRun(1000, func() {
		for range 2 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			_ = ctx.Done()
			cancel()
		}
	})
	for _, ours := range []int{0, 1} {
		client, server := connPair(t, nil)
		ends := [2]*Conn{client, server}
		go echo(context.Background(), ends[1-ours])
		p, buf := make([]byte, 125), make([]byte, 0, 125)
		with := testing.AllocsPerRun(1000, func() { exchange(t, ends[ours], p, buf) })
		require.LessOrEqual(t, with, own, "%v", ends[ours].out.role)
		end(client)
		end(server)
	}
}

// There is one goroutine that watches fresh contexts of readers, and one for
// writers that wait; they end with the connection.
func TestFreshContextsGoroutine(t *testing.T) {
	client, server := connPair(t, nil)
	go echo(context.Background(), server)
	p, buf := make([]byte, 125), make([]byte, 0, 125)
	require.NoError(t, client.Write(context.Background(), Binary, p))
	_, _, err := client.AppendRead(context.Background(), buf)
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	for range 50 {
		exchange(t, client, p, buf)
	}
	watching := 1
	if client.raw == nil {
		watching = 2 // no write can be tried without waiting
	}
	untilGoroutines(t, before+watching) // that of a context.AfterFunc may be on its way out
	require.NoError(t, client.Err())
	end(client)
	<-server.Done()
	untilGoroutines(t, before-1) // the echo is gone too
}

// untilGoroutines waits until there are no more than n.
func untilGoroutines(t *testing.T, n int) {
	t.Helper()
	for begin := time.Now(); runtime.NumGoroutine() > n; time.Sleep(time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("%d goroutines, and not %d", runtime.NumGoroutine(), n)
		}
	}
}

// The end of a fresh context ends the call at that moment, whichever came before.
func TestFreshContextEndsTheCall(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := blocked(t, role, &Config{WriteTimeout: -1}, 5)
			for i := range 50 {
				d := time.Duration(1+i%7) * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), d)
				begin := time.Now()
				reading := startRead(ctx, c)
				err := c.Write(ctx, Text, []byte("hello"))
				require.Equal(t, context.DeadlineExceeded, err)
				require.Equal(t, context.DeadlineExceeded, (<-reading).Err)
				require.Equal(t, d, time.Since(begin))
				cancel()

				ctx, cancelCause := context.WithCancelCause(t.Context())
				reading = startRead(ctx, c)
				synctest.Wait()
				cancelCause(errors.New("why"))
				require.Equal(t, context.Canceled, (<-reading).Err)
				require.Equal(t, d, time.Since(begin))
			}
			require.NoError(t, c.Err())
		})
	}
}

// Contexts that come and go, in turns and at random, do not hit each other's
// calls: over TCP, with messages that come just as time is up, none is lost and
// none comes twice.
func TestFreshContextsLoseNothing(t *testing.T) {
	const messages = 1500
	client, server := connPair(t, nil)
	for _, ends := range [][2]*Conn{{client, server}, {server, client}} {
		from, to := ends[0], ends[1]
		writing := call(func() error {
			rnd := rand.New(rand.NewPCG(9, 10))
			for i := range messages {
				p := binary.BigEndian.AppendUint32(make([]byte, 0, 3000), uint32(i))
				if err := from.Write(context.Background(), Binary, p[:4+rnd.IntN(2900)]); err != nil {
					return err
				}
				if rnd.IntN(4) == 0 {
					for range rnd.IntN(2000) {
						runtime.Gosched()
					}
				}
			}
			return nil
		})
		rnd := rand.New(rand.NewPCG(11, 12))
		long, cancelLong := context.WithCancel(context.Background())
		timeouts := 0
		for i := 0; i < messages; {
			ctx, cancel := long, context.CancelFunc(func() {})
			if rnd.IntN(5) > 0 {
				ctx, cancel = context.WithTimeout(context.Background(), time.Duration(rnd.IntN(60))*time.Microsecond)
			}
			_, p, err := to.Read(ctx)
			cancel()
			if err == context.DeadlineExceeded {
				timeouts++
				continue
			}
			require.NoError(t, err)
			require.EqualValues(t, i, binary.BigEndian.Uint32(p))
			i++
		}
		cancelLong()
		require.NoError(t, <-writing)
		require.Positive(t, timeouts)
	}
}

// Writes to a slow peer under contexts that end at random: what returned nil
// arrives, what did not may, and everything is whole and in order.
func TestFreshContextsTearNothing(t *testing.T) {
	for _, ours := range []int{0, 1} {
		a, b := tcpPair(t)
		nc := [2]any{a, b}[ours].(interface{ SetWriteBuffer(int) error })
		require.NoError(t, nc.SetWriteBuffer(8<<10))
		client, server := New(upgraded(a, roles[0]), nil), New(upgraded(b, roles[1]), nil)
		from, to := client, server
		if ours == 1 {
			from, to = server, client
		}
		const messages = 400
		sure := make([]bool, messages)
		writing := call(func() error {
			rnd := rand.New(rand.NewPCG(13, 14))
			for i := range messages {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rnd.IntN(300))*time.Microsecond)
				err := from.Write(ctx, Binary, fmt.Appendf(nil, "%4d %s", i, pattern(rnd.IntN(40_000))))
				cancel()
				if err != nil && err != context.DeadlineExceeded {
					return err
				}
				sure[i] = err == nil
			}
			return from.Write(context.Background(), Text, []byte("that was all"))
		})
		arrived := make([]bool, messages)
		last := -1
		for m, err := range to.Messages(context.Background()) {
			require.NoError(t, err)
			if m.Type == Text {
				break
			}
			var i int
			_, err := fmt.Sscanf(string(m.Data[:4]), "%d", &i)
			require.NoError(t, err)
			require.Greater(t, i, last, "in order")
			require.Equal(t, string(pattern(len(m.Data)-5)), string(m.Data[5:]), "whole")
			arrived[i], last = true, i
			for range 200 {
				runtime.Gosched()
			}
		}
		require.NoError(t, <-writing)
		for i := range messages {
			require.True(t, arrived[i] || !sure[i], "message %d was written, and has not arrived", i)
		}
		require.Zero(t, from.Backlog())
		end(client)
		end(server)
	}
}
