package conn

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
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

// Replies may be held however the messages are read, as long as the next one lies there:
// by a loop whose body reads itself, and by loops that are left and begun again.
func TestRepliesMayBeHeldAcrossLoops(t *testing.T) {
	for name, takes := range map[string]func(c *Conn, i int) (more bool){
		"one loop":         func(*Conn, int) bool { return true },
		"the body reads":   func(c *Conn, i int) bool { return i != 2 || read(context.Background(), c).Err == nil },
		"many loops":       func(*Conn, int) bool { return false },
		"somebody uncorks": func(c *Conn, i int) bool { c.uncork(); return true },
	} {
		t.Run(name, func(t *testing.T) {
			nc, peer := tcpPair(t)
			c := New(upgraded(nc, frame.Server), calm(nil))
			t.Cleanup(func() { end(c) })
			texts := numbered(8)
			say(t, peer, texts...)
			i := 0
			for i < len(texts)-2 {
				for m, err := range c.Messages(t.Context()) {
					require.NoError(t, err)
					require.True(t, c.mayHold(m.Data), "the reply to %q", m.Data)
					if i++; !takes(c, i) || i >= len(texts)-2 {
						break
					}
				}
			}
		})
	}
}
