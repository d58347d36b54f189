package conn

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// Thousands of connections whose peers are gone without a word, some in the middle
// of a frame: rule 38. Each is found out within Interval and Timeout, by one timer
// and no goroutine but the reader's, and has cost little until then.
func TestThousandsOfDeadPeers(t *testing.T) {
	const peers = 2000
	life := KeepAlive{Interval: 30 * time.Second, Timeout: 15 * time.Second}
	last := wstest.Text("the last words").Wire(nil, frame.Client, frame.Key{1, 2, 3, 4})
	synctest.Test(t, func(t *testing.T) {
		cfg, results := &Config{KeepAlive: life}, make(chan error, peers)
		goroutines, begin := runtime.NumGoroutine(), time.Now()
		allocated := allocatedBy(func() {
			for i := range peers {
				nc, other := wstest.Pipe()
				other.Write(last[:i%(len(last)+1)])
				c := New(upgraded(nc, frame.Server), cfg)
				go func() {
					var err error
					for err == nil {
						_, _, err = c.Read(context.Background())
					}
					<-c.Done()
					results <- err
				}()
			}
			synctest.Wait()
		})
		require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+peers+1)
		require.Less(t, allocated, uint64(peers*16<<10), "of which the pipes are a part")
		for range peers {
			require.Equal(t, &TimeoutError{Op: "keepalive", After: life.Timeout}, <-results)
		}
		require.LessOrEqual(t, time.Since(begin), life.Interval+life.Timeout+time.Second)
	})
}
