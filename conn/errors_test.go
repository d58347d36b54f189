package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How an error reads, what it matches, and the status code it speaks of.
func TestErrors(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, tt := range []struct {
		err    error
		text   string
		is     []error
		isNot  []error
		status StatusCode
	}{{
		err:    &CloseError{Code: StatusNormalClosure},
		text:   "conn: the peer closed with 1000 normal closure",
		is:     []error{io.EOF, &CloseError{Code: StatusNormalClosure}},
		isNot:  []error{io.ErrUnexpectedEOF, net.ErrClosed, &CloseError{Code: StatusGoingAway}, &CloseError{Code: StatusNormalClosure, Reason: "x"}, &ProtocolError{Code: StatusNormalClosure}},
		status: StatusNormalClosure,
	}, {
		err:    &CloseError{Code: StatusGoingAway, Reason: "see \"you\"\n"},
		text:   `conn: the peer closed with 1001 going away: "see \"you\"\n"`,
		is:     []error{io.EOF, &CloseError{Code: StatusGoingAway}, &CloseError{Code: StatusGoingAway, Reason: "see \"you\"\n"}},
		status: StatusGoingAway,
	}, {
		err:    &CloseError{Code: 4321, Reason: "ours"},
		text:   `conn: the peer closed with 4321: "ours"`,
		isNot:  []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed},
		status: 4321,
	}, {
		err:    &CloseError{Code: StatusNoStatusReceived},
		text:   "conn: the peer closed with 1005 no status received",
		isNot:  []error{io.EOF, io.ErrUnexpectedEOF},
		status: StatusNoStatusReceived,
	}, {
		err:    abnormal(io.EOF),
		text:   "conn: the connection ended without a Close frame (1006)",
		is:     []error{io.ErrUnexpectedEOF, &CloseError{Code: StatusAbnormalClosure}},
		isNot:  []error{io.EOF},
		status: StatusAbnormalClosure,
	}, {
		err:    abnormal(reset),
		text:   "conn: the connection failed without a Close frame (1006): read tcp: read: connection reset by peer",
		is:     []error{io.ErrUnexpectedEOF, syscall.ECONNRESET},
		isNot:  []error{io.EOF},
		status: StatusAbnormalClosure,
	}, {
		err:    &ProtocolError{Code: StatusProtocolError, Section: "5.2", Reason: "RSV2 is set"},
		text:   "conn: the peer broke the protocol (1002 protocol error): RSV2 is set (RFC 6455, section 5.2)",
		is:     []error{&ProtocolError{Code: StatusProtocolError}, &ProtocolError{Code: StatusProtocolError, Section: "5.2"}},
		isNot:  []error{io.EOF, &ProtocolError{Code: StatusProtocolError, Section: "5.4"}, &ProtocolError{Code: StatusInvalidPayload}, &CloseError{Code: StatusProtocolError}},
		status: StatusProtocolError,
	}, {
		err:    &ProtocolError{Code: StatusMessageTooBig, Reason: "too long"},
		text:   "conn: the peer broke the protocol (1009 message too big): too long",
		status: StatusMessageTooBig,
	}, {
		err:    &TimeoutError{Op: "write", After: 3 * time.Second},
		text:   "conn: the peer did not take what was written within 3s",
		is:     []error{context.DeadlineExceeded, os.ErrDeadlineExceeded},
		isNot:  []error{context.Canceled, io.EOF, net.ErrClosed},
		status: StatusAbnormalClosure,
	}, {
		err:    &TimeoutError{Op: "close", After: 5 * time.Second},
		text:   "conn: the peer did not answer the Close frame within 5s",
		status: StatusAbnormalClosure,
	}, {
		err:    &TimeoutError{Op: "keepalive", After: 15 * time.Second},
		text:   "conn: the peer gave no sign of life within 15s of a Ping",
		status: StatusAbnormalClosure,
	}, {
		err:    &closedError{code: StatusGoingAway},
		text:   "conn: this side closed with 1001 going away: use of closed network connection",
		is:     []error{net.ErrClosed},
		isNot:  []error{io.EOF, io.ErrUnexpectedEOF},
		status: StatusGoingAway,
	}, {
		err:    &closedError{code: StatusPolicyViolation, cause: ErrBacklog},
		text:   "conn: this side closed with 1008 policy violation: use of closed network connection: " + ErrBacklog.Error(),
		is:     []error{net.ErrClosed, ErrBacklog},
		status: StatusPolicyViolation,
	}, {
		err:    &closedError{},
		text:   "conn: CloseNow was called: use of closed network connection",
		is:     []error{net.ErrClosed},
		status: StatusAbnormalClosure,
	}, {
		err:    &truncatedError{&CloseError{Code: StatusNormalClosure}},
		text:   "conn: the message was cut off: conn: the peer closed with 1000 normal closure",
		is:     []error{io.ErrUnexpectedEOF, &CloseError{Code: StatusNormalClosure}},
		isNot:  []error{io.EOF},
		status: StatusNormalClosure,
	}, {
		err:    &truncatedError{&closedError{}},
		text:   "conn: the message was cut off: conn: CloseNow was called: use of closed network connection",
		is:     []error{io.ErrUnexpectedEOF, net.ErrClosed},
		status: StatusAbnormalClosure,
	},
		{err: nil, status: 0},
		{err: io.EOF, text: "EOF", status: 0},
		{err: context.Canceled, text: "context canceled", status: 0},
		{err: context.DeadlineExceeded, text: "context deadline exceeded", status: 0},
		{err: errStaleReader, text: errStaleReader.Error(), status: 0},
	} {
		t.Run(tt.text, func(t *testing.T) {
			require.Equal(t, tt.status, CloseStatus(tt.err))
			if tt.err == nil {
				return
			}
			require.Equal(t, tt.text, tt.err.Error())
			for _, wrapped := range []error{tt.err, fmt.Errorf("the program says: %w", tt.err), errors.Join(errors.New("another"), tt.err)} {
				require.Equal(t, tt.status, CloseStatus(wrapped))
				for _, target := range tt.is {
					require.ErrorIs(t, wrapped, target)
				}
				for _, target := range tt.isNot {
					require.NotErrorIs(t, wrapped, target)
				}
			}
		})
	}
}

func TestTimeoutErrorIsANetError(t *testing.T) {
	var err net.Error
	require.ErrorAs(t, fmt.Errorf("wrapped: %w", &TimeoutError{Op: "write"}), &err)
	require.True(t, err.Timeout())
	require.False(t, (&TimeoutError{}).Temporary())
}

// errors.As sees through a message that was cut off.
func TestErrorsAsThroughTruncation(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", &truncatedError{&CloseError{Code: 4000, Reason: "why"}})
	var closed *CloseError
	require.ErrorAs(t, err, &closed)
	require.Equal(t, &CloseError{Code: 4000, Reason: "why"}, closed)
	var protocol *ProtocolError
	require.False(t, errors.As(err, &protocol))
}
