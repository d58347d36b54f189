//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parleyws/websocket/internal/bench/measure"
)

// A Loop is connections to one server, and the thread that serves them: that of
// whoever calls its methods.
type Loop struct {
	Latency measure.Histogram // of what came back since it was reset
	Done    int64             // messages that came back, in all

	script  *Script
	clients []*client
	owed    int64 // messages that are to come back
	echo    bool  // who has sent a message gets it back
	more    bool  // and sends another one
	start   time.Time
	epoll   int
	events  []unix.EpollEvent
	buf     []byte
}

// Dial opens connections. If greet, each sends a message, and what comes back is
// looked at closely.
func Dial(addr netip.AddrPort, s *Script, conns int, greet bool) (_ *Loop, err error) {
	l := &Loop{script: s, start: time.Now(), events: make([]unix.EpollEvent, 256), buf: make([]byte, 256<<10)}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for i := range conns {
		c, err := open(addr, s)
		if err == nil {
			l.clients = append(l.clients, c)
			err = l.admit(i, greet)
		}
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("connection %d of %d: %w", i+1, conns, err)
		}
	}
	return l, nil
}

// admit makes the i-th connection one of the loop's.
func (l *Loop) admit(i int, greet bool) error {
	c := l.clients[i]
	if greet {
		if err := c.greet(l.script, l.buf); err != nil {
			return err
		}
	}
	if err := unix.SetNonblock(c.fd, true); err != nil {
		return err
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

// Close closes all connections.
func (l *Loop) Close() {
	for _, c := range l.clients {
		unix.Close(c.fd)
	}
	unix.Close(l.epoll)
}

// Echo has all connections send messages and wait for them to come back, for some
// time, and then waits until all have come back. What the server has done in the
// meantime it has done for these.
func (l *Loop) Echo(d time.Duration) error {
	l.echo, l.more = true, true
	end := l.now() + int64(d)
	for i := range l.clients {
		if err := l.send(i, l.script.InFlight); err != nil {
			return err
		}
	}
	for l.owed > 0 {
		if err := l.turn(); err != nil {
			return err
		}
		l.more = l.more && l.now() < end
	}
	return nil
}

// Publish has the first connection send messages, one after the other, each of
// which all connections have to get before the next, for some time. The latency
// is that of the last one.
func (l *Loop) Publish(d time.Duration) error {
	for end := l.now() + int64(d); l.now() < end; {
		from := l.now()
		if err := l.send(0, 1); err != nil {
			return err
		}
		l.owed = int64(len(l.clients))
		for l.owed > 0 {
			if err := l.turn(); err != nil {
				return err
			}
		}
		l.Latency.Add(time.Duration(l.now() - from))
	}
	return nil
}

func (l *Loop) now() int64 { return int64(time.Since(l.start)) }

// turn waits for something to happen, and deals with it.
func (l *Loop) turn() error {
	n, err := unix.EpollWait(l.epoll, l.events, patience*1000)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("epoll: %w", err)
	case n == 0:
		return fmt.Errorf("nothing came back for %d seconds", patience)
	}
	for _, e := range l.events[:n] {
		if e.Events&unix.EPOLLOUT != 0 {
			if err := l.flush(int(e.Fd)); err != nil {
				return err
			}
		}
		if e.Events&^unix.EPOLLOUT != 0 {
			if err := l.receive(int(e.Fd)); err != nil {
				return err
			}
		}
	}
	return nil
}

// receive reads once, and answers what was complete.
func (l *Loop) receive(i int) error {
	c := l.clients[i]
	n, err := unix.Read(c.fd, l.buf)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case n <= 0:
		return fmt.Errorf("reading: %w", orEOF(err))
	}
	came, now := 0, l.now()
	for p, end := l.buf[:n], false; len(p) > 0; {
		if p, end, err = c.in.feed(p, l.script.want[c.due]); err != nil {
			return err
		}
		if end {
			c.due = (c.due + 1) % len(l.script.want)
			came++
			l.arrived(c, now)
		}
	}
	if len(c.in.pong) > 0 {
		c.out, c.in.pong = append(c.out[:len(c.out):len(c.out)], c.in.pong...), nil
	}
	l.Done += int64(came)
	l.owed -= int64(came)
	if !l.more {
		came = 0
	}
	return l.send(i, came)
}

// arrived counts the latency of a message that has come back to who sent it.
func (l *Loop) arrived(c *client, now int64) {
	if !l.echo {
		return
	}
	l.Latency.Add(time.Duration(now - c.sent[c.head]))
	c.head = (c.head + 1) % len(c.sent)
}

// send sends the next n messages.
func (l *Loop) send(i, n int) error {
	l.clients[i].owed += n
	l.owed += int64(n)
	return l.flush(i)
}

// flush sends what is left over and owed, as far as the socket takes it.
func (l *Loop) flush(i int) error {
	c := l.clients[i]
	for {
		if len(c.out) == 0 {
			if c.owed == 0 {
				return l.watch(i, false)
			}
			l.encode(c)
		}
		n, err := unix.Write(c.fd, c.out)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return l.watch(i, true)
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("writing: %w", err)
		}
		c.out = c.out[max(0, n):]
	}
}

// encode turns what is owed to bytes.
func (l *Loop) encode(c *client) {
	n := min(c.owed, l.script.InFlight)
	c.out = l.script.frames(c.next, n)
	now := l.now()
	for range n {
		c.sent[c.tail] = now
		c.tail = (c.tail + 1) % len(c.sent)
	}
	c.next = (c.next + n) % len(l.script.want)
	c.owed -= n
}

// watch has epoll say when there is room in the socket, or not.
func (l *Loop) watch(i int, room bool) error {
	c := l.clients[i]
	if c.poll == room {
		return nil
	}
	c.poll = room
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
	if room {
		e.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.fd, &e)
}
