package main

import (
	"context"
	"io"
	"log"
	"sync"
	"time"

	"github.com/parleyws/websocket/frame"
)

const (
	// closeTimeout is how long a connection may go on once a Close frame was sent.
	closeTimeout = 5 * time.Second

	// pieceSize is how much of a payload is held.
	pieceSize = 16 << 10
)

// stream is the network connection to one of the ends.
type stream interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// session is one WebSocket connection: two ends, and the frames between them.
type session struct {
	id              int64
	client, backend *end
	log             *log.Logger
	dump            int

	hurry sync.Once
	timer *time.Timer // once a Close frame was sent
}

func newSession(id int64, client, backend stream, deflate bool, logger *log.Logger, dump int) *session {
	return &session{
		id:  id,
		log: logger, dump: dump,
		client:  newEnd("client", client, frame.Validator{Role: frame.Server, AllowRsv1: deflate}),
		backend: newEnd("server", backend, frame.Validator{Role: frame.Client, AllowRsv1: deflate}),
	}
}

// run passes frames on until both ends have closed, one of them has vanished or broken a
// rule, or ctx ends, and then sees the TCP connections to their end.
func (s *session) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		s.close(s.client, frame.StatusGoingAway, "the proxy is shut down")
		s.close(s.backend, frame.StatusGoingAway, "the proxy is shut down")
	})
	var both sync.WaitGroup
	both.Go(func() { s.pump(s.client, s.backend) })
	both.Go(func() { s.pump(s.backend, s.client) })
	both.Wait()
	stop()
	// RFC 6455, section 7.1.1: the server closes the TCP connection first, its half of it
	// before the other, and reads what still comes: else a reset might destroy the Close
	// frame on its way. The backend does so to us.
	s.hasten()
	s.client.nc.CloseWrite()
	both.Go(s.client.drain)
	both.Go(s.backend.drain)
	both.Wait()
	s.timer.Stop()
	s.log.Printf("#%d over after %d frames of the client and %d of the server", s.id, s.client.count, s.backend.count)
}

// hasten has the session end soon.
func (s *session) hasten() {
	s.hurry.Do(func() { s.timer = time.AfterFunc(closeTimeout, s.cut) })
}

func (s *session) cut() {
	s.client.nc.Close()
	s.backend.nc.Close()
}

// close sends a Close frame of the proxy's own to e, unless it had one before.
func (s *session) close(e *end, code frame.StatusCode, reason string) {
	s.hasten() // first, for a frame that does not come to its end is in the way
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	s.log.Printf("#%d proxy → %s CLOSE %v", s.id, e.name, code)
	payload, _ := frame.AppendClose(nil, code, reason)
	if err := e.w.WriteFrame(e.header(frame.Header{Opcode: frame.Close, Fin: true}), payload); err != nil {
		// Mostly because it waits for the rest of a frame, which will not come. That it
		// ends within a frame is all that it can be told.
		e.nc.CloseWrite()
	}
}

// lost tells e that there is nobody at the other end any more.
func (s *session) lost(e *end) {
	code := frame.StatusGoingAway
	if e == s.client {
		code = frame.StatusBadGateway
	}
	s.close(e, code, "the other end is gone")
}

// end is one of the two peers.
type end struct {
	name  string
	nc    stream
	r     *frame.Reader
	rules frame.Validator // for what it sends; Role is ours towards it
	count int             // frames it has sent

	mu     sync.Mutex // held for a frame that is written to it
	w      *frame.Writer
	closed bool // it was sent a Close frame, and no frame may follow
}

func newEnd(name string, nc stream, rules frame.Validator) *end {
	return &end{name: name, nc: nc, r: frame.NewReader(nc), rules: rules, w: frame.NewWriter(nc)}
}

// drain waits for the end of the TCP connection.
func (e *end) drain() {
	io.Copy(io.Discard, e.nc)
	e.nc.Close()
}

// header is h as it goes to this end: masked if we are a client to it, with a fresh key.
// RFC 6455, sections 5.1 and 5.3.
func (e *end) header(h frame.Header) frame.Header {
	h.Masked, h.Key = e.rules.Role == frame.Client, frame.Key{}
	if h.Masked {
		h.Key = frame.NewKey()
	}
	return h
}
