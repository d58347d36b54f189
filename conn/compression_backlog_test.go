package conn

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// whilePackedStuck is whileStuck on connections that compress everything.
func whilePackedStuck(t *testing.T, takeover bool, cfg Config, test func(t *testing.T, s *stuck)) {
	cfg.Compression = compressing(takeover, 15).Compression
	for _, role := range roles {
		t.Run(fmt.Sprintf("socket/%v/%v", role, takeover), func(t *testing.T) {
			plain, other, full := stuffed(t, role, nil)
			c := compressed(plain.nc, role, both(takeover, 15), &cfg)
			t.Cleanup(func() { end(c) })
			p := wstest.NewPeer(t, other, peerOf(role))
			test(t, &stuck{c, p, func() {
				_, err := io.CopyN(io.Discard, other, full)
				require.NoError(t, err)
			}})
		})
		t.Run(fmt.Sprintf("pipe/%v/%v", role, takeover), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plain, p, open := blocked(t, role, nil, 0)
				c := compressed(plain.nc, role, both(takeover, 15), &cfg)
				t.Cleanup(func() { end(c) })
				test(t, &stuck{c, p, open})
			})
		})
	}
}

// DropOldest never drops what is in the window of the messages to come: what the
// peer gets, it can inflate, and of the rest the program is told.
func TestDropOldestCompressed(t *testing.T) {
	for _, takeover := range takeovers {
		for _, size := range []int{100, 2000, largeFrame + 1000} {
			dropped := 0
			cfg := Config{
				Backlog: 10 * size, SlowConsumer: DropOldest, WriteTimeout: -1,
				Observer: &Observer{Drop: func(_ *Conn, typ MessageType, n int) { dropped++ }},
			}
			t.Run(fmt.Sprint(size), func(t *testing.T) {
				whilePackedStuck(t, takeover, cfg, func(t *testing.T, s *stuck) {
					dropped = 0
					requireNothingLost(t, s, size, &dropped)
				})
			})
		}
	}
}

const droppers = 40

// requireNothingLost gives more messages to TryWrite than there is room for, and
// inflates what comes of it.
func requireNothingLost(t *testing.T, s *stuck, size int, dropped *int) {
	// Random bytes that come again: a message becomes small if it may refer to
	// the one before it, and not at all if it may not.
	text := func(i int) string { return fmt.Sprint(i, " ", string(noise(size, uint64(i/2)))) }
	for i := range droppers {
		require.NoError(t, s.TryWrite(Binary, []byte(text(i))))
		if i == 3 {
			s.begun1()
		}
		require.LessOrEqual(t, s.Backlog(), s.cfg.Backlog+size+frame.MaxHeaderSize+10)
	}
	require.NoError(t, s.TryWrite(Text, []byte("that is all")))
	s.open()
	u := unwrapperOf(s.out.role, s.Deflate())
	last, got := -1, 0
	for m := u.next(t, s.peer); m.typ != Text; m = u.next(t, s.peer) {
		var i int
		_, err := fmt.Sscanf(m.data, "%d ", &i)
		require.NoError(t, err)
		require.True(t, m.data == text(i), "message %d", i)
		require.Greater(t, i, last, "in order")
		last, got = i, got+1
	}
	require.Equal(t, droppers-1, last, "the oldest are dropped, not the latest")
	s.settle()
	require.Equal(t, droppers, got+*dropped)
	require.Positive(t, *dropped)
	require.EqualValues(t, *dropped, s.Stats().Dropped)
	require.EqualValues(t, got+1, s.Stats().MessagesSent)
}

// begun1 waits until something is on its way, and all that goes with it has been
// compressed.
func (s *stuck) begun1() {
	s.until(func() bool {
		e := s.out.front()
		return s.out.air != nil && (e == nil || !e.pressing)
	})
}

