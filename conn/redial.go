package conn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"time"

	"github.com/parleyws/websocket/handshake"
)

// RedialPolicy says when [Redial] dials again, and what it calls. The zero value will
// do, and so will nil. It must not be changed while it is in use. The functions are
// called by the goroutine that ranges over Redial, one after the other.
type RedialPolicy struct {
	// FirstWait is the longest first wait after a connection was lost: it is chosen
	// at random up to that. Those that follow are longer and longer, see [Redial]. If
	// zero or negative, 5 seconds. At least a millisecond.
	FirstWait time.Duration

	// MaxWait is the longest wait. If zero or negative, a minute. If less than FirstWait,
	// that.
	MaxWait time.Duration

	// MaxRetryAfter is the most of a Retry-After field that is obeyed; it may be
	// longer than MaxWait. If zero, 10 minutes. If negative, it is ignored.
	MaxRetryAfter time.Duration

	// Stable is how long a connection must have lasted for the waits to begin with
	// the first again. If zero or negative, 10 seconds.
	Stable time.Duration

	// Wake, if set, ends a wait: a value that is received from it has Redial dial at
	// once, Retry-After or not. It is for news such as that the network is back. Closing
	// it does nothing.
	Wake <-chan struct{}

	// Heals is asked in place of the function [Heals] whether to dial again after err:
	// how dialling failed, what Connected returned, or how a connection ended. It may
	// call that function for what it does not know itself.
	Heals func(err error) bool

	// Dial opens a connection in place of the function [Dial], if every one needs
	// other credentials, another address, or other options; those of Redial are then
	// not looked at, but for Timeout. It must return when ctx is done.
	Dial func(ctx context.Context) (*Conn, error)

	// Connecting: the next attempt begins, the nth since there was a connection.
	Connecting func(n int)

	// Connected: there is a connection. It is called before the loop gets c, and is
	// the place to log in, to subscribe again, to send again what was not
	// acknowledged; it may read. If it returns an error, or takes longer than
	// DialOptions.Timeout, c is closed and the attempt has failed with that error.
	Connected func(ctx context.Context, c *Conn) error

	// Waiting: the next attempt will be made after wait, and why there has to be one.
	Waiting func(wait time.Duration, why error)
}

// Redial keeps a client connected. It is a sequence of connections: the first is
// dialled at once, and when it is over, and the body of the loop with it, the next.
//
//	for c, err := range conn.Redial(ctx, url, nil, nil) {
//		if err != nil {
//			return err // it will not heal, or ctx has ended
//		}
//		for m, err := range c.Messages(ctx) {
//			if err != nil {
//				log.Print(err)
//				break
//			}
//			…
//		}
//	}
//
// opts are those of [Dial], and policy says when to dial and what to call; nil will do for
// both.
//
// # The end
//
// The body has c for one turn. When the turn ends, Redial looks at c.Err(), and dials
// again if that heals, see [Heals]; whatever else has gone wrong is for the body to deal
// with, or to leave the loop for. A connection that the body leaves open is closed with
// StatusNormalClosure, without waiting for the peer, and the next is dialled if the loop
// goes on.
//
// The loop ends by itself, without an error, when a connection was closed with
// StatusNormalClosure, by whichever side. When an attempt fails, or a connection ends,
// in a way that does not heal, and when ctx ends, there is one last turn with an error
// and no connection. It wraps the cause: a [*handshake.Error], a [*CloseError], ctx.Err()
// and with it why there was no connection.
//
// ctx is for all: when it ends, dialling and waiting end at once. It does not end a turn,
// nor close c: that is for the body, which gives ctx to the methods of c.
//
// # Waiting
//
// Between two attempts Redial waits as RFC 6455, section 7.2.3, wants it: "The first
// reconnect attempt SHOULD be delayed by a random amount of time", up to 5 seconds, and
// after that "subsequent reconnect attempts SHOULD be delayed by increasingly longer
// amounts of time, using a method such as truncated binary exponential backoff": 5 to 10
// seconds, 10 to 20, 20 to 40, and from then on 30 to 60, at random. Once a connection was
// stable that begins anew. After 1012 and 1013 the wait is 5 to 30 seconds at least. A 429
// or 503 with a Retry-After field is obeyed, and a random time added.
//
// # Messages in flight
//
// Nothing is sent again. A message that Write has taken may have reached the peer or not
// when the connection is lost, and nobody but the peer knows: a program that must not
// lose any has them acknowledged, keeps those that are not, and sends them again on the
// next connection, in Connected or at the beginning of the body. Then the same one may
// arrive twice; a number in each lets the peer drop it. The example Redial (Resend) does
// that.
//
// The sequence may be ranged over again, and by several goroutines: each gets connections
// of its own.
func Redial(ctx context.Context, url string, opts *DialOptions, policy *RedialPolicy) iter.Seq2[*Conn, error] {
	return func(yield func(*Conn, error) bool) {
		r := newRedialer(url, opts, policy)
		if more, err := r.run(ctx, yield); more && err != nil {
			yield(nil, fmt.Errorf("conn: Redial: %w", err))
		}
	}
}

// redialer is one loop over Redial.
type redialer struct {
	url     string
	opts    *DialOptions
	policy  RedialPolicy // its defaults are filled in
	backoff backoff

	attempts int   // since there was a connection
	last     error // why there is none
}

