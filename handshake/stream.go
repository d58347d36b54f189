package handshake

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Stream is a connection over HTTP/2: one stream of the many that may share a TCP
// connection (RFC 8441). It is what [Upgraded].Conn is then, on both sides, and is
// a net.Conn like others: a call that ran into its deadline may be repeated, and
// Close ends those under way. All methods may be called from any goroutine.
//
// Read returns io.EOF when the peer has ended its half of the stream, an error that
// matches syscall.ECONNRESET when it has reset the stream, and one that matches
// io.ErrUnexpectedEOF when the connection beneath is gone.
//
// Write returns when net/http has sent the bytes, as far as the peer's window lets
// it. Where a deadline passes it returns how many bytes it has handed over; these
// will be sent. A peer that does not read is found out by the next Write.
//
// On a server the stream ends when the HTTP handler returns, see [Stream.Wait].
type Stream struct {
	in            intake
	out           outlet
	local, remote net.Addr
}

// outlet is the writing half of a Stream, which is another thing for each side.
type outlet interface {
	write(p []byte) (int, error)
	setDeadline(t time.Time)
	finish() error // CloseWrite
	end() error    // Close
	await()        // Wait
}

var _ net.Conn = (*Stream)(nil)

// Read implements net.Conn.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.in.read(p)
	return n, s.opError("read", err)
}

// Write implements net.Conn.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.out.write(p)
	return n, s.opError("write", err)
}

// CloseWrite ends this side's half of the stream: the peer reads io.EOF. net/http
// lets a server do that only by ending the whole stream, so that what has not been
// read by then is lost, and Read returns io.EOF.
func (s *Stream) CloseWrite() error { return s.opError("close", s.out.finish()) }

// Close ends the stream. A client resets it if the server has not ended its half.
// A server ends its half in an orderly way if no Write is under way, and resets the
// stream otherwise. It does not wait for the peer.
func (s *Stream) Close() error { return s.opError("close", s.out.end()) }

// Wait returns when the stream has ended. A client need not call it. On a server
// the stream ends, whatever anybody may want, when the HTTP handler returns, and so
// a handler that has nothing else to do calls Wait. Wait also makes use of the
// goroutine: it is the one that waits for what the peer sends.
//
// In the place of Wait a handler may wait for anything that happens only when the
// stream has been closed. If it returns before that, Read and Write fail.
func (s *Stream) Wait() { s.out.await() }

// LocalAddr returns the address of this end of the connection that the stream
// shares with others.
func (s *Stream) LocalAddr() net.Addr { return s.local }

// RemoteAddr returns the address of the other end of that connection.
func (s *Stream) RemoteAddr() net.Addr { return s.remote }

// SetDeadline implements net.Conn.
func (s *Stream) SetDeadline(t time.Time) error {
	s.in.setDeadline(t)
	s.out.setDeadline(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.in.setDeadline(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.out.setDeadline(t)
	return nil
}

// opError dresses err as package net does.
func (s *Stream) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: s.local, Addr: s.remote, Err: err}
}

// streamError is what net/http makes of RST_STREAM, whose own type is not exported:
// it lets errors.As fill in any type with these fields.
type streamError struct {
	StreamID uint32
	Code     uint32 // RFC 9113, section 7
	Cause    error
}

func (e streamError) Error() string {
	return fmt.Sprintf("the stream was reset with error code %d", e.Code)
}

// errHandlerReturned is what becomes of a stream whose handler is not there any more.
var errHandlerReturned = errors.New("the HTTP handler has returned, which ends a connection over HTTP/2; " +
	"let it wait for the end of the connection first")

// endOfStream makes of net/http's error what a connection has to say. At a server it
// is net/http itself that resets a stream, with NO_ERROR, when the handler returns; some
// clients do that too.
func endOfStream(err error, isServer bool) error {
	var reset streamError
	switch {
	case err == nil || err == io.EOF:
		return err
	// RFC 8441, section 5: "RST exceptions are represented with the RST_STREAM frame
	// with the CANCEL error code."
	case errors.As(err, &reset):
		err = fmt.Errorf("%w: %w", os.NewSyscallError("read", errReset), reset)
		if reset.Code == 0 && isServer {
			err = fmt.Errorf("%w, by the client, or else %w", err, errHandlerReturned)
		}
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
}