// TryWrite on a full socket with no room in the backlog: without takeover the
// message is refused and leaves no trace, with it the first that was compressed is
// taken all the same, and no other.
func TestRefusedCompressed(t *testing.T) {
	for _, takeover := range takeovers {
		whilePackedStuck(t, takeover, Config{Backlog: -1, WriteTimeout: -1}, func(t *testing.T, s *stuck) {
			taken := 0
			for i := range 20 {
				if s.TryWrite(Text, excerpt(500, uint64(i))) == nil {
					taken++
					require.Zero(t, i)
				}
			}
			require.EqualValues(t, 20-taken, s.Stats().Dropped)
			s.open()
			u := unwrapperOf(s.out.role, s.Deflate())
			for range taken {
				u.want(t, s.peer, string(excerpt(500, 0)))
			}
			s.settle()
			for i := range 3 {
				require.NoError(t, s.Write(t.Context(), Text, excerpt(500, uint64(i))))
				u.want(t, s.peer, string(excerpt(500, uint64(i))))
			}
		})
	}
}

// Prepared messages among others, all of them queued: what refers to nothing makes
// this side forget in its place in the order, and not before or after.
func TestQueuedPreparedCompressed(t *testing.T) {
	whilePackedStuck(t, true, Config{Backlog: 10 << 20, WriteTimeout: -1}, func(t *testing.T, s *stuck) {
		text := func(i int) string { return fmt.Sprint(i, " ", string(excerpt(600, uint64(i%3)))) }
		for i := range 60 {
			m, err := NewPrepared(Text, []byte(text(i)))
			require.NoError(t, err)
			if i%4 == 2 {
				require.NoError(t, s.TryWritePrepared(m))
			} else {
				require.NoError(t, s.TryWrite(Text, []byte(text(i))))
			}
		}
		s.open()
		u := unwrapperOf(s.out.role, s.Deflate())
		for i := range 60 {
			require.True(t, u.want(t, s.peer, text(i)).packed)
		}
	})
}

// A frame that has come too late to be compressed before a batch is not in it: what
// was counted for that batch may have been withdrawn meanwhile.
func TestNothingIsGatheredBeforeItIsCompressed(t *testing.T) {
	playPacked(t, compressing(true, 15), func(t *testing.T, c *Conn, p *wstest.Peer) {
		u := unwrapperOf(c.out.role, c.Deflate())
		m, err := NewPrepared(Text, excerpt(1000, 1))
		require.NoError(t, err)
		require.NoError(t, c.Write(t.Context(), Text, excerpt(1000, 0)))
		u.want(t, p, string(excerpt(1000, 0)))
		owned(c)
		require.NoError(t, c.TryWrite(Text|Uncompressed, []byte("plain")))
		require.NoError(t, c.TryWritePrepared(m))
		c.mu.Lock()
		gathered, next := c.out.gather(nil), c.out.front()
		c.mu.Unlock()
		require.True(t, gathered)
		require.NotNil(t, next, "the window has still to be forgotten for it")
		release(c)
		u.want(t, p, "plain")
		u.want(t, p, string(excerpt(1000, 1)))
		require.NoError(t, c.Write(t.Context(), Text, excerpt(1000, 0)))
		u.want(t, p, string(excerpt(1000, 0)))
	})
}

// Compressing takes time, in which a Pong waits, and what has been compressed can no
// longer be dropped. So what counts for a batch is how much goes in, not how little
// comes out.
func TestAsMuchIsCompressedAsFillsABatch(t *testing.T) {
	for _, takeover := range takeovers {
		cfg := compressing(takeover, 15)
		cfg.Backlog = 1 << 20
		playPacked(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) {
			u := unwrapperOf(c.out.role, c.Deflate())
			text := strings.Repeat("all the same ", 1000)
			owned(c)
			for range 20 {
				require.NoError(t, c.TryWrite(Text, []byte(text)))
			}
			c.mu.Lock()
			c.pressAll()
			waiting := 0
			for e := c.out.front(); e != nil; e = e.next {
				if e.press {
					waiting++
				}
			}
			c.mu.Unlock()
			require.Equal(t, 20-(maxBatch+len(text)-1)/len(text), waiting)
			release(c)
			for range 20 {
				u.want(t, p, text)
			}
		})
	}
}
