package conn

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// batchOf returns messages of these lengths, each unlike the others.
func batchOf(lengths ...int) (batch []Message, frames []wstest.Frame) {
	for i, n := range lengths {
		typ := []MessageType{Text, Binary}[i%2]
		p := bytes.Repeat([]byte{byte('a' + i%26)}, n)
		batch = append(batch, Message{typ, p})
		frames = append(frames, wstest.Op(typ, bytes.Clone(p)))
	}
	return batch, frames
}

func TestWriteBatchIsOneWrite(t *testing.T) {
	small := []int{0, 1, 125, 126, 0, 4000, largeFrame - 1, 0}
	many := slices.Repeat([]int{125}, 400) // 52,400 bytes with their headers
	for _, lengths := range [][]int{{5}, {0}, {0, 0}, small, many} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			batch, frames := batchOf(lengths...)
			require.NoError(t, c.WriteBatch(t.Context(), batch...))
			require.Equal(t, 1, c.Transport().(*wstest.Conn).Writes())
			require.EqualValues(t, 1, c.Stats().Writes)
			require.EqualValues(t, len(batch), c.Stats().MessagesSent)
			p.Want("in order", frames...)
			p.WantIdle("that is all")
		})
	}
	client, server := connPair(t, nil)
	for _, c := range []*Conn{client, server} {
		batch, _ := batchOf(many...)
		require.NoError(t, c.WriteBatch(t.Context(), batch...))
		require.EqualValues(t, 1, c.Stats().Writes, "on a socket too")
	}
}

// What does not fit into one system call takes as few as possible. The caller's
// messages are not changed by it.
func TestWriteBatchLarge(t *testing.T) {
	for _, tt := range []struct {
		lengths []int
		writes  int // at most, over a stream without writev
	}{
		{slices.Repeat([]int{1000}, 200), 4},
		{slices.Repeat([]int{largeFrame - 1}, 8), 3},
		{[]int{10, largeFrame, 10}, 4},
		{[]int{largeFrame, 10, maxBatch + 1, 0, maxDirect + 1, 5, 5}, 18},
		{[]int{1 << 20}, 20},
	} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			nc := c.Transport().(*wstest.Conn)
			nc.SetBuffer(1 << 30)
			batch, frames := batchOf(tt.lengths...)
			require.NoError(t, c.WriteBatch(t.Context(), batch...))
			require.LessOrEqual(t, nc.Writes(), tt.writes, "for messages of %d bytes", tt.lengths)
			p.Want("in order", frames...)
			p.WantIdle("that is all")
			for i := range batch {
				require.True(t, bytes.Equal(frames[i].Payload, batch[i].Data), "they are the caller's")
			}
		})
	}
}

func TestWriteBatchOfNothing(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		require.NoError(t, c.WriteBatch(t.Context()))
		for _, op := range []frame.Opcode{frame.Continuation, frame.Close, frame.Ping, frame.Pong, 3, 11} {
			for at := range 3 {
				batch, _ := batchOf(1, 2, 3)
				batch[at].Type = op
				require.Equal(t, errType, c.WriteBatch(t.Context(), batch...))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		batch, _ := batchOf(1, 2, 3)
		require.Equal(t, context.Canceled, c.WriteBatch(ctx, batch...))
		p.WantIdle("nothing was sent")
		require.Zero(t, c.Stats().Writes)
		require.NoError(t, c.WriteBatch(t.Context(), batch...))
	})
}

// The messages of a batch follow one another, whatever others write.
func TestWriteBatchIsNotMixed(t *testing.T) {
	const writers, batches = 6, 10
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		rnd := rand.New(rand.NewPCG(3, 4))
		var all sync.WaitGroup
		total := 0
		for w := range writers {
			n := 1 + rnd.IntN(5)
			total += n * batches
			lengths := make([]int, n)
			for i := range lengths {
				lengths[i] = rnd.IntN(1 << rnd.IntN(18))
			}
			all.Go(func() {
				for b := range batches {
					var batch []Message
					for i, n := range lengths {
						head := fmt.Appendf(nil, "%d %d %d %d ", w, b, i, len(lengths))
						batch = append(batch, Message{Binary, append(head, make([]byte, n)...)})
					}
					if err := c.WriteBatch(t.Context(), batch...); err != nil {
						t.Error(err)
					}
				}
			})
		}
		next := make([]int, writers) // batch
		for total > 0 {
			var writer, of int
			for i := 0; i == 0 || i < of; i++ {
				var w, b, j int
				_, err := fmt.Sscanf(string(p.Next("a message").Payload), "%d %d %d %d", &w, &b, &j, &of)
				require.NoError(t, err)
				if i == 0 {
					writer = w
				}
				require.Equal(t, []int{writer, next[writer], i}, []int{w, b, j}, "a batch is not interrupted")
				total--
			}
			next[writer]++
		}
		all.Wait()
	})
}

