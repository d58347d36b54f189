package handshake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/parleyws/websocket/internal/bufpool"
)

const (
	// maxChunk is how many bytes of a Write net/http has at a time.
	maxChunk = 64 << 10

	// leaveTime bounds how long Close waits for net/http to let go of a Write that
	// it has reset. It does so at once, unless TCP is stuck.
	leaveTime = 250 * time.Millisecond
)

// serverOut is the writing half of a Stream of a server. A Write of net/http cannot
// be given up without losing the stream, so a goroutine does it, as long as it takes.
type serverOut struct {
	half
	stream  *Stream
	w       http.ResponseWriter // the innermost
	control *http.ResponseController
	body    io.Closer
	ctx     context.Context // of the request: ends with the stream
	writing bool            // a Write is under way; the next one waits for its turn
	sending bool            // there is a goroutine that has some of it
	waited  bool            // Wait was called

	finished bool          // CloseWrite: the stream ends when what is being sent is sent
	left     bool          // over is closed
	over     chan struct{} // closed when the handler may return
}

// newServerStream makes a Stream of a request whose response has begun.
func newServerStream(w http.ResponseWriter, r *http.Request) *Stream {
	s := new(Stream)
	out := &serverOut{
		stream: s, w: w, control: http.NewResponseController(w),
		body: r.Body, ctx: r.Context(), over: make(chan struct{}),
	}
	out.init()
	s.in.init()
	context.AfterFunc(out.ctx, out.gone)
	s.in.src, s.in.isServer, s.out = r.Body, true, out
	s.remote = parseAddr(r.RemoteAddr)
	s.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if s.local == nil {
		s.local = parseAddr("")
	}
	return s
}

// parseAddr makes an address of how net/http writes it.
func parseAddr(s string) net.Addr {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return net.TCPAddrFromAddrPort(a)
	}
	return addr(s)
}

// addr is an address that is not one of TCP.
type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

func (o *serverOut) write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		if err := o.refusal(); err != nil {
			return 0, err
		}
		o.pause()
	}
	o.writing = true
	defer func() { o.writing = false; o.changed.Broadcast() }()
	for {
		switch err := o.refusal(); {
		case err == os.ErrDeadlineExceeded && n > 0 && n == len(p):
			return n, nil // it will be sent, and the next Write waits for it
		case err != nil:
			return n, err
		case o.sending:
			o.pause()
		case n == len(p):
			return n, nil
		default:
			n += o.handOver(p[n:])
		}
	}
}

// refusal returns why nothing can be written now. The caller holds mu.
func (o *serverOut) refusal() error {
	switch {
	case o.closed:
		return net.ErrClosed
	case o.isLate():
		return os.ErrDeadlineExceeded
	}
	return o.err
}

// handOver has a goroutine send a copy of the first bytes of p. The caller holds mu.
func (o *serverOut) handOver(p []byte) int {
	n := min(len(p), maxChunk)
	chunk := bufpool.Get(n)
	copy(chunk.B, p[:n])
	o.sending = true
	go o.send(chunk, n)
	return n
}

func (o *serverOut) send(chunk *bufpool.Buffer, n int) {
	err := o.safely(func() error {
		if _, err := o.w.Write(chunk.B[:n]); err != nil {
			return err
		}
		return o.control.Flush()
	})
	chunk.Release()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sending = false
	if err != nil && o.err == nil {
		o.err = endOfResponse(err)
	}
	if o.finished {
		o.leave()
	}
	o.changed.Broadcast()
}

// safely calls f, which uses the http.ResponseWriter. A handler may return too
// early, and at this very moment: net/http panics then, which is not for us to die of.
func (o *serverOut) safely(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errHandlerReturned
		}
	}()
	if o.ctx.Err() != nil {
		return errStreamOver
	}
	return f()
}

// errStreamOver is for those who write, to whom net/http does not say more.
var errStreamOver = errors.New("the stream has ended: the client has reset it or is gone, or the HTTP handler has returned")

func endOfResponse(err error) error {
	if err == errStreamOver || err == errHandlerReturned {
		return err
	}
	return fmt.Errorf("%w: %w", os.NewSyscallError("write", errReset), err)
}

// gone is called when the context of the request has ended, for whatever reason.
func (o *serverOut) gone() { o.fail(errStreamOver) }

// leave lets the handler return. The caller holds mu.
func (o *serverOut) leave() {
	if !o.left {
		o.left = true
		close(o.over)
	}
}

// finish ends the stream as soon as what is being sent is sent.
func (o *serverOut) finish() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return net.ErrClosed
	}
	if o.err == nil {
		o.err = os.NewSyscallError("write", errPipe)
	}
	o.finished = true
	if !o.sending {
		o.leave()
	}
	o.changed.Broadcast()
	o.stream.in.fail(io.EOF)
	return o.body.Close()
}

// end ends the stream now.
func (o *serverOut) end() error {
	if !o.close() {
		return net.ErrClosed
	}
	o.stream.in.close()
	o.body.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leave()
	if o.sending {
		o.reset()
	}
	return nil
}

// reset has net/http give up what is being sent. If the handler does not wait for
// the sender, Close does, for they must not use the http.ResponseWriter both. The
// caller holds mu.
func (o *serverOut) reset() {
	o.mu.Unlock()
	o.safely(func() error { return o.control.SetWriteDeadline(time.Unix(1, 0)) })
	o.mu.Lock()
	until := time.Now().Add(leaveTime)
	alarm := time.AfterFunc(leaveTime, o.wake)
	defer alarm.Stop()
	for o.sending && !o.waited && time.Now().Before(until) {
		o.changed.Wait()
	}
}

// await is Wait.
func (o *serverOut) await() {
	o.mu.Lock()
	o.waited = true
	o.changed.Broadcast()
	o.mu.Unlock()
	o.stream.in.pumpHere()
	select {
	case <-o.over:
	case <-o.ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.sending {
		o.changed.Wait()
	}
}
