package wstest

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
)

// Faults says what goes wrong on a connection. With the zero value nothing
// does.
type Faults struct {
	// MaxRead is the most bytes that one Read returns. If zero, as many as the
	// wrapped connection gives.
	MaxRead int

	// MaxWrite is the most bytes that are handed to the wrapped connection at
	// once. A longer Write becomes several. If zero, it stays one.
	MaxWrite int

	// Seed, if not zero, makes each piece a random number of bytes from 1 to
	// MaxRead or MaxWrite. The same seed gives the same pieces.
	Seed uint64

	// Read and Write are what happens at certain places of the two directions.
	// Of two faults that are due, the first in the list happens.
	Read, Write []Fault
}

// Fault is an error at a certain place of one direction of a connection. It is
// made by ErrorAt, EOFAt, ResetAt and TimeoutAtCall.
type Fault struct {
	byte  int64 // it is due when so many bytes were carried,
	call  int   // or, if not zero, at this call
	err   error
	reset bool
}

// ErrorAt fails with err once n bytes were carried, and ever after. A Write
// that would go past n carries what comes before, and returns its length along
// with err.
func ErrorAt(n int64, err error) Fault { return Fault{byte: n, err: err} }

// EOFAt ends a Read direction after n bytes.
func EOFAt(n int64) Fault { return ErrorAt(n, io.EOF) }

// ResetAt resets the connection, both directions of it, once n bytes were
// carried in this one.
func ResetAt(n int64) Fault { return Fault{byte: n, err: syscall.ECONNRESET, reset: true} }

// TimeoutAtCall makes the k-th call, counted from 1, fail with
// os.ErrDeadlineExceeded although no deadline has passed. Calls after it work.
func TimeoutAtCall(k int) Fault { return Fault{call: k, err: os.ErrDeadlineExceeded} }

// Faulty returns a connection that works as nc does, except for f. It has
// CloseWrite if nc has. There may be one Read and one Write at a time.
func Faulty(nc net.Conn, f Faults) net.Conn {
	c := &faulty{
		Conn: nc,
		in:   newDirection(f.Read, f.MaxRead, f.Seed, 'r'),
		out:  newDirection(f.Write, f.MaxWrite, f.Seed, 'w'),
	}
	if half, ok := nc.(closeWriter); ok {
		return faultyHalf{c, half}
	}
	return c
}

type closeWriter interface{ CloseWrite() error }

type faultyHalf struct {
	*faulty
	closeWriter
}

type faulty struct {
	net.Conn
	in, out direction
	reset   atomic.Bool
}

func (c *faulty) Read(p []byte) (int, error) {
	c.in.calls++
	if f := c.in.due(); f != nil {
		return 0, c.happen("read", f)
	}
	n, err := c.Conn.Read(p[:c.in.piece(len(p))])
	c.in.carried += int64(n)
	return n, c.orReset("read", err)
}

func (c *faulty) Write(p []byte) (n int, err error) {
	c.out.calls++
	for n < len(p) {
		if f := c.out.due(); f != nil {
			return n, c.happen("write", f)
		}
		k, err := c.Conn.Write(p[n : n+c.out.piece(len(p)-n)])
		n += k
		c.out.carried += int64(k)
		if err != nil {
			return n, c.orReset("write", err)
		}
	}
	return n, nil
}

// happen makes f happen and returns its error.
func (c *faulty) happen(op string, f *Fault) error {
	if f.reset && !c.reset.Swap(true) {
		abort(c.Conn)
	}
	if f.err == io.EOF {
		return f.err
	}
	return c.opError(op, f.err)
}

// orReset returns err, which after a reset is the reset, whatever the wrapped
// connection calls it.
func (c *faulty) orReset(op string, err error) error {
	if err != nil && c.reset.Load() {
		return c.opError(op, syscall.ECONNRESET)
	}
	return err
}

func (c *faulty) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// abort closes nc in a way that its peer sees as a reset, as far as it can.
func abort(nc net.Conn) {
	switch nc := nc.(type) {
	case *Conn:
		_ = nc.Reset()
	case *net.TCPConn:
		_ = nc.SetLinger(0)
		_ = nc.Close()
	default:
		_ = nc.Close()
	}
}

// direction is the one of Read or the one of Write.
type direction struct {
	faults  []Fault
	most    int
	rand    *rand.Rand // nil: every piece is as long as may be
	carried int64      // bytes
	calls   int
}

func newDirection(faults []Fault, most int, seed, which uint64) direction {
	d := direction{faults: slices.Clone(faults), most: most}
	if seed != 0 {
		d.rand = rand.New(rand.NewPCG(seed, which))
	}
	return d
}

// due returns the fault to happen now, or nil.
func (d *direction) due() *Fault {
	for i := range d.faults {
		f := &d.faults[i]
		if f.call > 0 && f.call == d.calls || f.call == 0 && f.byte <= d.carried {
			return f
		}
	}
	return nil
}

// piece returns how many of the next n bytes go at once: none beyond the next
// fault.
func (d *direction) piece(n int) int {
	if d.most > 0 {
		n = min(n, d.most)
	}
	if d.rand != nil && n > 1 {
		n = 1 + d.rand.IntN(n)
	}
	for _, f := range d.faults {
		if f.call == 0 {
			n = int(min(int64(n), f.byte-d.carried))
		}
	}
	return n
}
