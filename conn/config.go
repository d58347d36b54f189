package conn

import (
	"math"
	"time"
)

// Config is what a connection may cost and how long it may wait. The zero value
// is safe, and what most programs want; so is a nil *Config. It is read once,
// when the connection is made.
type Config struct {
	// MaxMessage is the most bytes that a received message may have, all its
	// fragments together. A longer one fails the connection with
	// StatusMessageTooBig as soon as a frame header shows it. Messages that are
	// written are not limited. If zero, 1 MiB. If negative, there is no limit,
	// and the peer decides how much memory Read takes.
	MaxMessage int64

	// Backlog is how many bytes may wait to be sent that no call waits for:
	// what TryWrite has queued, and the rest of writes that were cut. If zero,
	// 256 KiB. If negative, TryWrite queues nothing but the rest of a message
	// that the socket has taken a part of.
	Backlog int

	// SlowConsumer is what TryWrite does when Backlog does not suffice. The
	// zero value is Refuse.
	SlowConsumer SlowConsumer

	// KeepAlive says when to send Pings, and when to give up a peer that does
	// not answer. The zero value is on.
	KeepAlive KeepAlive

	// CloseTimeout is how long the whole closing handshake may take: writing
	// our Close frame, waiting for the peer's, and waiting for the end of the
	// TCP connection. If zero, 5 seconds. If negative, the TCP connection is
	// closed as soon as our Close frame has been handed to the kernel.
	CloseTimeout time.Duration

	// WriteTimeout is how long the peer may take to accept a piece of what is
	// written (a frame, or at most 256 KiB of a longer one) when ctx has no
	// deadline. A peer that takes longer ends the connection with a
	// *TimeoutError. If zero, 30 seconds. If negative, there is no limit.
	WriteTimeout time.Duration

	// Observer, if set, is told what the connection does. It may be shared by
	// connections, and must not be changed while they live.
	Observer *Observer
}

const (
	defaultMaxMessage   = 1 << 20
	defaultBacklog      = 256 << 10
	defaultCloseTimeout = 5 * time.Second
	defaultWriteTimeout = 30 * time.Second
)

// resolved returns cfg with its defaults filled in.
func (cfg *Config) resolved() Config {
	var r Config
	if cfg != nil {
		r = *cfg
	}
	switch {
	case r.MaxMessage == 0:
		r.MaxMessage = defaultMaxMessage
	case r.MaxMessage < 0:
		r.MaxMessage = math.MaxInt64
	}
	if r.Backlog == 0 {
		r.Backlog = defaultBacklog
	}
	r.KeepAlive = r.KeepAlive.resolved()
	if r.CloseTimeout == 0 {
		r.CloseTimeout = defaultCloseTimeout
	}
	if r.WriteTimeout == 0 {
		r.WriteTimeout = defaultWriteTimeout
	}
	return r
}
