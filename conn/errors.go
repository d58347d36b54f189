package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/parleyws/websocket/frame"
)

// CloseError is how the peer ended the connection. It is what reading returns
// after the peer's Close frame, or after a TCP connection that ended without
// one (RFC 6455, section 7.1.5).
//
// It matches io.EOF with errors.Is when Code is 1000 or 1001, and
// io.ErrUnexpectedEOF when Code is 1006. It matches a target of its own type
// that has the same Code, and the same Reason if the target has one.
//
// The function given to [Handler] may return a CloseError of its own making to
// choose what is said to the peer.
type CloseError struct {
	Code   StatusCode // 1005 if the Close frame had none, 1006 if there was no Close frame
	Reason string     // what the peer wrote, at most 123 bytes of UTF-8

	cause error // the failure beneath a 1006
}

// Error says who closed, the code, and the reason in quotes.
func (e *CloseError) Error() string {
	if e.Code == StatusAbnormalClosure {
		if e.cause == nil {
			return "conn: the connection ended without a Close frame (1006)"
		}
		return "conn: the connection failed without a Close frame (1006): " + e.cause.Error()
	}
	if e.Reason == "" {
		return fmt.Sprintf("conn: the peer closed with %v", e.Code)
	}
	return fmt.Sprintf("conn: the peer closed with %v: %q", e.Code, e.Reason)
}

// Is reports whether target is io.EOF and the connection ended normally, is
// io.ErrUnexpectedEOF and it ended without a Close frame, or is a *CloseError
// like e.
func (e *CloseError) Is(target error) bool {
	switch target {
	case io.EOF:
		return e.Code == StatusNormalClosure || e.Code == StatusGoingAway
	case io.ErrUnexpectedEOF:
		return e.Code == StatusAbnormalClosure
	}
	t, ok := target.(*CloseError)
	return ok && t.Code == e.Code && (t.Reason == "" || t.Reason == e.Reason)
}

// Unwrap returns the network's error beneath a 1006, and nil otherwise.
func (e *CloseError) Unwrap() error { return e.cause }

// ProtocolError is a rule that the peer broke. The connection has been failed
// with Code (RFC 6455, section 7.1.7).
//
// It matches a target of its own type that has the same Code, and the same
// Section if the target has one.
type ProtocolError struct {
	Code    StatusCode // 1002, 1007 or 1009: what the peer was told
	Section string     // of RFC 6455
	Reason  string     // what was found and what is expected; no bytes of the peer
}

// Error says what the peer did and where the RFC forbids it.
func (e *ProtocolError) Error() string {
	s := fmt.Sprintf("conn: the peer broke the protocol (%v): %s", e.Code, e.Reason)
	if e.Section != "" {
		s += " (RFC 6455, section " + e.Section + ")"
	}
	return s
}

// Is reports whether target is a *ProtocolError with the same code.
func (e *ProtocolError) Is(target error) bool {
	t, ok := target.(*ProtocolError)
	return ok && t.Code == e.Code && (t.Section == "" || t.Section == e.Section)
}

// TimeoutError is a peer that kept this side waiting for longer than the
// configuration allows. The connection is over.
//
// It matches context.DeadlineExceeded and os.ErrDeadlineExceeded, and is a
// net.Error whose Timeout is true.
type TimeoutError struct {
	Op    string        // what was waited for: "write", "close" or "keepalive"
	After time.Duration // how long
}

// Error says what was waited for, and for how long.
func (e *TimeoutError) Error() string {
	switch e.Op {
	case "close":
		return fmt.Sprintf("conn: the peer did not answer the Close frame within %v", e.After)
	case "keepalive":
		return fmt.Sprintf("conn: the peer gave no sign of life within %v of a Ping", e.After)
	default:
		return fmt.Sprintf("conn: the peer did not take what was written within %v", e.After)
	}
}

// Is reports whether target is one of the two ErrDeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
}

// Timeout returns true, for net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// Temporary returns false, for net.Error: the connection is over.
func (e *TimeoutError) Temporary() bool { return false }

var _ net.Error = (*TimeoutError)(nil)

// closedError is the end that this side chose.
type closedError struct {
	code  StatusCode // 0: CloseNow
	cause error      // why, if it was not the program that closed
}

func (e *closedError) Error() string {
	if e.code == 0 {
		return "conn: CloseNow was called: " + net.ErrClosed.Error()
	}
	s := fmt.Sprintf("conn: this side closed with %v: %v", e.code, net.ErrClosed)
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

func (e *closedError) Is(target error) bool { return target == net.ErrClosed }

func (e *closedError) Unwrap() error { return e.cause }

// truncatedError is a message that the connection's end cut off. It must not
// pass for the end of the message, so it hides the io.EOF of a normal closure.
type truncatedError struct{ cause error }

func (e *truncatedError) Error() string {
	return "conn: the message was cut off: " + e.cause.Error()
}

func (e *truncatedError) Is(target error) bool {
	return target == io.ErrUnexpectedEOF || target != io.EOF && errors.Is(e.cause, target)
}

func (e *truncatedError) As(target any) bool { return errors.As(e.cause, target) }

// CloseStatus returns the status code that err speaks of: the code the peer
// sent, the code it was told for breaking a rule, the code this side closed
// with, 1006 where there was none. It is 0 if err is nil or speaks of something
// else, such as a context that was cancelled.
func CloseStatus(err error) StatusCode {
	if e, ok := errors.AsType[*CloseError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*ProtocolError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*closedError](err); ok && e.code != 0 {
		return e.code
	}
	if errors.Is(err, net.ErrClosed) {
		return StatusAbnormalClosure
	}
	if _, ok := errors.AsType[*TimeoutError](err); ok {
		return StatusAbnormalClosure
	}
	return 0
}

// protocolError turns an offence that the codec found into ours.
func protocolError(err error) *ProtocolError {
	e, ok := err.(*frame.Error)
	if !ok {
		panic("BUG: the codec reports " + err.Error())
	}
	return &ProtocolError{Code: e.Code, Section: e.Section, Reason: e.Reason}
}

// abnormal is the end of a stream without a Close frame.
func abnormal(cause error) *CloseError {
	if cause == io.EOF {
		cause = nil
	}
	return &CloseError{Code: StatusAbnormalClosure, cause: cause}
}

var (
	errStaleReader = errors.New("conn: this reader's message is no longer read: a later read has skipped what was left of it; finish a message before the next read")
	errWriterDone  = errors.New("conn: write to a message that is already complete; ask Conn.Writer for the next one")
	errType        = errors.New("conn: a message is of type Text or Binary, with Compressed or Uncompressed or neither; no other frame can be written")
)
