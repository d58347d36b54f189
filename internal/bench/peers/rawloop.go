package peers

import (
	"bytes"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/parleyws/websocket/internal/poll"
)

// rawLoop is the limit for event loops: one that does not know what it echoes.
func rawLoop() Peer {
	return Peer{
		Name: "raw loop", Raw: true, Compresses: true,
		How:   "an event loop over epoll, edge triggered, with one buffer of 64 KiB; read and write, no protocol",
		serve: serveRawLoop,
	}
}

func serveRawLoop(ln net.Listener, t *Task) error {
	p, err := poll.New()
	if err != nil {
		return err
	}
	l := &rawEvents{task: t, room: newRoom[int](t), buf: make([]byte, 64<<10), rest: make(map[int][]byte)}
	go p.Run(l.events)
	for {
		nc, err := ln.Accept()
		if err != nil {
			return err
		}
		fd, err := detach(nc.(*net.TCPConn))
		if err != nil {
			return err
		}
		l.room.join(fd)
		if err := p.Add(fd, poll.Token{Slot: uint32(fd)}); err != nil {
			return err
		}
	}
}

// detach takes a socket from Go's own poller.
func detach(nc *net.TCPConn) (fd int, err error) {
	defer nc.Close()
	raw, err := nc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno error
	if err := raw.Control(func(old uintptr) { fd, errno = syscall.Dup(int(old)) }); err != nil {
		return 0, err
	}
	return fd, os.NewSyscallError("dup", errno)
}

// rawEvents are the connections of the loop, each known by its descriptor.
type rawEvents struct {
	task *Task
	room *room[int]
	buf  []byte
	rest map[int][]byte // what a socket has not taken; nothing is read from it till then
}

func (l *rawEvents) events(events []poll.Event) (time.Time, poll.Then) {
	for _, ev := range events {
		fd := int(ev.Token.Slot)
		readable := ev.Readable
		if p := l.rest[fd]; p != nil && ev.Writable {
			delete(l.rest, fd)
			l.write(fd, p)
			readable = true
		}
		if readable {
			l.read(fd, ev.End)
		}
	}
	return time.Time{}, poll.Wait
}

// read echoes what there is. A read that does not fill the buffer was the last, unless
// the end may have come with the bytes.
func (l *rawEvents) read(fd int, end bool) {
	for l.rest[fd] == nil {
		n, err := syscall.Read(fd, l.buf)
		switch {
		case err == syscall.EAGAIN:
			return
		case n <= 0:
			l.room.leave(fd)
			delete(l.rest, fd)
			syscall.Close(fd)
			return
		}
		l.answer(fd, l.buf[:n])
		if n < len(l.buf) && !end {
			return
		}
	}
}

func (l *rawEvents) answer(fd int, p []byte) {
	switch {
	case bytes.HasPrefix(p, []byte("GET ")):
		l.write(fd, handshakeReply)
	case l.task.Broadcast: // the load sends a message at a time
		l.room.each(func(to int) { l.write(to, p) })
	default:
		l.write(fd, p)
	}
}

// write writes what the socket takes, and keeps the rest.
func (l *rawEvents) write(fd int, p []byte) {
	if rest := l.rest[fd]; rest != nil {
		l.rest[fd] = append(rest, p...)
		return
	}
	for len(p) > 0 {
		n, err := syscall.Write(fd, p)
		if err == syscall.EAGAIN {
			l.rest[fd] = bytes.Clone(p)
			return
		}
		if err != nil {
			return // the next read tells
		}
		p = p[n:]
	}
}