// If ctx ends while a batch waits, what was begun is completed, and the rest is
// not sent: what arrives is the beginning of the batch.
func TestWriteBatchIsCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		for _, role := range roles {
			synctest.Test(t, func(t *testing.T) { cutBatch(t, role, rnd) })
		}
	}
}

func cutBatch(t *testing.T, role frame.Role, rnd *rand.Rand) {
	lengths := make([]int, 1+rnd.IntN(12))
	total := 0
	for i := range lengths {
		lengths[i] = rnd.IntN(1 << rnd.IntN(19))
		total += lengths[i] + 14
	}
	at := rnd.IntN(total)
	c, p, open := blocked(t, role, nil, at)
	batch, frames := batchOf(lengths...)
	before := rnd.IntN(3) // writers that are there before, and one behind
	var others []<-chan error
	for range before {
		others = append(others, call(func() error { return c.Write(context.Background(), Text, []byte("before")) }))
		synctest.Wait()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := c.WriteBatch(ctx, batch...)
	if err != nil {
		require.Equal(t, context.DeadlineExceeded, err)
	}
	for _, m := range batch {
		clear(m.Data) // it is the caller's again
	}
	others = append(others, call(func() error { return c.Write(context.Background(), Text, []byte("behind")) }))
	synctest.Wait()
	open()
	for range before {
		p.Want("those before it", wstest.Text("before"))
	}
	sent := 0
	for f := p.Next("the batch's"); string(f.Payload) != "behind"; f = p.Next("the batch's") {
		require.Equal(t, frames[sent].Payload, f.Payload, "whole, and in order")
		require.Equal(t, frames[sent].Opcode, f.Opcode)
		sent++
	}
	if err == nil {
		require.Equal(t, len(batch), sent)
	}
	for _, other := range others {
		require.NoError(t, <-other)
	}
	p.WantIdle("nothing comes late")
	require.Zero(t, c.Backlog())
	require.NoError(t, c.Err())
}

// A batch waits for the end of a streamed message.
func TestWriteBatchWhileStreaming(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		w, err := c.Writer(t.Context(), Text)
		require.NoError(t, err)
		batch, frames := batchOf(3, 4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, context.DeadlineExceeded, c.WriteBatch(ctx, batch...), "no trace of this one")
		writing := call(func() error { return c.WriteBatch(t.Context(), batch...) })
		p.WantIdle("the batch waits")
		require.NoError(t, w.Close())
		require.NoError(t, <-writing)
		p.Want("the streamed message, and the batch", append([]wstest.Frame{wstest.Text("")}, frames...)...)
		p.WantIdle("that is all")
	})
}

func TestWriteBatchOverTLS(t *testing.T) {
	overTLS(t, func(t *testing.T, c *Conn, p *wstest.Peer, nc *wstest.Conn) {
		batch, frames := batchOf(10, 0, 126, 600)
		writes := nc.Writes()
		require.NoError(t, c.WriteBatch(t.Context(), batch...))
		require.Equal(t, writes+1, nc.Writes(), "one record")
		p.Want("in order", frames...)

		buffer := nc.SetBuffer(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, context.DeadlineExceeded, c.WriteBatch(ctx, batch...))
		nc.SetBuffer(buffer)
		p.Want("what was given to TLS arrives", frames...)
		require.NoError(t, c.WriteBatch(t.Context(), batch...))
		p.Want("and the stream is whole", frames...)
	})
}

func TestWriteBatchAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool forgets at random")
	}
	client, server := connPair(t, nil)
	for _, c := range []*Conn{client, server} {
		batch, _ := batchOf(slices.Repeat([]int{100}, 50)...)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if err := c.WriteBatch(context.Background(), batch...); err != nil {
				t.Error(err)
			}
		}), "%v", c.out.role)
	}
}
