package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/conn"
)

// program is a running chat.
type program struct {
	url  string // of the page, with the slash
	log  *bufio.Scanner
	stop context.CancelFunc // what an interrupt does
	done chan error         // what run returned
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &program{log: bufio.NewScanner(r), stop: stop, done: make(chan error, 1)}
	go func() {
		p.done <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), w)
		w.Close()
	}()
	t.Cleanup(func() {
		stop()
		io.Copy(io.Discard, r)
	})
	require.True(t, p.log.Scan())
	_, p.url, _ = strings.Cut(p.log.Text(), "listening on ")
	require.NotEmpty(t, p.url, "the first line says where it listens")
	return p
}

// An interrupt closes everybody with 1001, those who have not joined among them, and
// the program waits for that, for some time.
func TestShutdown(t *testing.T) {
	p := start(t)
	ada, grace := join(t, p.url+"ws", "lobby", "Ada"), join(t, p.url+"ws", "hall", "Grace")
	shy := knock(t, p.url+"ws", nil)
	deaf := join(t, p.url+"ws", "lobby", "Deaf") // it does not read, nor answer
	ada.wantCount(2)

	begin := time.Now()
	p.stop()
	require.True(t, p.log.Scan())
	require.Contains(t, p.log.Text(), "shutting down")
	ada.wantClosed("one in a room", conn.StatusGoingAway)
	grace.wantClosed("one in another", conn.StatusGoingAway)
	shy.wantClosed("one that has not joined", conn.StatusGoingAway)
	require.NoError(t, <-p.done, "an interrupt is no failure")
	require.Less(t, time.Since(begin), patience)
	deaf.wantClosed("it has been told, too", conn.StatusGoingAway)
	_, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(p.url, "http:"), "/"))
	require.Error(t, err, "nobody listens any more")
}

func TestNobodyEntersAfterShutdown(t *testing.T) {
	h := newHub(defaults)
	h.close(t.Context())
	client, server := conn.Pipe(nil, nil)
	defer client.CloseNow()
	defer server.CloseNow()
	err := h.serve(t.Context(), server)
	require.ErrorIs(t, err, &conn.CloseError{Code: conn.StatusGoingAway})
}

func TestFlags(t *testing.T) {
	p := start(t, "-members", "1", "-rooms", "1", "-history", "1", "-origins", "https://a.example,https://*.b.example")
	for origin, ok := range map[string]bool{"https://a.example": true, "https://x.b.example": true, "https://c.example": false} {
		c, err := conn.Dial(within(t), p.url+"ws", &conn.DialOptions{Header: map[string][]string{"Origin": {origin}}})
		require.Equal(t, ok, err == nil, origin)
		if ok {
			c.CloseNow()
		}
	}
	require.Error(t, run(t.Context(), []string{"-no-such-flag"}, io.Discard))
	require.Error(t, run(t.Context(), []string{"-addr", strings.Trim(strings.TrimPrefix(p.url, "http:"), "/")}, io.Discard), "the address is taken")
}
