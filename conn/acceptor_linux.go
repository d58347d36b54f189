//go:build !parley_noraw

package conn

import (
	"net"
	"net/netip"
	"syscall"
)

// acceptor accepts the connections that have come together. The first comes from the
// listener, which knows how to wait; the others from its descriptor, and Go's poller is
// not told of them, since an event loop has its own. That saves ten of the sixteen
// system calls that take a connection in.
type acceptor struct {
	net.Listener
	server *Server
	raw    syscall.RawConn // nil: all come from the listener
	accept func(fd uintptr)

	// options are those that package net has given the first connection. The listening
	// socket has them from then on, and hands them down to those that come later.
	options   *socketOptions
	inherited bool // it was seen that it does; it has no use for those in line already

	fd   int // what accept has brought; -1: nothing
	peer syscall.Sockaddr
}

// acceptor returns what Serve accepts from.
func (s *Server) acceptor(l net.Listener) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok || len(s.loops) == 0 {
		return l
	}
	a := &acceptor{Listener: l, server: s, raw: orNil(tcp.SyscallConn())}
	a.accept = func(fd uintptr) {
		var err error
		if a.fd, a.peer, err = syscall.Accept4(int(fd), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC); err != nil {
			a.fd = -1
		}
	}
	return a
}

// Accept implements net.Listener.
func (a *acceptor) Accept() (net.Conn, error) {
	if a.options != nil {
		if n := a.next(); n != nil {
			return n, nil
		}
	}
	nc, err := a.Listener.Accept()
	if err == nil && a.options == nil && a.raw != nil {
		a.learn(nc)
	}
	return nc, err
}

// learn has the listening socket hand down what package net has set for nc.
func (a *acceptor) learn(nc net.Conn) {
	var options socketOptions
	err := error(syscall.EINVAL)
	if raw := rawConn(nc); raw != nil {
		raw.Control(func(fd uintptr) { err = options.get(int(fd)) })
	}
	if err == nil {
		a.raw.Control(func(fd uintptr) { err = options.set(int(fd)) })
	}
	if err != nil {
		a.raw = nil
		return
	}
	a.options = &options
}

// next returns a connection if one is there already. If there was an error, the
// listener will find it too.
func (a *acceptor) next() *newcomer {
	l := a.server.loops[0] // until it has one of its own
	if l.hasEnded() || a.raw.Control(a.accept) != nil || a.fd < 0 {
		return nil
	}
	s := &socket{loop: l, fd: int32(a.fd)}
	switch sa := a.peer.(type) {
	case *syscall.SockaddrInet4:
		s.ip, s.port = netip.AddrFrom4(sa.Addr).As16(), uint16(sa.Port)
	case *syscall.SockaddrInet6:
		s.ip, s.port = sa.Addr, uint16(sa.Port)
	}
	a.tune(a.fd)
	return &newcomer{socket: s}
}

// tune gives a connection the options that it may not have yet. Once one has inherited
// them, so have all behind it.
func (a *acceptor) tune(fd int) {
	var has socketOptions
	if a.inherited {
		return
	}
	if has.get(fd) == nil && has == *a.options {
		a.inherited = true
		return
	}
	a.options.set(fd)
}

// socketOptions are the values of those that package net sets.
type socketOptions [5]int

var optionNames = [len(socketOptions{})]struct{ level, name int }{
	{syscall.IPPROTO_TCP, syscall.TCP_NODELAY},
	{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL},
	{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT},
}

func (o *socketOptions) get(fd int) (err error) {
	for i, opt := range optionNames {
		if o[i], err = syscall.GetsockoptInt(fd, opt.level, opt.name); err != nil {
			return err
		}
	}
	return nil
}

func (o *socketOptions) set(fd int) error {
	for i, opt := range optionNames {
		if err := syscall.SetsockoptInt(fd, opt.level, opt.name, o[i]); err != nil {
			return err
		}
	}
	return nil
}
