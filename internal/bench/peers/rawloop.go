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
		Name: "raw epoll", Raw: true, Compresses: true,
		How:   "an epoll loop, edge triggered, that waits in Go's own poller; read and write, one buffer",
		serve: serveRawLoop,
	}
}

func serveRawLoop(ln net.Listener, t *Task) error {
	p, err := poll.New()
	if err != nil {
		return err
	}
	l := &rawEpoll{task: t, room: newRoom[int](t), buf: make([]byte, 64<<10)}
	go p.Run(l.events)
	for {
		nc, err := ln.Accept()
		if err != nil {
			return err
		}
		f, err := nc.(*net.TCPConn).File()
		nc.Close()
		if err != nil {
			return err
		}
		fd, err := syscall.Dup(int(f.Fd())) // Fd makes it a blocking one
		f.Close()
		if err != nil {
			return err
		}
		if err := syscall.SetNonblock(fd, true); err != nil {
			return err
		}
		l.room.join(fd)
		if err := p.Add(fd, poll.Token{Slot: uint32(fd)}); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
}

type rawEpoll struct {
	task *Task
	room *room[int]
	buf  []byte
}

func (l *rawEpoll) events(events []poll.Event) (time.Time, poll.Then) {
	for _, ev := range events {
		if ev.Readable {
			l.read(int(ev.Token.Slot), ev.End)
		}
	}
	return time.Time{}, poll.Wait
}

// read echoes what there is.
func (l *rawEpoll) read(fd int, end bool) {
	for {
		n, err := syscall.Read(fd, l.buf)
		switch {
		case err == syscall.EAGAIN:
			return
		case n <= 0:
			l.room.leave(fd)
			syscall.Close(fd)
			return
		}
		l.answer(fd, l.buf[:n])
		if n < len(l.buf) && !end {
			return
		}
	}
}

func (l *rawEpoll) answer(fd int, p []byte) {
	switch {
	case bytes.HasPrefix(p, []byte("GET ")):
		write(fd, handshakeReply)
	case !l.task.Broadcast:
		write(fd, p)
	default: // the load sends a message at a time
		l.room.each(func(to int) { write(to, p) })
	}
}

// write writes all of p. What the socket does not take at once waits for it to: no
// such loop would do that, and the load never has it come to it, but for the largest
// messages.
func write(fd int, p []byte) {
	for len(p) > 0 {
		n, err := syscall.Write(fd, p)
		if err == syscall.EAGAIN {
			time.Sleep(50 * time.Microsecond)
			continue
		}
		if err != nil {
			return
		}
		p = p[n:]
	}
}
