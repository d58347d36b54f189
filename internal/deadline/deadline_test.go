package deadline

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A deadline wakes those who wait when it passes, and is past from then on, until
// another is set.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		changed := sync.NewCond(&mu)
		mu.Lock()
		defer mu.Unlock()
		var d Deadline
		require.False(t, d.IsPast(), "there is none")
		begin := time.Now()
		d.Set(begin.Add(time.Hour), changed)
		d.Set(begin.Add(time.Second), changed) // in its place
		for !d.IsPast() {
			changed.Wait()
		}
		require.Equal(t, time.Second, time.Since(begin))
		d.Set(time.Time{}, changed)
		require.False(t, d.IsPast(), "it was taken back")
		d.Set(time.Unix(1, 0), changed)
		require.True(t, d.IsPast(), "it has passed already")
		d.Set(time.Now().Add(time.Second), changed)
		d.Stop()
		mu.Unlock()
		time.Sleep(time.Minute)
		mu.Lock()
		require.False(t, d.IsPast(), "it was stopped")
	})
}

// lock is a mutex that one can wait for while time passes in a bubble.
type lock chan struct{}

func (l lock) Lock()   { l <- struct{}{} }
func (l lock) Unlock() { <-l }

// A timer that fires while another deadline is set says nothing of that one.
func TestLateTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mu := make(lock, 1)
		changed := sync.NewCond(mu)
		mu.Lock()
		var d Deadline
		d.Set(time.Now().Add(time.Second), changed)
		time.Sleep(2 * time.Second) // it has fired, and waits for the lock
		require.False(t, d.IsPast())
		d.Set(time.Now().Add(time.Hour), changed)
		mu.Unlock()
		time.Sleep(time.Minute)
		mu.Lock()
		require.False(t, d.IsPast())
		d.Stop()
		mu.Unlock()
	})
}
