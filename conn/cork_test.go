package conn

import (
	"context"
	"fmt"
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