func newRedialer(url string, opts *DialOptions, policy *RedialPolicy) *redialer {
	r := &redialer{url: url, opts: opts}
	if policy != nil {
		r.policy = *policy
	}
	p := &r.policy
	p.FirstWait = max(positiveOr(p.FirstWait, 5*time.Second), time.Millisecond)
	p.MaxWait = max(positiveOr(p.MaxWait, time.Minute), p.FirstWait)
	p.MaxRetryAfter = max(cmp.Or(p.MaxRetryAfter, 10*time.Minute), 0)
	p.Stable = positiveOr(p.Stable, 10*time.Second)
	if p.Heals == nil {
		p.Heals = Heals
	}
	r.backoff = backoff{first: p.FirstWait, limit: p.MaxWait, random: rand.Int64N}
	return r
}

func positiveOr(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// run makes one connection after the other, and returns why there will be no more: nil
// after a normal closure. It reports whether the loop wants to know.
func (r *redialer) run(ctx context.Context, yield func(*Conn, error) bool) (more bool, err error) {
	if err := r.rehearse(); err != nil {
		return true, err
	}
	for {
		c, err := r.connect(ctx)
		if err == nil {
			if more, err = r.turn(c, yield); !more {
				return false, nil
			}
		}
		if over, why := r.judge(ctx, err); over {
			return true, why
		}
		if !r.wait(ctx, err) {
			return true, r.ended(ctx)
		}
	}
}

// rehearse returns the error of an opening handshake that cannot be, because of the URL
// or of the options: it would fail for ever, without a word of it on the network. Such an
// error comes before the network is asked for a connection.
func (r *redialer) rehearse() error {
	if r.policy.Dial != nil {
		return nil
	}
	cfg := new(handshake.ClientConfig)
	if r.opts != nil {
		cfg = r.opts.handshake()
	}
	cfg.HTTP2, cfg.Proxy = nil, nil // what these say now is not for ever
	dialled := false
	cfg.NetDial = func(context.Context, string, string) (net.Conn, error) {
		dialled = true
		return nil, net.ErrClosed
	}
	_, err := handshake.Connect(context.Background(), r.url, cfg)
	if dialled {
		return nil
	}
	return err
}

// connect makes one attempt.
func (r *redialer) connect(ctx context.Context) (*Conn, error) {
	r.attempts++
	if r.policy.Connecting != nil {
		r.policy.Connecting(r.attempts)
	}
	c, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.connected(ctx, c); err != nil {
		return nil, err
	}
	r.attempts, r.last = 0, nil
	return c, nil
}

func (r *redialer) dial(ctx context.Context) (*Conn, error) {
	if r.policy.Dial != nil {
		return r.policy.Dial(ctx)
	}
	return Dial(ctx, r.url, r.opts)
}

// connected calls RedialPolicy.Connected, and closes c if that fails.
func (r *redialer) connected(ctx context.Context, c *Conn) error {
	if r.policy.Connected == nil {
		return nil
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	fine := false
	defer func() {
		if !fine { // it may have panicked
			c.part()
		}
	}()
	err := r.policy.Connected(ctx, c)
	fine = err == nil
	return err
}

// bounded returns ctx bounded by DialOptions.Timeout.
func (r *redialer) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := 30 * time.Second
	if r.opts != nil {
		timeout = cmp.Or(r.opts.Timeout, timeout)
	}
	if timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// turn gives a connection to the body of the loop, and returns why it is over.
func (r *redialer) turn(c *Conn, yield func(*Conn, error) bool) (more bool, why error) {
	begin := time.Now()
	defer c.part()
	more = yield(c, nil)
	if time.Since(begin) >= r.policy.Stable {
		r.backoff.reset()
	}
	return more, c.whyParted()
}

// errLeftOpen is why there has to be another connection when nothing has happened to
// the one before.
var errLeftOpen = errors.New("conn: the loop over Redial has left the connection open")

// whyParted returns why a loop has to do with c no longer: how it ended, or that it
// cannot be written to any more, or nothing but that the loop left it.
func (c *Conn) whyParted() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if why := c.why(); why != nil {
		return why
	}
	if broken := c.out.oddly().broken; broken != nil {
		return broken
	}
	return errLeftOpen
}

// part closes c, if that has not been done, and does not wait.
func (c *Conn) part() { c.beginClose(StatusNormalClosure, "") }

// judge decides whether there will be no more connections after err, and what the loop
// is told then.
func (r *redialer) judge(ctx context.Context, err error) (over bool, why error) {
	normal := CloseStatus(err) == StatusNormalClosure
	switch {
	case ctx.Err() != nil && !normal:
		return true, r.ended(ctx)
	case r.policy.Heals(err):
		r.last = err
		return false, nil
	case normal:
		return true, nil
	default:
		return true, err
	}
}

// ended is the error for a ctx that has ended.
func (r *redialer) ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	if r.last != nil {
		err = fmt.Errorf("%w; there was no connection: %w", err, r.last)
	}
	return err
}

// wait waits until it is time for the next attempt, and reports whether ctx allows it.
func (r *redialer) wait(ctx context.Context, why error) bool {
	wait := r.backoff.next(pleaOf(why, time.Now(), r.policy.MaxRetryAfter))
	if ctx.Err() != nil {
		return false
	}
	if r.policy.Waiting != nil {
		r.policy.Waiting(wait, why)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for wake := r.policy.Wake; ; {
		select {
		case <-timer.C:
			return ctx.Err() == nil
		case <-ctx.Done():
			return false
		case _, open := <-wake:
			if open {
				return ctx.Err() == nil
			}
			wake = nil // closed: it would be ready for ever
		}
	}
}
