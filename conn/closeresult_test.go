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

	"github.com/parleyws/websocket/frame"
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

// A write that failed may have put a part of a frame on the wire. Whatever came
// next would be read as the rest of it, so nothing comes, not even a Close frame
// on a stream that has recovered.
func TestNothingIsSentBehindABrokenFrame(t *testing.T) {
	for name, finish := range map[string]func(c *Conn, p *wstest.Peer){
		"by us":       func(c *Conn, _ *wstest.Peer) { c.Close(StatusNormalClosure, "") },
		"by the peer": func(c *Conn, p *wstest.Peer) { p.Send(wstest.Close(StatusNormalClosure, "")) },
		"failed":      func(c *Conn, p *wstest.Peer) { p.Send(wstest.Ping("?"), wstest.Op(frame.Opcode(3), nil)) },
	} {
		for _, role := range roles {
			t.Run(fmt.Sprintf("%s/%v", name, role), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					nc, other := wstest.Pipe()
					c := New(upgraded(&recovering{Conn: nc, after: 10}, role), calm(nil))
					p := wstest.NewPeer(t, other, peerOf(role))
					defer end(c)
					startRead(t.Context(), c)
					require.ErrorIs(t, c.Write(t.Context(), Binary, pattern(20)), syscall.EPIPE)
					finish(c, p)
					sent, err := io.ReadAll(other)
					require.NoError(t, err)
					require.Len(t, sent, 10)
				})
			})
		}
	}
}

// recovering is a stream of which one Write fails, after some bytes.
type recovering struct {
	net.Conn
	after int
}

func (r *recovering) Write(p []byte) (int, error) {
	if n := r.after; n > 0 {
		r.after = 0
		n, _ = r.Conn.Write(p[:n])
		return n, syscall.EPIPE
	}
	return r.Conn.Write(p)
}
