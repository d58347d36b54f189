package conn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TryWrite, Write and streams from many goroutines to a peer that reads at its own
// pace: each message arrives whole, each goroutine's in order, and only those of
// TryWrite may be missing, of which as many as were counted.
func TestTryWriteStress(t *testing.T) {
	for name, pair := range map[string]func() (*Conn, *Conn){
		"TCP":  func() (*Conn, *Conn) { return connPair(t, stressConfig) },
		"pipe": func() (*Conn, *Conn) { return Pipe(stressConfig, stressConfig) },
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pair()
			stress(t, client, server)
			stress(t, server, client)
			closing := call(func() error { return client.Close(StatusNormalClosure, "") })
			_, _, err := server.Read(t.Context())
			require.ErrorIs(t, err, io.EOF)
			require.NoError(t, <-closing)
			<-server.Done()
		})
	}
}

var stressConfig = &Config{Backlog: 32 << 10, SlowConsumer: DropOldest, MaxMessage: -1}

// stressor is one way to send messages.
type stressor struct {
	name  string
	loses bool
	send  func(c *Conn, p []byte) error
}

var stressors = []stressor{
	{"TryWrite", true, func(c *Conn, p []byte) error { return c.TryWrite(Binary, p) }},
	{"TryWritePrepared", true, func(c *Conn, p []byte) error {
		m, err := NewPrepared(Binary, p)
		if err == nil {
			err = c.TryWritePrepared(m)
		}
		return err
	}},
	{"Write", false, func(c *Conn, p []byte) error { return c.Write(context.Background(), Binary, p) }},
	{"WriteBatch", false, func(c *Conn, p []byte) error {
		return c.WriteBatch(context.Background(), Message{Binary, p})
	}},
	{"Writer", false, func(c *Conn, p []byte) error {
		w, err := c.Writer(context.Background(), Binary)
		if err != nil {
			return err
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		return w.Close()
	}},
}

const (
	stressTimes = 2 // goroutines for each way to send
	stressEach  = 60
	stressFinal = "that was all"
)

// stressMessage is message i of a goroutine; its length says whether it is whole.
func stressMessage(who string, i int) []byte {
	return fmt.Appendf(nil, "%s %d %s", who, i, bytes.Repeat([]byte{byte(i)}, i*i*37%20_000))
}

func stress(t *testing.T, from, to *Conn) {
	before := from.Stats()
	var senders sync.WaitGroup
	for _, s := range stressors {
		for k := range stressTimes {
			senders.Go(func() {
				for i := range stressEach {
					p := stressMessage(fmt.Sprint(s.name, "#", k), i)
					if err := s.send(from, p); err != nil && !(s.loses && err == ErrBacklog) {
						t.Errorf("%s: %v", s.name, err)
					}
					clear(p) // it is the caller's again
				}
			})
		}
	}
	finishing := call(func() error {
		senders.Wait()
		return from.Write(context.Background(), Text, []byte(stressFinal))
	})
	arrived := receiveStress(t, to)
	require.NoError(t, <-finishing)
	for _, s := range stressors {
		for k := range stressTimes {
			if n := arrived[fmt.Sprint(s.name, "#", k)]; !s.loses {
				require.Equal(t, stressEach, n, "all of %s", s.name)
			}
		}
	}
	after := from.Stats()
	require.Zero(t, after.Backlog)
	total := 0
	for _, n := range arrived {
		total += n
	}
	require.EqualValues(t, len(stressors)*stressTimes*stressEach, total+int(after.Dropped-before.Dropped))
	require.EqualValues(t, total+1, after.MessagesSent-before.MessagesSent)
}

// receiveStress checks what comes, and returns how much came from each goroutine.
func receiveStress(t *testing.T, c *Conn) map[string]int {
	arrived, last := map[string]int{}, map[string]int{}
	for m, err := range c.Messages(t.Context()) {
		require.NoError(t, err)
		if m.Type == Text {
			require.Equal(t, stressFinal, string(m.Data))
			return arrived
		}
		var who string
		var i int
		_, err := fmt.Sscanf(string(m.Data[:min(60, len(m.Data))]), "%s %d", &who, &i)
		require.NoError(t, err)
		require.Equal(t, stressMessage(who, i), m.Data, "the message is whole")
		if n, ok := last[who]; ok {
			require.Greater(t, i, n, "the order of %s", who)
		}
		last[who] = i
		arrived[who]++
		runtime.Gosched()
	}
	t.Fatal("the connection has ended")
	return nil
}
