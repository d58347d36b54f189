//go:build (linux || darwin || dragonfly || freebsd || netbsd || openbsd) && !parley_noraw

package conn

import (
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// This file plays the session with a connection of a Server, and what must hold of it
// is what must hold of any other. What our side writes goes wrong as in
// rawfaults_test.go. What it reads goes wrong on the kernel's side: its peer has a line
// that gives as little at once as it likes, and breaks where it likes.

// line is the peer's end of a stream.
type line struct {
	net.Conn // of no type that is written to past Write
	tap      *faultTap
	taped    bool // what comes from our side is taped here, and not by it
	ours     *side

	most   int   // bytes that are given at once; 0: all
	breaks int64 // after so many bytes; negative: never
	reset  bool  // it is a reset, and not the end

	mu     sync.Mutex // a read is under way
	broken bool       // guarded by mu
	over   sync.WaitGroup
}

// Write implements net.Conn. What comes behind a break is lost.
func (l *line) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && l.breaks != 0; {
		n := len(rest)
		if l.most > 0 {
			n = min(n, l.most)
			if at := len(l.tap.in); 700 < at && at < 71_700 {
				n = min(len(rest), max(l.most, 3000)) // a message that is much the same everywhere
			}
		}
		if l.breaks > 0 {
			n = int(min(int64(n), l.breaks))
			l.breaks -= int64(n)
		}
		before := l.ours.wire.life.Load()
		n, err := l.Conn.Write(rest[:n]) // which fails if the peer closes meanwhile
		l.tap.pass(&l.tap.in, rest[:n])
		if err != nil {
			return len(p) - len(rest), err
		}
		rest = rest[n:]
		if l.breaks == 0 {
			l.breakOff()
		} else if l.most > 0 {
			l.ours.awaitRead(before)
		}
	}
	return len(p), nil
}

// awaitRead waits until a side has read, but not for ever.
func (s *side) awaitRead(before uint64) {
	for begin := time.Now(); s.wire.life.Load() == before && time.Since(begin) < time.Millisecond; {
		runtime.Gosched()
	}
}

// breakOff ends the stream to our side.
func (l *line) breakOff() {
	l.Conn.(*net.UnixConn).CloseWrite()
	if !l.reset {
		return
	}
	l.Conn.SetReadDeadline(longAgo)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	// A Unix socket is reset if it is closed and has not been read to its end.
	if raw, err := l.ours.Transport().(syscall.Conn).SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { syscall.Write(int(fd), []byte("never read")) })
	}
	l.Conn.Close()
}

// SetReadDeadline implements net.Conn.
func (l *line) SetReadDeadline(at time.Time) error {
	l.Conn.SetReadDeadline(at)
	return nil
}

// Read implements net.Conn.
func (l *line) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return 0, io.EOF
	}
	n, err := l.Conn.Read(p)
	if l.taped {
		l.tap.pass(&l.tap.out, p[:n])
	}
	return n, err
}

// Close implements net.Conn. What our side still sends is read.
func (l *line) Close() error {
	l.Conn.(*net.UnixConn).CloseWrite()
	l.over.Go(func() {
		l.Conn.SetReadDeadline(time.Time{})
		io.Copy(io.Discard, struct{ io.Reader }{l})
	})
	return nil
}

// stage is a Server that plays the session, with one connection at a time.
type stage struct {
	t    *testing.T
	s    *Server
	ours *side
	tap  *faultTap
	out  *tampering
	made chan struct{} // there is a connection
}

// onStage runs a test in all manners, both roles and with both ways to end.
func onStage(t *testing.T, test func(t *testing.T, g *stage, f faultCase)) {
	inAllManners(t, func(t *testing.T, s *Server) {
		g := &stage{s: s, made: make(chan struct{}, 1)}
		s.Handler = g
		s.Options = &AcceptOptions{Config: *calm(&Config{
			CloseTimeout: faultCloseTimeout,
			Observer:     &Observer{Open: g.begin}, // before anybody else has the connection
		})}
		require.NoError(t, s.start())
		eachFaultCase(t, func(t *testing.T, f faultCase) { test(t, g, f) })
	})
}

// begin has what the connection writes pass us by.
func (g *stage) begin(c *Conn) {
	g.ours.Conn = c
	c.message.loops = false // each call is looked at by itself
	c.raw = &tamperedWrites{tampered{RawConn: c.raw, t: g.t, c: c, tap: g.tap, out: *g.out}, g}
	g.made <- struct{}{}
}

