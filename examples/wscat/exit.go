package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/handshake"
)

// The exit statuses. The package comment says what they mean.
const (
	exitOK          = 0
	exitClosed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnreachable = 4
	exitTimeout     = 5
	exitInterrupted = 130
)

// errTimeout and errInterrupted are why a context ended.
var (
	errTimeout     = errors.New("the time of -timeout is over")
	errInterrupted = errors.New("interrupted")
)

// usageError is a command line, or a line of a script, that cannot be used.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// exitStatus returns what to exit with for an error.
func exitStatus(err error) int {
	var usage *usageError
	var failed *handshake.Error
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errTimeout):
		return exitTimeout
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case !errors.As(err, &failed):
		return exitClosed
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case failed.Status != 0 && failed.Proxy == "":
		return exitRefused
	default:
		return exitUnreachable
	}
}

// whyEnded says why ctx has ended, in the words of this program.
func whyEnded(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return errTimeout
	}
	return errInterrupted
}

// verdict returns nil if a connection that ended with err ended normally, and err
// if not.
func verdict(err error) error {
	switch conn.CloseStatus(err) {
	case conn.StatusNormalClosure, conn.StatusGoingAway, conn.StatusNoStatusReceived:
		return nil
	}
	if errors.Is(err, net.ErrClosed) {
		return nil // by this side, with a code that the user chose
	}
	return err
}
