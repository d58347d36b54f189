package conn

import (
	"net"
	"sync"

	"github.com/parleyws/websocket/internal/bufpool"
)

// flight is what the owner of a socket is sending: the bytes of batch.B from
// sent on, and then direct, which is payload of the entry lying that is sent
// from where it lies. It is borrowed for the time of the sending, since most
// connections send nothing most of the time.
type flight struct {
	batch  *bufpool.Buffer
	flying entryList // the entries that end in the batch, or in direct
	sent   int
	direct []byte
	lying  *entry
	kept   *bufpool.Buffer // direct lies in it, and its entry is no more
	parked bool            // an event loop waits for room for it
	closes bool            // the batch ends with our Close frame
	simple int             // where the message begins that has no entry, see sendQuick
	ping   uint32          // number of the Ping in the batch, if there is one

	// patient: the owner waits for the peer under its own context, without
	// Config.WriteTimeout, because nobody else is concerned.
	patient bool

	// What the owner's system calls work on.
	p, d []byte                // what is left of the batch and of direct
	n    int                   // how much was sent
	err  error                 // of the system call
	try  func(fd uintptr) bool // f.write, made once
	two  [2][]byte
	bufs net.Buffers
}

var flights = sync.Pool{New: func() any {
	f := new(flight)
	f.try = f.write
	return f
}}

// newFlight returns one that begins with what is held, if not nil, and has room for
// size more bytes.
func newFlight(held *bufpool.Buffer, size int) *flight {
	f := flights.Get().(*flight)
	if held != nil {
		f.batch = held.Grow(len(held.B) + size)
		return f
	}
	f.batch = bufpool.Get(size)
	f.batch.B = f.batch.B[:0]
	return f
}

func (f *flight) release() {
	f.batch.Release()
	f.kept.Release()
	*f = flight{try: f.try}
	flights.Put(f)
}

// load prepares for system calls.
func (f *flight) load() {
	f.p, f.d = f.batch.B[f.sent:], f.direct
	f.n, f.err = 0, nil
}

// advance takes note of n bytes sent.
func (f *flight) advance(n int) {
	over := max(n-len(f.p), 0)
	f.p, f.d = f.p[n-over:], f.d[over:]
	f.n += n
}

// tried looks at err, the result of raw.Write(f.try), which sends what the socket
// takes without waiting. It reports whether that was all, or the socket failed.
// (To make that call here would make the stack of every writer deeper.)
func (f *flight) tried(err error) (over bool) {
	if err != nil {
		f.err = err
		return !isTimeout(err) // a timeout is a kick that came late
	}
	return f.err != errWouldBlock
}

// write is called by the network poller. It never asks to wait. As for go:nosplit,
// see sysWrite.
//
//go:nosplit
func (f *flight) write(fd uintptr) bool {
	var n int
	if len(f.d) > 0 {
		n, f.err = sysWritev(fd, f.p, f.d)
	} else {
		n, f.err = sysWrite(fd, f.p)
	}
	f.advance(n)
	return true
}

// writeTo writes all that is left, and waits as long as nc lets it.
func (f *flight) writeTo(nc net.Conn) error {
	if len(f.d) == 0 {
		n, err := nc.Write(f.p)
		f.advance(n)
		return err
	}
	f.two = [2][]byte{f.p, f.d}
	f.bufs = f.two[:]
	if len(f.p) == 0 {
		f.bufs = f.two[1:] // an empty write is a packet on some streams
	}
	n, err := f.bufs.WriteTo(nc)
	f.advance(int(n))
	return err
}
