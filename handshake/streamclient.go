package handshake

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
)

// clientOut is the writing half of a Stream of a client. net/http reads it as the
// body of the request, and so takes the bytes out of the hands of a Write when it has
// use for them.
type clientOut struct {
	half
	stream   *Stream
	chunk    []byte // what a Write has and net/http has not taken
	writing  bool   // a Write is under way; the next one waits for its turn
	finished bool   // CloseWrite: net/http reads io.EOF after that
	taker    *requestBody
	response *http.Response
	release  func()        // called when net/http has done with the stream
	over     chan struct{} // closed after that
}

// newClientStream makes a Stream that is no connection yet: the request is to be sent
// with a body of it, and then open is to be called.
func newClientStream(local, remote net.Addr) (*Stream, *clientOut) {
	s := &Stream{local: local, remote: remote}
	out := &clientOut{stream: s, over: make(chan struct{})}
	out.init()
	s.in.init()
	s.out = out
	return s, out
}

// open makes a connection of it.
func (o *clientOut) open(r *http.Response, release func()) {
	o.response, o.release = r, release
	o.stream.in.src = r.Body
}

func (o *clientOut) write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		if err := o.refusal(); err != nil {
			return 0, err
		}
		o.pause()
	}
	if err := o.refusal(); err != nil {
		return 0, err
	}
	o.writing, o.chunk = true, p
	o.changed.Broadcast()
	for len(o.chunk) > 0 && err == nil {
		o.pause()
		if len(o.chunk) > 0 {
			err = o.refusal()
		}
	}
	n = len(p) - len(o.chunk)
	o.writing, o.chunk = false, nil
	o.changed.Broadcast()
	return n, err
}

// refusal returns why nothing can be written now. The caller holds mu.
func (o *clientOut) refusal() error {
	switch {
	case o.closed:
		return net.ErrClosed
	case o.isLate():
		return os.ErrDeadlineExceeded
	case o.err != nil:
		return o.err
	case o.finished:
		return os.NewSyscallError("write", errPipe)
	}
	return nil
}

func (o *clientOut) finish() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return net.ErrClosed
	}
	o.finished = true
	o.changed.Broadcast()
	return nil
}

// end lets net/http reset the stream, which may have to wait for the connection.
func (o *clientOut) end() error {
	if !o.close() {
		return net.ErrClosed
	}
	o.stream.in.close()
	go func() {
		o.response.Body.Close()
		o.release()
		close(o.over)
	}()
	return nil
}

func (o *clientOut) await() { <-o.over }

// requestBody is a clientOut as the body of one attempt to send the request. net/http
// makes another one where the server has not looked at the first.
type requestBody struct{ out *clientOut }

// newBody returns a body in place of the one before.
func (o *clientOut) newBody() (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taker, o.err = &requestBody{o}, nil
	return o.taker, nil
}

// Read waits for a Write.
func (b *requestBody) Read(p []byte) (int, error) {
	o := b.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		switch {
		case o.taker != b || o.closed || o.err != nil:
			return 0, context.Canceled
		case len(o.chunk) > 0:
			n := copy(p, o.chunk)
			if o.chunk = o.chunk[n:]; len(o.chunk) == 0 {
				o.changed.Broadcast()
			}
			return n, nil
		case o.finished && !o.writing:
			return 0, io.EOF
		}
		o.changed.Wait()
	}
}

// Close is called by net/http when it will read no more: the stream has ended.
func (b *requestBody) Close() error {
	o := b.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.taker == b && o.err == nil {
		o.err = os.NewSyscallError("write", errReset)
	}
	o.changed.Broadcast()
	return nil
}
