//go:build (linux || darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package conn

import (
	"io"
	"net"
	"time"
)

// newcomer is the stream beneath an opening handshake of which Go's poller knows
// nothing: a socket that an event loop will have. The one goroutine that does the
// handshake waits for the peer, if it must, in the waitingRoom. Anybody may close it.
type newcomer struct {
	*socket
	deadline time.Time // of the handshake
}

// SetDeadline implements net.Conn.
func (n *newcomer) SetDeadline(t time.Time) error {
	n.deadline = t
	return n.socket.SetWriteDeadline(time.Time{}) // whoever waited has waited
}

// Read implements net.Conn.
func (n *newcomer) Read(p []byte) (int, error) {
	for {
		got, err := n.readSome(p)
		if err == errWouldBlock {
			n.wait()
			if err = n.awaitRoom(); err == nil {
				continue
			}
		}
		if err != nil && err != io.EOF {
			err = n.failed("read", err)
		}
		return got, err
	}
}

func (n *newcomer) readSome(p []byte) (int, error) {
	if !n.hold() {
		return 0, net.ErrClosed
	}
	defer n.release()
	return sysRead(uintptr(n.fd), p)
}

// Write implements net.Conn.
func (n *newcomer) Write(p []byte) (int, error) {
	done, err := n.writeSome(p)
	if err == nil {
		return done, nil
	}
	n.wait()
	rest, err := n.socket.Write(p[done:])
	return done + rest, err
}

// wait says that somebody is about to wait.
func (n *newcomer) wait() {
	r := n.loop.server.waiting
	r.mu.Lock()
	defer r.mu.Unlock()
	if !n.isClosed() { // or nobody would dismiss him
		r.enter(n.socket, n.deadline).reads = true
	}
}

// loopOf returns an event loop that nc was meant for if it is a newcomer, which nothing
// else can read, or nil.
func loopOf(nc net.Conn) *eventLoop {
	if n, ok := nc.(*newcomer); ok {
		return n.loop
	}
	return nil
}
