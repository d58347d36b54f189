//go:build (linux || darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package conn

import (
	"log"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
)

// Where there are no event loops, each connection has a goroutine, and a handler can
// end no more than that.

// A handler that ends the goroutine of its loop is reported, and its connections end.
func TestServerHandlerEndsItsGoroutine(t *testing.T) {
	for _, workers := range []int{0, 2} {
		var logged strings.Builder
		var mu sync.Mutex
		closed := make(chan error, 1)
		s := &Server{Loops: 1, Workers: workers, ErrorLog: log.New(lockedWriter{&mu, &logged}, "", 0), Handler: &events{
			message: func(*Conn, Message) { runtime.Goexit() },
			close:   func(_ *Conn, err error) { closed <- err },
		}}
		peer := enters(t, s, frame.Server)
		defer peer.Close()
		say(t, peer, "hello")
		require.Error(t, <-closed)
		mu.Lock()
		require.Contains(t, logged.String(), "goroutine")
		mu.Unlock()
		shutDown(t, s)
	}
}
