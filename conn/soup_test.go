package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// Soup: on both ends of a connection several goroutines read and write in all ways
// at once, under contexts that end at any moment. TestModel asks what arrives; this
// asks, over every kind of stream, whether anything is torn, anybody hangs or
// anything is left over, and whether Close is agreed on. There is more of it with
//
//	PARLEY_SOUP=200 go test -run TestSoup ./conn
const (
	soupRounds   = "PARLEY_SOUP"
	soupWriters  = 4  // on each end
	soupReaders  = 2  // on each end
	soupWrites   = 25 // of each writer
	soupPatience = 30 * time.Second
)

// soup is a connection, both ends of it, with all who use it.
type soup struct {
	*testing.T
	seed             uint64
	client, server   *Conn
	writers, readers sync.WaitGroup
	stirred          chan struct{} // has a token for each write that has ended
}

// soupEnds are the ways in which a soup is ended.
var soupEnds = []func(s *soup) error{
	func(s *soup) error { return s.client.Close(StatusNormalClosure, "") },
	func(s *soup) error { return s.server.Close(StatusNormalClosure, "") },
	func(s *soup) error {
		closing := startClose(s.server, StatusGoingAway, "")
		return errors.Join(s.client.Close(StatusNormalClosure, ""), <-closing)
	},
	func(s *soup) error {
		s.server.beginClose(StatusGoingAway, "")
		s.client.beginClose(StatusGoingAway, "")
		return nil
	},
}

// The goroutines write all they have to write, and then the connection is as idle
// as a new one: nobody owns the socket, and nothing waits.
func TestSoup(t *testing.T) {
	everySoup(t, 8, func(s *soup, round int) {
		s.inTime("the writers", s.writers.Wait)
		s.inTime("what was left to be sent in the background", func() {
			for !settled(s.client) || !settled(s.server) {
				runtime.Gosched()
			}
		})
		s.end(soupEnds[round%len(soupEnds)])
	})
}

// The connection is closed in the middle of it all.
func TestSoupIsClosed(t *testing.T) {
	everySoup(t, 6*len(soupEnds), func(s *soup, round int) {
		for range s.rnd(0).IntN(cap(s.stirred)) {
			<-s.stirred
		}
		s.end(soupEnds[round%len(soupEnds)])
	})
}

// It is ended without a word: all get away.
func TestSoupIsThrownAway(t *testing.T) {
	everySoup(t, 8, func(s *soup, round int) {
		for range s.rnd(0).IntN(cap(s.stirred)) {
			<-s.stirred
		}
		require.NoError(s, []*Conn{s.client, s.server}[round%2].CloseNow())
		s.over()
	})
}

// everySoup makes rounds of soup over each kind of stream.
func everySoup(t *testing.T, rounds int, test func(s *soup, round int)) {
	if raceEnabled {
		rounds /= 4 // each is ten times as long
	}
	if more := os.Getenv(soupRounds); more != "" {
		var err error
		rounds, err = strconv.Atoi(more)
		require.NoError(t, err)
	}
	for _, kind := range []string{"TCP", "pipe", "TLS"} {
		for round := range rounds {
			t.Run(fmt.Sprintf("%s/%d", kind, round), func(t *testing.T) {
				client, server := soupStream(t, kind)
				cfg := &Config{Backlog: 400_000, SlowConsumer: SlowConsumer(round % 2), CloseTimeout: soupPatience / 2}
				s := &soup{
					T: t, seed: uint64(round),
					client: New(upgraded(client, frame.Client), cfg), server: New(upgraded(server, frame.Server), cfg),
					stirred: make(chan struct{}, 2*soupWriters*soupWrites),
				}
				s.cook(s.client, 1)
				s.cook(s.server, 2)
				test(s, round)
			})
		}
	}
}

func soupStream(t *testing.T, kind string) (client, server net.Conn) {
	if kind == "pipe" {
		return wstest.Pipe()
	}
	client, server = tcpPair(t)
	for _, nc := range []net.Conn{client, server} { // less than what is under way, so that writers are blocked
		require.NoError(t, nc.(*net.TCPConn).SetReadBuffer(128<<10))
		require.NoError(t, nc.(*net.TCPConn).SetWriteBuffer(128<<10))
	}
	if kind == "TLS" {
		return tlsPair(t, certificate(t), frame.Client, client, server)
	}
	return client, server
}

func (s *soup) rnd(of uint64) *rand.Rand { return rand.New(rand.NewPCG(s.seed, of)) }

// cook starts the goroutines of one end.
func (s *soup) cook(c *Conn, end uint64) {
	for i := range uint64(soupReaders) {
		s.readers.Go(func() { s.readAll(c, s.rnd(100*end+i)) })
	}
	for i := range uint64(soupWriters) {
		s.writers.Go(func() { s.writeAll(c, s.rnd(100*end+50+i)) })
	}
}

// inTime runs f, which is not to take for ever.
func (s *soup) inTime(what string, f func()) {
	guard := time.AfterFunc(soupPatience, func() {
		debug.SetTraceback("all")
		panic(what + " hang")
	})
	defer guard.Stop()
	f()
}

