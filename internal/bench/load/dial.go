//go:build linux

package load

import (
	"bytes"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A client is one connection.
type client struct {
	fd   int
	in   reader
	next int    // message that is to be sent
	due  int    // message that is to come back
	out  []byte // what the socket has not yet taken
	owed int    // messages to be sent after that
	poll bool   // epoll waits for room in the socket

	sent       []int64 // when the messages in flight were sent, a ring
	head, tail int     // of it: the oldest, and where the next goes
}

// request is the opening handshake. The accept value is that of RFC 6455, section
// 1.3.
func request(addr netip.AddrPort, compress bool) []byte {
	extension := ""
	if compress {
		extension = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
	}
	return fmt.Appendf(nil, "GET /chat HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", addr, extension)
}

const accepted = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// checkAnswer says what is wrong with the answer to request.
func checkAnswer(p []byte, raw, compress bool) error {
	switch {
	case !bytes.HasPrefix(p, []byte("HTTP/1.1 101 ")):
	case raw:
		return nil
	case !bytes.Contains(p, []byte(accepted)):
	case compress != bytes.Contains(p, []byte("permessage-deflate")):
	default:
		return nil
	}
	return fmt.Errorf("this does not accept the handshake: %q", p)
}

// dial opens a connection, in blocking mode.
func dial(addr netip.AddrPort) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil {
		// Nothing takes this long, unless it never comes.
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience})
	}
	if err == nil {
		err = connect(fd, addr)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connecting: %w", err)
	}
	return fd, nil
}

// connect connects in blocking mode.
func connect(fd int, addr netip.AddrPort) error {
	for {
		err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
		switch err {
		case unix.EINTR, unix.EALREADY: // it goes on all the same
		case unix.EISCONN:
			return nil
		default:
			return err
		}
	}
}

// patience is how many seconds a server may take to answer.
const patience = 20

// open opens a connection and performs the handshake.
func open(addr netip.AddrPort, s *Script) (*client, error) {
	fd, err := dial(addr)
	if err != nil {
		return nil, err
	}
	c := &client{fd: fd, in: reader{raw: s.Raw}, sent: make([]int64, s.InFlight)}
	if err := c.shake(addr, s); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
}

func (c *client) shake(addr netip.AddrPort, s *Script) error {
	if s.Raw {
		return nil
	}
	if err := c.sendAll(request(addr, s.compressed)); err != nil {
		return err
	}
	var answer []byte
	for p := make([]byte, 1); !bytes.HasSuffix(answer, []byte("\r\n\r\n")); {
		n, err := read(c.fd, p) // no byte too many
		if n <= 0 || len(answer) > 4<<10 {
			return fmt.Errorf("in the handshake: %d bytes: %w", n, orEOF(err))
		}
		answer = append(answer, p[:n]...)
	}
	return checkAnswer(answer, false, s.compressed)
}

// sendAll writes in blocking mode.
func (c *client) sendAll(p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(c.fd, p)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("writing: %w", err)
		}
		p = p[max(0, n):]
	}
	return nil
}

// read reads in blocking mode. A socket with a timeout is interrupted by signals,
// and the runtime of Go sends many.
func read(fd int, p []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, p); err != unix.EINTR {
			return n, err
		}
	}
}

// greet sends one message, in blocking mode, and looks closely at what comes back.
func (c *client) greet(s *Script, buf []byte) error {
	if err := c.sendAll(s.frames(0, 1)); err != nil {
		return err
	}
	var payload []byte
	for {
		n, err := read(c.fd, buf)
		if n <= 0 {
			return fmt.Errorf("the first message did not come back: %w", orEOF(err))
		}
		payload = append(payload, buf[:n]...)
		rest, end, err := c.in.feed(buf[:n], s.want[0])
		switch {
		case err != nil:
			return err
		case end && len(rest) > 0:
			return fmt.Errorf("%d bytes came after the first message", len(rest))
		case end:
			return s.check(0, &c.in, afterHeader(payload))
		}
	}
}

// afterHeader returns the payload of a frame that was not fragmented. Others are
// found out by inflating them.
func afterHeader(p []byte) []byte {
	switch p[1] {
	case 126:
		return p[4:]
	case 127:
		return p[10:]
	}
	return p[2:]
}

func orEOF(err error) error {
	if err == nil {
		return fmt.Errorf("the server hung up")
	}
	return err
}
