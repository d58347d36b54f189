package handshake

import (
	"io"
	"net"
	"os"

	"github.com/parleyws/websocket/internal/bufpool"
)

const (
	// fewBytes is what a Stream holds to read into while it waits, and manyBytes
	// what it borrows as long as more than that comes.
	fewBytes  = 512
	manyBytes = 16 << 10
)

// intake is the reading half of a Stream. A body of net/http can only be read by
// somebody who waits until there is something, and to give up means to lose the
// stream. So one goroutine, the pump, waits for the body, and those who read wait
// for the pump. It reads no further than to what is read of it: what else the peer
// sends is held back by the flow control of HTTP/2.
type intake struct {
	half
	src      io.Reader
	isServer bool
	unread   []byte // has come; the pump waits until it is read
	pumping  bool   // there is a pump, or there was
	few      [fewBytes]byte
}

// read is Read, without the looks of package net.
func (in *intake) read(p []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for {
		switch {
		case in.closed:
			return 0, net.ErrClosed
		case in.isLate():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(in.unread) > 0:
			return in.take(p), nil
		case in.err != nil:
			return 0, in.err
		case !in.pumping:
			in.pumping = true
			go in.pump()
		}
		in.pause()
	}
}

// take copies what has come. The caller holds mu.
func (in *intake) take(p []byte) int {
	n := copy(p, in.unread)
	if in.unread = in.unread[n:]; len(in.unread) == 0 {
		in.changed.Broadcast()
	}
	return n
}

// pumpHere runs the pump on this goroutine, unless there is one.
func (in *intake) pumpHere() {
	in.mu.Lock()
	mine := !in.pumping
	in.pumping = true
	in.mu.Unlock()
	if mine {
		in.pump()
	}
}

// pump reads until the body ends or the stream is closed.
func (in *intake) pump() {
	var many *bufpool.Buffer
	for more := true; more; {
		p := in.few[:]
		if many != nil {
			p = many.B[:manyBytes]
		}
		n, err := in.src.Read(p)
		more = in.deliver(p[:n], err)
		switch {
		case n == len(p) && many == nil && more:
			many = bufpool.Get(manyBytes)
		case (n <= fewBytes || !more) && many != nil:
			many.Release()
			many = nil
		}
	}
}

// deliver waits until p is read. It reports whether more is wanted.
func (in *intake) deliver(p []byte, err error) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.unread = p
	if in.err == nil {
		in.err = endOfStream(err, in.isServer)
	}
	in.changed.Broadcast()
	for len(in.unread) > 0 && !in.closed {
		in.changed.Wait()
	}
	in.unread = nil
	return err == nil && !in.closed
}
