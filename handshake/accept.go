package handshake

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// lingerTime and lingerBytes bound how long, and for how much, a refused
	// peer is listened to, so that its unread bytes do not make the kernel
	// reset the connection and destroy the rejection on its way.
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// Accept reads an opening handshake from nc, which no HTTP server has touched,
// and answers it. nc may be a *tls.Conn, whose handshake then comes first and
// within the same time.
//
// When it fails the peer has had its answer, if one was due, and nc is closed.
// The error is an [*Error] with the status sent, or with status 0 if there was no
// request to answer or the connection broke. Accept returns at most one second
// after cfg.Timeout, and at once when nc is closed by somebody else.
func Accept(nc net.Conn, cfg *ServerConfig) (u *Upgraded, err error) {
	u = new(Upgraded) // inlined, it is on the caller's stack, if it is not kept
	if err = u.accept(nc, cfg); err != nil {
		u = nil
	}
	return u, err
}

func (u *Upgraded) accept(nc net.Conn, cfg *ServerConfig) error {
	growStack(0)
	cfg = cfg.orDefault()
	s := getScratch(nc, cfg)
	failure := s.accept(u, nc, cfg)
	if failure != nil {
		s.refuse(nc, failure)
	}
	s.release() // not deferred: a callback that panics leaves it to the collector
	if failure != nil {
		return failure
	}
	return nil
}

// growStack has the stack grow, if it must, while there is little on it. Accept
// needs more than is left of the 2 KiB that a new goroutine has, and so does what
// reads messages later. A stack grows by being copied frame by frame: deep down
// that took longer than all the parsing.
//
//go:noinline
func growStack(i int) byte {
	var room [1200]byte // 2 KiB less 928 bytes that the runtime keeps free, and some more
	return room[i]
}

// scratch is the memory of one handshake. Nothing that outlives Accept may point
// into it.
type scratch struct {
	in    headReader
	q     request
	g     grant
	out   []byte
	array [4 << 10]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func getScratch(nc net.Conn, cfg *ServerConfig) *scratch {
	s := scratches.Get().(*scratch)
	s.in.src, s.in.buf, s.in.limit = nc, s.array[:0], cfg.maxHeaderBytes()
	s.in.head.checkStart, s.in.head.maxFields = checkRequestLine, cfg.maxHeaders()
	return s
}

// release gives the memory back; that which a large request took beyond the
// array is let go.
func (s *scratch) release() {
	clear(s.in.head.fields)
	s.in = headReader{head: head{fields: s.in.head.fields[:0]}}
	s.q.reset()
	s.g = grant{}
	if cap(s.out) > len(s.array) {
		s.out = nil
	}
	scratches.Put(s)
}

// accept does all but sending the rejection.
func (s *scratch) accept(u *Upgraded, nc net.Conn, cfg *ServerConfig) *Error {
	nc.SetDeadline(time.Now().Add(cfg.timeout())) // for reading and writing in all
	n, err := s.in.read()
	if err != nil {
		return unreadable(err, len(s.in.buf) > 0)
	}
	_, s.q.tls = nc.(interface{ ConnectionState() tls.ConnectionState })
	s.q.fromHead(&s.in.head)
	if rejection := s.g.judge(&s.q, cfg); rejection != nil {
		return rejection
	}
	s.out = appendSwitching(s.out[:0], &s.g, cfg.Header)
	if _, err := nc.Write(s.out); err != nil {
		return unsent(nc, err)
	}
	nc.SetDeadline(time.Time{})
	s.g.fill(u, nc, s.in.rest(n), s.q.fields.keep(cfg.KeepHeader))
	return nil
}

// unsent makes the failure for a 101 that could not be sent whole.
func unsent(nc net.Conn, err error) *Error {
	hangUp(nc)
	return &Error{Reason: "cannot send the 101 response", Err: err}
}

// refuse sends the rejection, if failure is one, and closes.
func (s *scratch) refuse(nc net.Conn, failure *Error) {
	if failure.Status != 0 {
		s.out = appendRejection(s.out[:0], failure, s.q.method)
		linger(nc, s.out)
	}
	nc.Close()
}

// unreadable makes the failure for a request that could not be read: a rejection
// if the peer has begun to speak and is still there.
func unreadable(err error, begun bool) *Error {
	var bad *headError
	switch {
	case errors.As(err, &bad):
		return reject(bad.status, bad.reason)
	case errors.Is(err, os.ErrDeadlineExceeded) && begun:
		rejection := reject(408, "the request did not come in time")
		rejection.Err = err
		return rejection
	case err == io.EOF && begun:
		err = io.ErrUnexpectedEOF
	}
	return &Error{Reason: "no request came", Err: err}
}

// linger sends the answer, then EOF, and reads on for a bounded while.
func linger(nc net.Conn, answer []byte) {
	nc.SetDeadline(time.Now().Add(lingerTime))
	if _, err := nc.Write(answer); err != nil {
		hangUp(nc)
		return
	}
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	io.CopyN(io.Discard, nc, lingerBytes)
}
