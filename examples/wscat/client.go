package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// talk is the client: lines to messages, messages to lines, until either side
// has had enough. The error says what did not go as it should.
func talk(ctx context.Context, o *options, in *input, s *screen) error {
	u, err := open(ctx, o, s)
	if err != nil {
		return err
	}
	s.note("connected to %s%s", oneLine([]byte(redacted(o.url)), 500), agreed(u))
	traced(u, s, "", o.verbose)
	t := &session{c: conn.New(u, o.dial.config()), o: o, in: in, s: s}
	defer t.c.CloseNow()
	if in.commands && !in.script {
		s.note("/help lists what else than text can be sent")
	}
	err = t.run(ctx)
	t.summary()
	return err
}

// open connects, and shows the handshake if -v is given.
func open(ctx context.Context, o *options, s *screen) (*handshake.Upgraded, error) {
	t := &tracer{screen: s}
	if o.verbose > 0 {
		t.request(o.url, &o.dial)
	}
	u, err := connect(ctx, o.url, &o.dial)
	if o.verbose > 0 {
		if r := refusal(err); r != nil {
			t.response(r.Status, r.Header)
		} else if err == nil {
			t.response(101, u.Header)
		}
	}
	return u, err
}

// agreed says what the handshake agreed on beside the connection.
func agreed(u *handshake.Upgraded) (text string) {
	if u.Subprotocol != "" {
		text += ", subprotocol " + u.Subprotocol // a token, and one that was offered
	}
	if u.Deflate != nil {
		text += ", compressed"
	}
	return text
}

// session is one connection of the client.
type session struct {
	c  *conn.Conn
	o  *options
	in *input
	s  *screen

	pings   latencies
	workers sync.WaitGroup
}

// errEnough says that -n messages have come.
var errEnough = errors.New("enough")

// run reads and writes until the connection, the input or ctx ends.
func (t *session) run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer t.workers.Wait()
	defer cancel()
	received, sent := make(chan error, 1), make(chan error, 1)
	t.workers.Go(func() { received <- t.receive(work) })
	if t.o.ping > 0 {
		t.workers.Go(func() { t.pingOften(work) })
	}
	go func() { sent <- t.send(work) }() // may be in a Read that nothing ends

	var patience <-chan time.Time
	for {
		select {
		case err := <-received:
			return t.ended(ctx, err)
		case err := <-sent:
			var wish *closeWish
			switch {
			case errors.As(err, &wish):
				return t.close(wish.code, wish.reason)
			case err != nil:
				return errors.Join(err, t.close(conn.StatusNormalClosure, ""))
			case t.o.wait >= 0:
				patience = time.After(t.o.wait)
			}
		case <-patience:
			return t.missing(t.close(conn.StatusNormalClosure, ""))
		case <-ctx.Done():
			_ = t.close(conn.StatusGoingAway, "")
			return whyEnded(ctx)
		}
	}
}

// ended looks at why nothing more is received, and lets the closing handshake come
// to its end.
func (t *session) ended(ctx context.Context, err error) error {
	if errors.Is(err, errEnough) {
		return t.close(conn.StatusNormalClosure, "")
	}
	if t.c.Err() == nil {
		_ = t.close(conn.StatusNormalClosure, "")
		return err // what has come could not be printed
	}
	t.s.note("the connection has ended: %s", reason(err))
	select {
	case <-t.c.Done():
	case <-ctx.Done(): // nobody wants to wait for it
	}
	return t.missing(verdict(err))
}

// close closes the connection. If the server has done so before, it is the
// server's code that counts.
func (t *session) close(code conn.StatusCode, why string) error {
	failed := t.c.Close(code, why)
	if err := t.c.Err(); conn.CloseStatus(err) != code {
		t.s.note("the connection has ended: %s", reason(err))
		return verdict(err)
	}
	t.s.note("closed with %v", code)
	return failed
}

// missing makes an error of a good end if -n messages have not come by then.
func (t *session) missing(err error) error {
	if got := t.c.Stats().MessagesReceived; err == nil && got < uint64(t.o.count) {
		return fmt.Errorf("the connection has ended after %d of %s", got, count(t.o.count, "message"))
	}
	return err
}

// receive prints messages until there are no more, or enough.
func (t *session) receive(ctx context.Context) error {
	n := 0
	for m, err := range t.c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := t.s.message("", m); err != nil {
			return err
		}
		if n++; n == t.o.count {
			return errEnough
		}
	}
	return t.c.Err()
}

// closeWish is the end of the input by /close.
type closeWish struct {
	code   conn.StatusCode
	reason string
}

func (w *closeWish) Error() string { return "close" }

// send does what the input says until it ends, or the connection does, of which
// receive tells.
func (t *session) send(ctx context.Context) error {
	if t.o.hasExecute {
		a, err := sendText(t.o.execute)
		if t.o.binary {
			a, err = sendHex(t.o.execute)
		}
		if err != nil {
			return err
		}
		return t.do(ctx, a)
	}
	for {
		a, err := t.in.next()
		var mistake *usageError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &mistake) && !t.in.script:
			t.s.warn(err)
			continue
		case err != nil:
			return err
		}
		if err := t.do(ctx, a); err != nil || t.c.Err() != nil {
			return err
		}
	}
}

func (t *session) do(ctx context.Context, a action) error {
	switch a.verb {
	case doSend:
		_ = t.c.Write(ctx, a.message.Type, a.message.Data) // fails with the connection
	case doPing:
		t.ping(ctx)
	case doClose:
		return &closeWish{a.code, a.reason}
	case doHelp:
		t.s.print("", help)
	}
	return nil
}

// summary says what the connection has done.
func (t *session) summary() {
	if t.o.verbose > 0 {
		n := t.c.Stats()
		t.s.note("sent %s, %s; received %s, %s", count(int(n.MessagesSent), "message"), count(int(n.BytesSent), "byte"),
			count(int(n.MessagesReceived), "message"), count(int(n.BytesReceived), "byte"))
	}
	if text := t.pings.String(); text != "" {
		t.s.note("%s", text)
	}
}
