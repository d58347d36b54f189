package conn

import (
	"cmp"
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
	// written are not limited. Of a compressed message the bytes count that come
	// out; a peer can have a thousand of them held for each that it sends. If zero,
	// 1 MiB. If negative, there is no limit, and the peer decides how much memory
	// Read takes.
	MaxMessage int64

	// Backlog is how many bytes may wait to be sent that no call waits for:
	// what TryWrite has queued, and the rest of writes that were cut. Of small
	// messages, no more may wait than one for every 64 bytes of it, or 64 if it
	// is smaller than that. If zero, 256 KiB. If negative, TryWrite queues
	// nothing but the rest of a message that the socket has taken a part of.
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
	// written (frames of up to 64 KiB together, or at most 256 KiB of a longer
	// one). A peer that takes longer ends the connection with a *TimeoutError. A
	// deadline of the writer's context holds in its place as long as nobody else
	// waits for the connection; over TLS the shorter of the two counts. If zero,
	// 30 seconds. If negative, there is no limit.
	WriteTimeout time.Duration

	// Compression, if set, offers compression to the server, or accepts it from
	// the client. Nil: messages are not compressed.
	Compression *Compression

	// Observer, if set, is told what the connection does. It may be shared by
	// connections, and must not be changed while they live.
	Observer *Observer
}

// defaults is the zero Config with its defaults filled in. It is never changed.
var defaults = Config{
	MaxMessage:   1 << 20,
	Backlog:      256 << 10,
	KeepAlive:    KeepAlive{Interval: 30 * time.Second, Timeout: 15 * time.Second},
	CloseTimeout: 5 * time.Second,
	WriteTimeout: 30 * time.Second,
}

// resolved returns cfg with its defaults filled in.
func (cfg *Config) resolved() *Config {
	if cfg == nil || *cfg == (Config{}) {
		return &defaults
	}
	r := *cfg
	r.MaxMessage = cmp.Or(r.MaxMessage, defaults.MaxMessage)
	if r.MaxMessage < 0 {
		r.MaxMessage = math.MaxInt64
	}
	r.Backlog = cmp.Or(r.Backlog, defaults.Backlog)
	r.KeepAlive.Interval = cmp.Or(r.KeepAlive.Interval, defaults.KeepAlive.Interval)
	r.KeepAlive.Timeout = cmp.Or(r.KeepAlive.Timeout, defaults.KeepAlive.Timeout)
	r.CloseTimeout = cmp.Or(r.CloseTimeout, defaults.CloseTimeout)
	r.WriteTimeout = cmp.Or(r.WriteTimeout, defaults.WriteTimeout)
	return &r
}
