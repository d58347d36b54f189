package conn

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the zero value of each field means, and a negative one.
func TestConfigDefaults(t *testing.T) {
	want := Config{
		MaxMessage: 1 << 20, Backlog: 256 << 10,
		KeepAlive:    KeepAlive{Interval: 30 * time.Second, Timeout: 15 * time.Second},
		CloseTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
	}
	require.Equal(t, want, *(*Config)(nil).resolved())
	require.Equal(t, want, *new(Config).resolved())

	want.SlowConsumer = Disconnect
	require.Equal(t, want, *(&Config{SlowConsumer: Disconnect}).resolved())

	negative := Config{
		MaxMessage: -1, Backlog: -1, KeepAlive: KeepAlive{Interval: -1, Timeout: -1},
		CloseTimeout: -1, WriteTimeout: -1,
	}
	got := negative.resolved()
	require.Equal(t, int64(math.MaxInt64), got.MaxMessage)
	require.Equal(t, int64(-1), negative.MaxMessage, "the caller's Config is not changed")
	got.MaxMessage = -1
	require.Equal(t, negative, *got)

	ours := Config{
		MaxMessage: 1, Backlog: 2, KeepAlive: KeepAlive{Interval: 3, Timeout: 4},
		CloseTimeout: 5, WriteTimeout: 6, Observer: new(Observer),
	}
	require.Equal(t, ours, *ours.resolved())
}
