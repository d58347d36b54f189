package conn

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/internal/wstest"
)

// Readers take turns, and so do those who see the connection to its end. Once there
// is nothing to be read any more nobody waits for his turn.

// prompt fails the test if f takes time.
func prompt(t *testing.T, sentence string, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	require.Zero(t, time.Since(begin), sentence)
}

// Whoever reads after the peer's Close is told at once, though somebody is still
// waiting for the end of TCP.
func TestSecondReadAfterTheEndIsPrompt(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Close(StatusNormalClosure, ""))
		first := w.receive(t.Context(), c)
		require.Error(t, first.Err)
		synctest.Wait()
		prompt(t, "the connection has ended", func() {
			for range 3 {
				require.Equal(t, first, w.receive(t.Context(), c))
			}
		})
	})
}

// Readers that wait, one for the network and the others for their turn, are let go
// when the connection ends, by whichever side.
func TestWaitingReadersAreLetGo(t *testing.T) {
	for name, end := range map[string]func(c *Conn, p *wstest.Peer){
		"this side closes":   func(c *Conn, _ *wstest.Peer) { startClose(c, StatusGoingAway, "") },
		"the peer closes":    func(_ *Conn, p *wstest.Peer) { p.Send(wstest.Close(StatusGoingAway, "")) },
		"a rule is broken":   func(_ *Conn, p *wstest.Peer) { p.Send(wstest.Cont("")) },
		"the peer is gone":   func(_ *Conn, p *wstest.Peer) { p.Close() },
		"CloseNow is called": func(c *Conn, _ *wstest.Peer) { c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
				results := make(chan error)
				for range 5 {
					go func() { results <- w.receive(t.Context(), c).Err }()
				}
				synctest.Wait()
				prompt(t, "there is nothing to wait for", func() {
					end(c, p)
					for range 5 {
						require.Error(t, <-results)
					}
				})
				require.Error(t, c.Err())
			})
		})
	}
}

// A Reader in the middle of its message is let go like the others.
func TestReaderInsideAMessageIsLetGo(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("half").NoFin())
		_, r, err := c.Reader(t.Context())
		require.NoError(t, err)
		reading := call(func() error { _, err := io.ReadAll(r); return err })
		synctest.Wait()
		prompt(t, "nothing more of the message will be handed out", func() {
			closing := startClose(c, StatusGoingAway, "")
			require.ErrorIs(t, <-reading, io.ErrUnexpectedEOF)
			require.ErrorIs(t, read(t.Context(), c).Err, net.ErrClosed)
			notYet(t, closing, "the peer has not answered")
		})
	})
}

// The turn of a reader that was let go is taken over by whoever waits for the
// peer's Close, which is seen as it comes.
func TestCloseGetsTheTurnOfAReader(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		for range 3 {
			startRead(t.Context(), c)
		}
		synctest.Wait()
		closing := startClose(c, StatusNormalClosure, "")
		p.WantClose("our Close", StatusNormalClosure)
		time.Sleep(time.Second)
		prompt(t, "the peer has answered, and gone", func() {
			p.Send(wstest.Text("dropped"), wstest.EmptyClose())
			p.Close()
			require.NoError(t, <-closing)
		})
	})
}

// net.Conn: "Any blocked Read or Write operations will be unblocked and return
// errors." They do not wait for the peer's answer.
func TestNetConnCloseUnblocks(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		c.Transport().(*wstest.Conn).SetBuffer(0)
		nc := NetConn(c, Binary)
		reading := call(func() error { _, err := nc.Read(make([]byte, 1)); return err })
		call(func() error { return c.Write(context.Background(), Binary, []byte("keeps the socket")) })
		synctest.Wait()
		writing := call(func() error { _, err := io.WriteString(nc, "waits behind it"); return err })
		synctest.Wait()
		prompt(t, "blocked operations are unblocked", func() {
			require.NoError(t, nc.Close())
			require.ErrorIs(t, <-reading, net.ErrClosed)
			require.ErrorIs(t, <-writing, net.ErrClosed)
		})
	})
}

// That holds for a Write that the peer keeps waiting, too, whatever was taken of it.
func TestNetConnCloseUnblocksTheOwner(t *testing.T) {
	for _, taken := range []int{0, 5} {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			c.Transport().(*wstest.Conn).SetBuffer(taken)
			nc := NetConn(c, Binary)
			writing := call(func() error { _, err := io.WriteString(nc, "the peer takes little of it"); return err })
			synctest.Wait()
			prompt(t, "it is unblocked", func() {
				require.NoError(t, nc.Close())
				require.ErrorIs(t, <-writing, net.ErrClosed)
			})
		})
	}
}