// tamperedWrites is tampered for a connection whose reads are let alone.
type tamperedWrites struct {
	tampered
	stage *stage
}

func (r *tamperedWrites) Read(try func(fd uintptr) bool) error { return r.RawConn.Read(try) }

func (r *tamperedWrites) Write(try func(fd uintptr) bool) error {
	err := r.tampered.Write(try)
	r.stage.out.fired = r.out.fired
	if s := r.c.socket(); s != nil && r.out.fired && r.c.out.air.err == errWouldBlock {
		// There was room, so the poller will not say that there is.
		time.AfterFunc(100*time.Microsecond, func() { s.loop.post(r.c) })
	}
	return err
}

// Open, Message and Close implement EventHandler.
func (g *stage) Open(*Conn) {}

func (g *stage) Message(_ *Conn, m Message) {
	got := received{Type: m.Type, Data: string(m.Data)}
	g.ours.got = append(g.ours.got, got)
	g.ours.next <- got
}

func (g *stage) Close(_ *Conn, err error) {
	g.ours.err = err
	close(g.ours.failed)
}

// play plays the session and checks what came of it.
func (g *stage) play(t *testing.T, f faultCase, out *tampering, l *line) *faultOutcome {
	begin := time.Now()
	nc, far := unixPair(t)
	g.t, g.out, g.tap = t, out, new(faultTap)
	g.ours = &side{next: make(chan received, 100), failed: make(chan struct{})}
	require.True(t, g.s.admitNow())
	g.s.attach(upgraded(nc, f.role))
	<-g.made

	l.Conn, l.tap, l.ours = far, g.tap, g.ours
	if l.taped = out.fault != nil; l.taped {
		l.tap = new(faultTap)
	}
	o := &faultOutcome{tap: l.tap, ours: g.ours, theirs: newSide(l, peerOf(f.role), ways[0])}
	o.takeSteps()
	g.finish(o, f.weEnd)
	o.theirs.restInPeace()
	l.over.Wait()
	l.mu.Lock() // whoever is late reads nothing more
	l.broken = true
	l.mu.Unlock()
	far.Close()
	o.check(t, f)
	if l.most == 0 { // or else it takes its time
		require.Less(t, time.Since(begin), faultCloseTimeout, "there was nothing to wait for")
	}
	return o
}

// finish is that of faultOutcome. Close does not wait here, so we do.
func (g *stage) finish(o *faultOutcome, weEnd bool) {
	first, second := o.theirs, o.ours
	if weEnd {
		first, second = second, first
	}
	results := map[*side]error{first: first.Close(StatusNormalClosure, "done")}
	results[second] = second.Close(StatusNormalClosure, "")
	o.closing = results[o.ours]
	select {
	case <-o.ours.Done():
	case <-time.After(2 * faultCloseTimeout):
	}
	o.ours.CloseNow()
	o.theirs.CloseNow()
	<-o.theirs.Done()
	<-o.ours.failed
	<-o.theirs.failed
}

// TestServerShortReads: bytes that come in any pieces, of which each is read by itself,
// disturb nothing.
func TestServerShortReads(t *testing.T) {
	onStage(t, func(t *testing.T, g *stage, f faultCase) {
		pieces := []int{1, 7, 125, 5000, 0}
		if testing.Short() || raceEnabled {
			pieces = []int{7, 5000}
		}
		for _, most := range pieces {
			g.play(t, f, new(tampering), &line{most: most, breaks: -1}).requireWhole(t)
		}
	})
}

// TestServerReadsTheEndAnywhere: the stream to us ends, or is reset, before any byte.
func TestServerReadsTheEndAnywhere(t *testing.T) {
	onStage(t, func(t *testing.T, g *stage, f faultCase) {
		wire := g.play(t, f, new(tampering), &line{breaks: -1}).tap.in
		ends := frameSpans(t, wire)
		lastFrame := int64(ends[len(ends)-1].start) // the Close frame
		all := places(t, wire)
		if testing.Short() || raceEnabled || g.s.noLoops { // for goroutines see rawpeer_test.go
			all = everyFifth(all)
		}
		for _, reset := range []bool{false, true} {
			for i, at := range all {
				if at == 0 {
					continue // a line that has never been there
				}
				o := g.play(t, f, new(tampering), &line{breaks: at, reset: reset, most: i % 2 * 5000})
				if at < lastFrame {
					require.True(t, o.stopped, "a fault at %d of %d must have been felt", at, len(wire))
				}
				if t.Failed() {
					t.Fatalf("with the end at byte %d of %d, reset %v", at, len(wire), reset)
				}
			}
		}
	})
}