// end closes the connection, which both ends have to agree on.
func (s *soup) end(how func(s *soup) error) {
	s.inTime("Close", func() { require.NoError(s, how(s)) })
	s.over()
	require.NoError(s, s.client.Close(StatusNormalClosure, ""), "%v", s.client.Err())
	require.NoError(s, s.server.Close(StatusNormalClosure, ""), "%v", s.server.Err())
}

// over waits until everything has ended, and looks whether anything is left.
func (s *soup) over() {
	s.inTime("those who use an ended connection", func() {
		s.writers.Wait()
		s.readers.Wait()
		<-s.client.Done()
		<-s.server.Done()
	})
	require.Zero(s, s.client.Backlog())
	require.Zero(s, s.server.Backlog())
}

// settled reports whether nothing is sent and nothing waits to be.
func settled(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	return !o.owned && o.idle() && !o.streaming && o.queue.head == nil && o.backlog == 0
}

// context is one that never ends, or soon, with a deadline or without one.
func (s *soup) context(rnd *rand.Rand) (context.Context, context.CancelFunc) {
	after := time.Duration(rnd.IntN(1000)) * time.Microsecond
	switch rnd.IntN(3) {
	case 0:
		return context.Background(), func() {}
	case 1:
		return context.WithTimeout(context.Background(), after)
	default:
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(after, cancel)
		return ctx, cancel
	}
}

// harmless fails the test if err is not because of ctx, the backlog, or the end.
// (After a write that failed, that is not yet the end: reading goes on. Where it
// ought not to fail, Close will.)
func (s *soup) harmless(ctx context.Context, c *Conn, err error) {
	broken := errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && ctx.Err() == nil && err != ErrBacklog && !broken && c.Err() == nil {
		s.Errorf("%v: %v", c.out.role, err)
	}
}

func (s *soup) readAll(c *Conn, rnd *rand.Rand) {
	for c.Err() == nil {
		ctx, cancel := s.context(rnd)
		s.harmless(ctx, c, s.read(ctx, c, rnd))
		cancel()
		for range rnd.IntN(30) { // it is slower than the writers, now and then
			runtime.Gosched()
		}
	}
}

// read reads in one of the ways, and looks at what it got.
func (s *soup) read(ctx context.Context, c *Conn, rnd *rand.Rand) error {
	switch rnd.IntN(3) {
	case 0:
		_, p, err := c.Read(ctx)
		s.whole(p)
		return err
	case 1:
		for m, err := range c.Messages(ctx) {
			s.whole(m.Data)
			if err != nil || rnd.IntN(3) == 0 {
				return err
			}
		}
		return nil
	default:
		_, r, err := c.Reader(ctx)
		if err == nil {
			buf := make([]byte, 3000)
			n, _ := r.Read(buf) // another reader may come and skip the rest
			s.whole(buf[:n])
		}
		return err
	}
}

// soupMessage returns a message of which any piece shows if it is not of one cast.
func soupMessage(rnd *rand.Rand) []byte {
	sizes := []int{0, 1, 100, 1000, 5000, largeFrame, 20_000, maxBatch + 1, maxDirect + 1}
	return bytes.Repeat([]byte{byte(rnd.Uint32())}, sizes[rnd.IntN(len(sizes))])
}

// whole fails the test if p is not a piece of a message.
func (s *soup) whole(p []byte) {
	if len(p) > 0 && bytes.Count(p, p[:1]) != len(p) {
		s.Errorf("%d bytes of several messages: %.20x…", len(p), p)
	}
}

func (s *soup) writeAll(c *Conn, rnd *rand.Rand) {
	for range soupWrites {
		ctx, cancel := s.context(rnd)
		m := soupMessage(rnd)
		s.harmless(ctx, c, s.write(ctx, c, rnd, m))
		cancel()
		clear(m) // it is ours again
		s.stirred <- struct{}{}
	}
}

// write writes m in one of the ways.
func (s *soup) write(ctx context.Context, c *Conn, rnd *rand.Rand, m []byte) error {
	switch rnd.IntN(8) {
	case 0, 1:
		return c.Write(ctx, Binary, m)
	case 2:
		return c.TryWrite(Binary, m)
	case 3, 4:
		p, err := NewPrepared(Binary, m)
		if err != nil {
			return err
		}
		if rnd.IntN(2) == 0 {
			return c.TryWritePrepared(p)
		}
		return c.WritePrepared(ctx, p)
	case 5:
		other := soupMessage(rnd)
		return c.WriteBatch(ctx, Message{Binary, other}, Message{Binary, m}, Message{Binary, other})
	case 6:
		_, err := c.Ping(ctx)
		return err
	default:
		return s.stream(c, m)
	}
}

// stream writes m twice, as one message. It is not cancelled, for that would end
// the connection.
func (s *soup) stream(c *Conn, m []byte) error {
	w, err := c.Writer(context.Background(), Binary)
	if err != nil {
		return err
	}
	_, first := w.Write(m)
	_, second := w.Write(m)
	return errors.Join(first, second, w.Close())
}
