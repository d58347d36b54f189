//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parleyws/websocket/internal/bench/measure"
)

// Shaker opens connections, performs the handshake and closes them, some at a
// time.
type Shaker struct {
	Latency measure.Histogram // from connect to the answer, since it was reset
	Done    int64             // handshakes, in all

	addr    netip.AddrPort
	raw     bool
	request []byte
	start   time.Time
	epoll   int
	events  []unix.EpollEvent
	under   []attempt
	source  byte // the last byte of the address that the next one comes from
}

// An attempt is a handshake under way.
type attempt struct {
	fd     int
	since  int64
	asked  bool
	answer []byte
}

// Shake prepares to have some handshakes under way at the same time.
func Shake(addr netip.AddrPort, raw bool, at int) (*Shaker, error) {
	s := &Shaker{
		addr: addr, raw: raw, request: request(addr, false), start: time.Now(),
		events: make([]unix.EpollEvent, at), under: make([]attempt, at),
	}
	var err error
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for i := range s.under {
		s.under[i] = attempt{fd: -1, answer: make([]byte, 0, 4<<10)}
		if err := s.begin(i); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Close closes all connections.
func (s *Shaker) Close() {
	for _, a := range s.under {
		if a.fd >= 0 {
			unix.Close(a.fd)
		}
	}
	unix.Close(s.epoll)
}

func (s *Shaker) now() int64 { return int64(time.Since(s.start)) }

// begin begins to connect. The addresses that connections come from are different
// ones, or there would soon be no port left that was not used just before.
func (s *Shaker) begin(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	a := &s.under[i]
	*a = attempt{fd: fd, since: s.now(), answer: a.answer[:0]}
	s.source = s.source%32 + 1
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, s.source}}),
	)
	if err != nil {
		return fmt.Errorf("setting up a socket: %w", err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(s.addr.Port()), Addr: s.addr.Addr().As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connecting: %w", err)
	}
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLOUT, Fd: int32(i)})
}

// Run performs handshakes for some time, and one at least. It may be called again.
func (s *Shaker) Run(d time.Duration) error {
	before := s.Done
	for end := s.now() + int64(d); s.now() < end || s.Done == before; {
		n, err := unix.EpollWait(s.epoll, s.events, patience*1000)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("epoll: %w", err)
		case n == 0:
			return fmt.Errorf("no handshake ended for %d seconds", patience)
		}
		for _, e := range s.events[:n] {
			if err := s.advance(int(e.Fd)); err != nil {
				return err
			}
		}
	}
	return nil
}

// advance does what an attempt is ready for.
func (s *Shaker) advance(i int) error {
	a := &s.under[i]
	if !a.asked {
		if _, err := unix.Write(a.fd, s.request); err != nil { // it fits into any socket
			return fmt.Errorf("asking: %w", err)
		}
		a.asked = true
		return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, a.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
	}
	n, err := read(a.fd, a.answer[len(a.answer):cap(a.answer)])
	if n <= 0 {
		return fmt.Errorf("no answer: %w", orEOF(err))
	}
	a.answer = a.answer[:len(a.answer)+n]
	if !bytes.HasSuffix(a.answer, []byte("\r\n\r\n")) {
		return nil
	}
	if err := checkAnswer(a.answer, s.raw, false); err != nil {
		return err
	}
	s.Latency.Add(time.Duration(s.now() - a.since))
	s.Done++
	unix.Close(a.fd)
	return s.begin(i)
}