// inTurn plays the session with the fault at the first call, at the second, and so on,
// until it comes to its end without.
func (g *stage) inTurn(t *testing.T, f faultCase, fault rawFault, check func(o *faultOutcome)) {
	if g.s.noLoops {
		return // see rawfaults_test.go
	}
	stride := 3
	if testing.Short() || raceEnabled {
		stride = 8
	}
	for at := 1 + len(t.Name())%3; ; at += stride {
		out := &tampering{fault: fault, at: at}
		o := g.play(t, f, out, &line{breaks: -1})
		if !out.fired {
			require.Greater(t, at, 10, "there were calls")
			return
		}
		check(o)
		if t.Failed() {
			t.Fatalf("with the fault at call %d", at)
		}
	}
}

// TestServerWriteFaultsThatAreNotFelt: at any write the kernel may take less than it was
// given, or nothing.
func TestServerWriteFaultsThatAreNotFelt(t *testing.T) {
	for name, fault := range map[string]rawFault{
		"would block": wouldBlock,
		"of 1":        shortWrite(1),
		"of 3":        shortWrite(3),
		"of 20000":    shortWrite(20_000),
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(t *testing.T, g *stage, f faultCase) {
				g.inTurn(t, f, fault, func(o *faultOutcome) { o.requireWhole(t) })
			})
		})
	}
}

// TestServerWriteFaultsAtEveryCall: the same, all the time.
func TestServerWriteFaultsAtEveryCall(t *testing.T) {
	for name, fault := range map[string]func() rawFault{
		"would block": func() rawFault { return everyOther(wouldBlock) },
		"one byte":    func() rawFault { return everyOther(shortWrite(1)) },
		"some bytes":  func() rawFault { return everyOther(shortWrite(500)) },
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(t *testing.T, g *stage, f faultCase) {
				g.play(t, f, &tampering{fault: fault()}, &line{breaks: -1, most: 5000}).requireWhole(t)
			})
		})
	}
}

// noBuffers finds that the kernel has no memory for it.
func noBuffers(r *tampered, _ uintptr, _ func(uintptr) bool) bool {
	r.c.out.air.err = syscall.ENOBUFS
	return true
}

// TestServerWriteFaultsThatEnd: at any write the connection may be gone. Whoever finds
// out says what the kernel said.
func TestServerWriteFaultsThatEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		fault rawFault
		errno syscall.Errno
	}{
		"to nobody":                {isOver, syscall.EPIPE},
		"to nothing":               {isBad, syscall.EBADF},
		"without buffers":          {noBuffers, syscall.ENOBUFS},
		"of 0, then to nobody":     {shortWrite(0), syscall.EPIPE},
		"of 1, then to nobody":     {shortWrite(1), syscall.EPIPE},
		"of 9, then to nobody":     {shortWrite(9), syscall.EPIPE},
		"of 20000, then to nobody": {shortWrite(20_000), syscall.EPIPE},
	} {
		t.Run(name, func(t *testing.T) {
			told := false
			onStage(t, func(t *testing.T, g *stage, f faultCase) {
				g.inTurn(t, f, gone(tt.fault), func(o *faultOutcome) {
					told = o.requireCutOff(t, tt.errno) || told
				})
			})
			require.True(t, told, "nobody ever told the reason")
		})
	}
}

// TestServerTinySocketBuffers: sockets that hold next to nothing, so that writes wait
// for the peer time and again, in the loop and elsewhere.
func TestServerTinySocketBuffers(t *testing.T) {
	onStage(t, func(t *testing.T, g *stage, f faultCase) {
		short := 0
		o := g.play(t, f, &tampering{fault: func(r *tampered, fd uintptr, try func(uintptr) bool) bool {
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1)
			return countShort(&short)(r, fd, try)
		}}, &line{breaks: -1})
		o.requireWhole(t)
		require.Positive(t, short, "nothing was tested")
	})
}
