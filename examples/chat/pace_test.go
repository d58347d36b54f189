package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	p := pace{burst: 3, every: time.Second}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 3 {
		require.Zero(t, p.spend(now), "a burst goes through")
	}
	for i := range 3 {
		wait := p.spend(now)
		require.Equal(t, time.Second, wait, "then it is one a second (%d)", i)
		now = now.Add(wait)
	}
	now = now.Add(1500 * time.Millisecond)
	require.Zero(t, p.spend(now), "one second is worth one message")
	require.Equal(t, 500*time.Millisecond, p.spend(now), "and half a second is not")
	now = now.Add(time.Hour)
	for range 3 {
		require.Zero(t, p.spend(now), "an hour is worth a burst")
	}
	require.Equal(t, time.Second, p.spend(now), "and no more")
}
