package conn

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// numbered returns n texts.
func numbered(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint("message ", i))
	}
	return texts
}

func answers(texts []string) (re []string) {
	for _, s := range texts {
		re = append(re, "re: "+s)
	}
	return re
}

// Replies to messages that came together go out together, whichever way they are
// written.
func TestRepliesGoOutTogether(t *testing.T) {
	prepared, err := NewPrepared(Text, []byte("prepared"))
	require.NoError(t, err)
	for name, write := range map[string]func(c *Conn, m Message) error{
		"Write":            func(c *Conn, m Message) error { return c.Write(context.Background(), Text, m.Data) },
		"TryWrite":         func(c *Conn, m Message) error { return c.TryWrite(Text, m.Data) },
		"WritePrepared":    func(c *Conn, m Message) error { return c.WritePrepared(context.Background(), prepared) },
		"TryWritePrepared": func(c *Conn, m Message) error { return c.TryWritePrepared(prepared) },
	} {
		t.Run(name, func(t *testing.T) {
			c, peer, _ := loopPair(t, nil, func(c *Conn, m Message) bool { return write(c, m) == nil })
			texts := numbered(16)
			say(t, peer, texts...)
			want := texts
			if name == "WritePrepared" || name == "TryWritePrepared" {
				want = nil
				for range texts {
					want = append(want, "prepared")
				}
			}
			require.Equal(t, want, hear(t, peer, len(texts)))
			require.Eventually(t, func() bool { return c.Stats().MessagesSent == 16 }, 5*time.Second, time.Millisecond)
			s := c.Stats()
			require.LessOrEqual(t, s.Writes, uint64(3), "in one system call, unless the network has cut what came")
			require.Zero(t, s.Backlog)
		})
	}
}

// A body that takes its time with one message does not delay the replies to those
// before it.
func TestSlowBodyDoesNotDelayReplies(t *testing.T) {
	goOn := make(chan bool)
	c, peer, _ := loopPair(t, nil, func(c *Conn, m Message) bool {
		if string(m.Data) == "slow" {
			<-goOn
		}
		return reply(c, m)
	})
	begin := time.Now()
	say(t, peer, "quick", "slow", "after it")
	require.Equal(t, []string{"re: quick"}, hear(t, peer, 1))
	require.Less(t, time.Since(begin), time.Second, "the bound is %v", maxHold)
	require.Zero(t, c.Backlog())
	close(goOn)
	require.Equal(t, []string{"re: slow", "re: after it"}, hear(t, peer, 2))
}

// Nothing that was held is lost, however the loop or the connection ends.
func TestHeldRepliesAreSentInTheEnd(t *testing.T) {
	for name, end := range map[string]func(c *Conn) (more bool){
		"CloseNow": func(c *Conn) bool { c.CloseNow(); return false },
		"Close":    func(c *Conn) bool { startClose(c, StatusNormalClosure, ""); return true },
		"break":    func(c *Conn) bool { return false },
		"another writes": func(c *Conn) bool {
			<-call(func() error { return c.Write(context.Background(), Text, []byte("x")) })
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, peer, _ := loopPair(t, nil, func(c *Conn, m Message) bool {
				return string(m.Data) != "message 0" || reply(c, m) && end(c)
			})
			texts := numbered(3)
			say(t, peer, texts...)
			require.Equal(t, answers(texts[:1]), hear(t, peer, 1))
		})
	}
}

// What is held is bounded, by Backlog too, and counts for it.
func TestHeldRepliesAreBounded(t *testing.T) {
	for _, tt := range []struct {
		backlog int
		most    int
	}{{-1, 0}, {40, 40}, {0, maxBatch}} {
		var held atomic.Int64 // at most
		_, peer, _ := loopPair(t, &Config{Backlog: tt.backlog}, func(c *Conn, m Message) bool {
			ok := reply(c, m)
			held.Store(max(held.Load(), int64(c.Backlog())))
			return ok
		})
		texts := numbered(64)
		say(t, peer, texts...)
		require.Equal(t, answers(texts), hear(t, peer, len(texts)))
		require.LessOrEqual(t, int(held.Load()), tt.most)
		require.Equal(t, tt.most > 0, held.Load() > 0)
	}
}
