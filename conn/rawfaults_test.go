//go:build unix && !parley_noraw

package conn

import (
	"errors"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// This file plays the session over sockets, and makes each system call that our
// side tries go wrong in turn. Errors are the kernel's own: the call is made on
// another socket, on which it fails.

// tampered is the syscall.RawConn of our socket. The connection calls it in place
// of the real one.
type tampered struct {
	syscall.RawConn
	t       *testing.T
	c       *Conn
	tap     *faultTap
	in, out tampering
}

// tampering is what goes wrong in one direction, and when: at call number at,
// counted from 1, or at every call if that is 0.
type tampering struct {
	fault rawFault
	at    int
	calls int
	fired bool
	err   error // for the connection in place of what the call returned
}

// rawFault is a system call on fd that goes wrong. try makes the call, on fd or
// on another descriptor; try and fault report to the network poller that it need
// not wait.
type rawFault func(r *tampered, fd uintptr, try func(fd uintptr) bool) bool

// tamper makes the calls of the connection.
func (m *tampering) tamper(r *tampered, raw func(func(uintptr) bool) error, try func(uintptr) bool) error {
	m.err = nil
	err := raw(func(fd uintptr) bool {
		m.calls++
		if m.fault == nil || m.at > 0 && m.at != m.calls {
			return try(fd)
		}
		m.fired = true
		return m.fault(r, fd, try)
	})
	if err == nil {
		err = m.err
	}
	return err
}

// Read implements syscall.RawConn, and tells the tap what was read.
func (r *tampered) Read(try func(fd uintptr) bool) error {
	return r.in.tamper(r, r.RawConn.Read, func(fd uintptr) bool {
		p := r.destination()
		over := try(fd)
		if over {
			r.tap.pass(&r.tap.in, p[:r.c.wire.n])
		}
		return over
	})
}

// destination is where the connection is about to read to.
func (r *tampered) destination() []byte {
	switch c := r.c; {
	case c.message.data != nil:
		return c.message.data
	case c.wire.buf != nil:
		return c.wire.space()
	default:
		return nil
	}
}

// Write implements syscall.RawConn, and tells the tap what was written.
func (r *tampered) Write(try func(fd uintptr) bool) error {
	return r.out.tamper(r, r.RawConn.Write, func(fd uintptr) bool {
		f := r.c.out.air
		before, p := f.n, slices.Concat(f.p, f.d)
		over := try(fd)
		r.tap.pass(&r.tap.out, p[:f.n-before])
		return over
	})
}

// Faults of which nothing must be felt.

// wouldBlock finds nothing to read, or no room to write, and is called again.
func wouldBlock(r *tampered, fd uintptr, try func(uintptr) bool) bool {
	one, other := socketPair(r.t)
	defer syscall.Close(one)
	defer syscall.Close(other)
	fill(one) // full to one side, empty to the other
	return try(uintptr(one)) || try(fd)
}

// timesOut is hit by a deadline before the call, as by a kick that comes late.
func timesOut(r *tampered, _ uintptr, _ func(uintptr) bool) bool {
	r.out.err = os.ErrDeadlineExceeded
	return true
}

// readTimesOut is the same for reads, before the call or in the wait after it.
func readTimesOut(wait bool) rawFault {
	return func(r *tampered, fd uintptr, try func(uintptr) bool) bool {
		if wait {
			one, other := socketPair(r.t)
			defer syscall.Close(one)
			defer syscall.Close(other)
			if try(uintptr(one)) {
				return true
			}
		}
		r.in.err = os.ErrDeadlineExceeded
		return true
	}
}

// shortRead finds no more than k bytes.
func shortRead(k int) rawFault {
	return func(r *tampered, fd uintptr, try func(uintptr) bool) bool {
		p := make([]byte, min(k, len(r.destination())))
		n, err := syscall.Read(int(fd), p)
		if n <= 0 || err != nil {
			return try(fd)
		}
		one, other := socketPair(r.t)
		defer syscall.Close(one)
		defer syscall.Close(other)
		_, err = syscall.Write(other, p[:n])
		require.NoError(r.t, err)
		return try(uintptr(one))
	}
}

// shortWrite finds room for no more than k bytes, and for one too few. (There is
// no telling a kernel to take so many, so the rest is hidden from the call.)
func shortWrite(k int) rawFault {
	return func(r *tampered, fd uintptr, try func(uintptr) bool) bool {
		f := r.c.out.air
		p, d, before := f.p, f.d, f.n
		k := min(k, len(p)+len(d)-1)
		if k == 0 {
			return wouldBlock(r, fd, try)
		}
		f.p, f.d = p[:min(k, len(p))], d[:max(k-len(p), 0)]
		over := try(fd)
		n := f.n - before
		f.p, f.d = p[min(n, len(p)):], d[max(n-len(p), 0):]
		if f.err == nil {
			f.err = errWouldBlock
		}
		return over
	}
}

// everyOther lets every other call pass.
func everyOther(fault rawFault) rawFault {
	pass := false
	return func(r *tampered, fd uintptr, try func(uintptr) bool) bool {
		if pass = !pass; pass {
			return try(fd)
		}
		return fault(r, fd, try)
	}
}

// Faults that end the connection.

// isOver finds the end of the stream.
func isOver(r *tampered, _ uintptr, try func(uintptr) bool) bool {
	one, other := socketPair(r.t)
	defer syscall.Close(one)
	syscall.Close(other)
	return try(uintptr(one))
}

// isReset finds a stream whose peer has left without reading all there was.
func isReset(r *tampered, _ uintptr, try func(uintptr) bool) bool {
	one, other := socketPair(r.t)
	defer syscall.Close(one)
	_, err := syscall.Write(one, []byte("never read"))
	require.NoError(r.t, err)
	syscall.Close(other)
	return try(uintptr(one))
}

// isBad finds no socket at all.
func isBad(_ *tampered, _ uintptr, try func(uintptr) bool) bool { return try(math.MaxInt32) }

// gone is a fault of a write, after which the peer finds the stream at its end
// too, and ends it from there.
func gone(fault rawFault) rawFault {
	return func(r *tampered, fd uintptr, try func(uintptr) bool) bool {
		defer syscall.Shutdown(int(fd), syscall.SHUT_WR)
		return fault(r, fd, try)
	}
}

// rawCase is one playing of the session.
type rawCase struct {
	faultCase
	in, out rawFault
	at      int // see tampering
}

// play plays the session and checks what came of it. It reports whether anything
// was tampered with.
func (f rawCase) play(t *testing.T) (o *faultOutcome, fired bool) {
	nc, other := tcpPair(t)
	begin := time.Now()
	o = &faultOutcome{tap: &faultTap{Conn: nc}}
	c := New(upgraded(nc, f.role), calm(&Config{CloseTimeout: faultCloseTimeout}))
	r := &tampered{
		RawConn: c.raw, t: t, c: c, tap: o.tap,
		in: tampering{fault: f.in, at: f.at}, out: tampering{fault: f.out, at: f.at},
	}
	c.raw, c.nc = r, o.tap
	c.message.loops = false // each call is looked at by itself
	o.ours, o.theirs = sideOf(c, f.read), newSide(other, peerOf(f.role), ways[0])
	o.takeSteps()
	o.finish(t, f.weEnd)
	c.restInPeace()
	o.check(t, f.faultCase)
	require.Less(t, time.Since(begin), faultCloseTimeout, "there was nothing to wait for")
	return o, r.in.fired || r.out.fired
}

// restInPeace waits until nobody uses the socket any more. Done is closed before:
// whoever reads or writes when the connection ends may still be in a system call.
func (c *Conn) restInPeace() {
	c.takeTurn(nil, dead)
	c.giveTurn(false)
	for owned := true; owned; runtime.Gosched() {
		c.mu.Lock()
		owned = c.out.owned
		c.mu.Unlock()
	}
}

// eachRawCase calls f in both roles and with both ways to end.
func eachRawCase(t *testing.T, f func(t *testing.T, base rawCase)) {
	eachFaultCase(t, func(t *testing.T, base faultCase) {
		wstest.NoLeaks(t)
		f(t, rawCase{faultCase: base})
	})
}

// inTurn plays the session with the fault at the first call, at the second, and
// so on, until it comes to its end without.
func (f rawCase) inTurn(t *testing.T, check func(t *testing.T, o *faultOutcome)) {
	stride := 1
	if testing.Short() || raceEnabled {
		stride = 4
	}
	for f.at = 1; ; f.at += stride {
		f.read = ways[f.at%len(ways)]
		o, fired := f.play(t)
		if !fired {
			require.Greater(t, f.at, 10, "there were calls")
			return
		}
		check(t, o)
		if t.Failed() {
			t.Fatalf("with the fault at call %d", f.at)
		}
	}
}

// TestRawFaultsThatAreNotFelt: at any call the kernel may say not now, or do less
// than was asked for.
func TestRawFaultsThatAreNotFelt(t *testing.T) {
	for name, f := range map[string]rawCase{
		"read would block":         {in: wouldBlock},
		"read times out":           {in: readTimesOut(false)},
		"read times out in a wait": {in: readTimesOut(true)},
		"read of 1":                {in: shortRead(1)},
		"read of 3":                {in: shortRead(3)},
		"write would block":        {out: wouldBlock},
		"write times out":          {out: timesOut},
		"write of 1":               {out: shortWrite(1)},
		"write of 3":               {out: shortWrite(3)},
		"write of 20000":           {out: shortWrite(20_000)},
	} {
		t.Run(name, func(t *testing.T) {
			eachRawCase(t, func(t *testing.T, base rawCase) {
				f.faultCase = base.faultCase
				f.inTurn(t, func(t *testing.T, o *faultOutcome) { o.requireWhole(t) })
			})
		})
	}
}

// TestRawFaultsAtEveryCall: the same, all the time.
func TestRawFaultsAtEveryCall(t *testing.T) {
	for name, f := range map[string]rawCase{
		"nothing":     {},
		"would block": {in: everyOther(wouldBlock), out: wouldBlock},
		"one byte":    {in: everyOther(shortRead(1)), out: everyOther(shortWrite(1))},
		"three bytes": {in: everyOther(shortRead(3)), out: everyOther(shortWrite(3))},
		"some bytes":  {in: shortRead(500), out: shortWrite(500)},
		"late kicks":  {in: everyOther(readTimesOut(true)), out: timesOut},
	} {
		t.Run(name, func(t *testing.T) {
			eachRawCase(t, func(t *testing.T, base rawCase) {
				f.faultCase = base.faultCase
				for _, f.read = range ways {
					o, _ := f.play(t)
					o.requireWhole(t)
				}
			})
		})
	}
}

// TestRawFaultsThatEnd: at any call the connection may be gone. Whoever finds out
// says what the kernel said.
func TestRawFaultsThatEnd(t *testing.T) {
	reset := syscall.ECONNRESET
	if runtime.GOOS != "linux" {
		reset = 0 // a Unix socket need not say so elsewhere
	}
	for name, fault := range map[string]struct {
		rawCase
		errno syscall.Errno // 0: none, it is just the end
	}{
		"read the end":                   {rawCase{in: isOver}, 0},
		"read a reset":                   {rawCase{in: isReset}, reset},
		"read of nothing":                {rawCase{in: isBad}, syscall.EBADF},
		"write to nobody":                {rawCase{out: gone(isOver)}, syscall.EPIPE},
		"write to nothing":               {rawCase{out: gone(isBad)}, syscall.EBADF},
		"write of 0, then to nobody":     {rawCase{out: gone(shortWrite(0))}, syscall.EPIPE},
		"write of 1, then to nobody":     {rawCase{out: gone(shortWrite(1))}, syscall.EPIPE},
		"write of 9, then to nobody":     {rawCase{out: gone(shortWrite(9))}, syscall.EPIPE},
		"write of 20000, then to nobody": {rawCase{out: gone(shortWrite(20_000))}, syscall.EPIPE},
	} {
		t.Run(name, func(t *testing.T) {
			told := fault.errno == 0
			eachRawCase(t, func(t *testing.T, base rawCase) {
				f := fault.rawCase
				f.faultCase = base.faultCase
				f.inTurn(t, func(t *testing.T, o *faultOutcome) {
					told = o.requireCutOff(t, fault.errno) || told
				})
			})
			require.True(t, told, "nobody ever told the reason")
		})
	}
}

// requireCutOff says that the session was disturbed, or else was over but for the
// end of the stream. It reports whether anybody was told of errno. (Another
// goroutine may have found the end of the stream before.)
func (o *faultOutcome) requireCutOff(t *testing.T, errno syscall.Errno) (told bool) {
	if !o.stopped {
		require.Equal(t, faultScript(), o.ours.got)
		require.Equal(t, faultScript(), o.theirs.got)
	}
	for _, err := range []error{o.failure, o.ours.Err(), o.closing} {
		var op *net.OpError
		if errors.Is(err, errno) && errors.As(err, &op) {
			told = true
		}
	}
	return told
}
