//go:build unix && !parley_noraw

package conn

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// TestTinySocketBuffers: sockets that hold next to nothing, so that the kernel
// takes a part of large frames, disturb nothing.
func TestTinySocketBuffers(t *testing.T) {
	for name, pair := range map[string]func(t *testing.T) (net.Conn, net.Conn){
		"Unix": func(t *testing.T) (net.Conn, net.Conn) { return unixPair(t) },
		"TCP":  func(t *testing.T) (net.Conn, net.Conn) { return tcpPair(t) },
	} {
		t.Run(name, func(t *testing.T) {
			eachFaultCase(t, func(t *testing.T, f faultCase) {
				wstest.NoLeaks(t)
				for _, f.read = range ways {
					nc, other := pair(t)
					for _, b := range []net.Conn{nc, other} {
						require.NoError(t, b.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(1))
					}
					short := 0
					c := New(upgraded(nc, f.role), calm(&Config{CloseTimeout: faultCloseTimeout}))
					o := &faultOutcome{tap: &faultTap{Conn: nc}}
					c.raw = &tampered{RawConn: c.raw, t: t, c: c, tap: o.tap, out: tampering{fault: countShort(&short)}}
					c.nc = o.tap
					c.message.loops = false
					o.ours, o.theirs = sideOf(c, f.read), newSide(other, peerOf(f.role), ways[0])
					o.takeSteps()
					o.finish(t, f.weEnd)
					c.restInPeace()
					o.check(t, f)
					o.requireWhole(t)
					require.Positive(t, short, "nothing was tested")
				}
			})
		})
	}
}

// countShort changes nothing, and counts the writes that were not whole.
func countShort(n *int) rawFault {
	return func(r *tampered, fd uintptr, try func(uintptr) bool) bool {
		over := try(fd)
		if r.c.out.air.err == errWouldBlock {
			*n++
		}
		return over
	}
}
