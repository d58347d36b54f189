package conn

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// If our own Close frame cannot be sent, that is what Close says, and not that
// this side has closed.
func TestCloseSaysWhyItsFrameWasNotSent(t *testing.T) {
	for _, role := range roles {
		for name, tt := range map[string]struct {
			fault wstest.Fault
			want  error
		}{
			"reset":  {wstest.ResetAt(0), syscall.ECONNRESET},
			"broken": {wstest.ErrorAt(1, io.ErrClosedPipe), io.ErrClosedPipe},
		} {
			t.Run(fmt.Sprintf("%v/%s", role, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					nc, _ := wstest.Pipe()
					c := New(upgraded(wstest.Faulty(nc, wstest.Faults{Write: []wstest.Fault{tt.fault}}), role), calm(nil))
					err := c.Close(StatusNormalClosure, "")
					require.ErrorIs(t, err, tt.want)
					require.ErrorIs(t, err, io.ErrUnexpectedEOF)
					require.ErrorIs(t, c.Err(), net.ErrClosed)
				})
			})
		}
		t.Run(role.String()+"/the peer takes nothing", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, _ := blocked(t, role, &Config{WriteTimeout: time.Second}, 0)
				begin := time.Now()
				require.Equal(t, &TimeoutError{Op: "write", After: time.Second}, c.Close(StatusNormalClosure, ""))
				require.Equal(t, time.Second, time.Since(begin))
			})
		})
	}
}

// The same if the peer's own Close frame has come meanwhile.
func TestCloseSaysWhyItsAnswerWasNotSent(t *testing.T) {
	for _, role := range roles {
		synctest.Test(t, func(t *testing.T) {
			nc, other := wstest.Pipe()
			nc.SetBuffer(0)
			c := New(upgraded(nc, role), calm(nil))
			p := wstest.NewPeer(t, other, peerOf(role))
			closing := call(func() error { return c.Close(StatusNormalClosure, "") })
			synctest.Wait()
			p.Send(wstest.Close(StatusNormalClosure, ""))
			notYet(t, closing, "our Close frame is not sent")
			p.Reset()
			err := <-closing
			require.ErrorIs(t, err, syscall.ECONNRESET)
			requireAbnormal(t, err)
			require.ErrorIs(t, c.Err(), net.ErrClosed)
		})
	}
}
