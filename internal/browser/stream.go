package browser

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/deadline"
)

// What may lie between the program and the network. A socket of the kernel has such
// limits too; a browser has none in either direction.
const (
	// MaxUnread is how many bytes of messages may have come and not be read, beside
	// the one that came last. An empty one counts for 128. The browser goes on
	// receiving whether somebody reads or not, so with more the connection ends.
	MaxUnread = 16 << 20

	// MaxUnsent is how many bytes the browser may still have to send for a Write to
	// give it more.
	MaxUnsent = 64 << 10
)

// ErrUnread is what a Stream ends with when more comes than may wait.
var ErrUnread = fmt.Errorf("browser: more than %d MiB have come that nobody has read, and a browser cannot be told to wait", MaxUnread>>20)

var errGone = errors.New("browser: the WebSocket has failed")

// Stream is the stream of frames that a [Socket] stands for, as a [net.Conn] for an
// endpoint in the role of the client. All methods may be called from any goroutine.
type Stream struct {
	socket Socket
	addr   Addr

	writing sync.Mutex // held by a Write
	out     outgoing

	mu      sync.Mutex // guards all that follows
	changed *sync.Cond // anything that a Read or Write could wait for
	in      incoming
	end     error // what Read returns after that, nil as long as more may come
	heard   bool  // the server has closed, and said so
	closed  bool  // Close was called

	released        bool
	readBy, writeBy deadline.Deadline
}

// Addr is the URL that the browser has connected to, or "" for this end.
type Addr string

// Network returns "websocket".
func (Addr) Network() string { return "websocket" }

// String returns the URL, and "browser" for this end.
func (a Addr) String() string {
	if a == "" {
		return "browser"
	}
	return string(a)
}

// New returns the Stream over a socket that is connected, or will be, to url. The
// events of the socket are for the Stream from then on.
func New(s Socket, url string) *Stream {
	stream := &Stream{socket: s, addr: Addr(url)}
	stream.changed = sync.NewCond(&stream.mu)
	return stream
}

// Message takes a message of type frame.Text or frame.Binary that has come. It
// keeps d until that is read.
func (s *Stream) Message(typ frame.Opcode, d Data) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.end != nil || s.closed:
	case s.in.waiting > MaxUnread:
		// RFC 6455, section 7.4.1: 1008 "can be returned when there is no other more
		// suitable status code".
		s.socket.Close(closeCode(frame.StatusPolicyViolation), "more messages have come than were read")
		s.finish(ErrUnread)
	default:
		s.in.push(typ, d)
		s.changed.Broadcast()
	}
}

// Closed takes the end of the connection as the browser tells it: the code and the
// reason of the Close frame that came, 1005 if it had none, and 1006 if none came. A
// browser that was still sending may call a connection unclean for which a Close frame
// did come; what counts here is that the server has closed, and why.
func (s *Stream) Closed(code frame.StatusCode, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil || s.closed {
		return
	}
	if p, err := frame.AppendClose(nil, code, reason); err == nil {
		s.heard = true
		s.in.push(frame.Close, inMemory(p))
	}
	s.finish(io.EOF)
}

// finish has err come after what was not read. The caller holds mu.
func (s *Stream) finish(err error) {
	s.end = err
	s.release()
	s.changed.Broadcast()
}

func (s *Stream) release() {
	if !s.released {
		s.released = true
		s.socket.Release()
	}
}

// Read implements net.Conn. It reads the frames of the messages that have come, then
// a Close frame if there was one, and then io.EOF.
func (s *Stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, s.opError("read", net.ErrClosed)
		case s.readBy.IsPast():
			return 0, s.opError("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		}
		if n := s.in.read(p); n > 0 {
			return n, nil
		}
		if s.end != nil {
			return 0, s.end
		}
		s.changed.Wait()
	}
}

// Write implements net.Conn. It takes frames, however they are cut, and sends each
// message when all of it is there. It waits while the browser has more than MaxUnsent
// bytes to send, and then takes all of p. What is written when the server has
// closed is dropped, as nobody will read it.
func (s *Stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	over, err := s.awaitRoom()
	if err != nil {
		return 0, s.opError("write", err)
	}
	if over {
		return len(p), nil
	}
	if err := s.out.write(p, (*ofSocket)(s)); err != nil {
		return 0, s.opError("write", err)
	}
	return len(p), nil
}

// awaitRoom waits until something may be sent, or need not be as the server has
// closed. No event tells when there is room, so it looks again and again.
func (s *Stream) awaitRoom() (over bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pause := time.Millisecond; ; pause = min(2*pause, 32*time.Millisecond) {
		switch {
		case s.closed:
			return false, net.ErrClosed
		case s.writeBy.IsPast():
			return false, os.ErrDeadlineExceeded
		case s.heard:
			return true, nil
		case s.end == io.EOF:
			return false, errGone
		case s.end != nil:
			return false, s.end
		case s.socket.Buffered() <= MaxUnsent:
			return false, nil
		}
		again := time.AfterFunc(pause, s.wake)
		s.changed.Wait()
		again.Stop()
	}
}

func (s *Stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

// ofSocket is the sink of what a Stream writes.
type ofSocket Stream

func (s *ofSocket) send(typ frame.Opcode, p []byte) error { return s.socket.Send(typ, p) }

func (s *ofSocket) close(code frame.StatusCode, reason string) error {
	s.socket.Close(closeCode(code), reason)
	return nil
}

// Buffered returns how many bytes the browser has still to send.
func (s *Stream) Buffered() int { return s.socket.Buffered() }

// Close implements net.Conn. A browser cannot just break a connection off: if no Close
// frame was written before, it now sends one without a code, and sees to the rest.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.opError("close", net.ErrClosed)
	}
	s.closed = true
	s.readBy.Stop()
	s.writeBy.Stop()
	s.in = incoming{}
	s.socket.Close(frame.StatusNoStatusReceived, "")
	s.release()
	s.changed.Broadcast()
	return nil
}

// LocalAddr implements net.Conn.
func (s *Stream) LocalAddr() net.Addr { return Addr("") }

// RemoteAddr implements net.Conn.
func (s *Stream) RemoteAddr() net.Addr { return s.addr }

// SetDeadline implements net.Conn.
func (s *Stream) SetDeadline(t time.Time) error { return s.setDeadlines(t, &s.readBy, &s.writeBy) }

// SetReadDeadline implements net.Conn.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.setDeadlines(t, &s.readBy) }

// SetWriteDeadline implements net.Conn.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.setDeadlines(t, &s.writeBy) }

func (s *Stream) setDeadlines(t time.Time, ds ...*deadline.Deadline) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.opError("set", net.ErrClosed)
	}
	for _, d := range ds {
		d.Set(t, s.changed)
	}
	s.changed.Broadcast()
	return nil
}

// opError dresses err as package net does.
func (s *Stream) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: s.addr.Network(), Source: Addr(""), Addr: s.addr, Err: err}
}

var _ net.Conn = (*Stream)(nil)
