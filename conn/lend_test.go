package conn

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/bufpool"
	"github.com/parleyws/websocket/internal/wstest"
)

// What Messages lends belongs to the loop's body until its next turn, whatever
// else is done with the connection meanwhile.

// dirty overwrites what lies in the pool.
func dirty() {
	var all []*bufpool.Buffer
	for size := 512; size <= 64<<10; size *= 2 {
		for range 8 {
			b := bufpool.Get(size)
			for i := range b.B {
				b.B[i] = '!'
			}
			all = append(all, b)
		}
	}
	for _, b := range all {
		b.Release()
	}
}

func TestLentDataStaysValid(t *testing.T) {
	whole := string(pattern(6000))
	for name, frames := range map[string][]wstest.Frame{
		"in the buffer":   {wstest.Text("lent")},
		"in fragments":    {wstest.Text("le").NoFin(), wstest.Cont("nt")},
		"past the buffer": {wstest.Binary([]byte(whole))},
	} {
		want := "lent"
		if name == "past the buffer" {
			want = whole
		}
		for name, meanwhile := range map[string]func(t *testing.T, c *Conn, p *wstest.Peer){
			"other messages are read": func(t *testing.T, c *Conn, p *wstest.Peer) {
				for i := range 300 {
					s := fmt.Sprintf("message %d, long enough to fill the buffer now and then", i)
					p.Send(wstest.Text(s))
					ways[i%len(ways)].want(t, c, received{Type: Text, Data: s})
				}
			},
			"Close": func(t *testing.T, c *Conn, p *wstest.Peer) {
				closing := call(func() error { return c.Close(StatusNormalClosure, "") })
				p.Next("the Close frame")
				for range 100 {
					p.Send(wstest.Text("this is dropped"))
				}
				p.Send(wstest.Close(StatusNormalClosure, ""))
				p.CloseWrite()
				require.NoError(t, <-closing)
			},
			"CloseNow": func(t *testing.T, c *Conn, p *wstest.Peer) { require.NoError(t, c.CloseNow()) },
			"writes": func(t *testing.T, c *Conn, p *wstest.Peer) {
				for range 100 {
					require.NoError(t, c.Write(t.Context(), Text, []byte("something else")))
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
					p.Send(append(frames, wstest.Ping("and a piece of"), wstest.Text("what comes next"))...)
					for m, err := range c.Messages(t.Context()) {
						require.NoError(t, err)
						if name == "other messages are read" {
							ways[0].want(t, c, received{Type: Text, Data: "what comes next"})
							p.Next("the pong")
						}
						meanwhile(t, c, p)
						synctest.Wait()
						dirty()
						require.True(t, want == string(m.Data), "%.100q", m.Data)
						break
					}
				})
			})
		}
	}
}

func TestTwoLoopsOverMessages(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("1"), wstest.Text("2"), wstest.Text("3"), wstest.Text("4"))
		p.Send(wstest.Close(StatusNormalClosure, ""))
		var got []string
		for outer, err := range c.Messages(t.Context()) {
			require.NoError(t, err)
			for inner, err := range c.Messages(t.Context()) {
				require.NoError(t, err)
				got = append(got, string(outer.Data)+string(inner.Data))
				break
			}
		}
		require.Equal(t, []string{"12", "34"}, got)
	})
}

// The body may change and append to what it was lent: neither the messages
// behind it nor a later loop are harmed.
func TestLentDataMayBeChanged(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("one"), wstest.Text("two").NoFin(), wstest.Ping(""), wstest.Cont("three"), wstest.Text("four"))
		p.Send(wstest.Close(StatusNormalClosure, ""))
		var got []string
		for m, err := range c.Messages(t.Context()) {
			require.NoError(t, err)
			got = append(got, string(m.Data))
			clear(m.Data)
			_ = append(m.Data, "something behind it that is longer than a header"...)
		}
		require.Equal(t, []string{"one", "twothree", "four"}, got)
	})
}

// The loop ends by itself on 1000 and 1001, from whichever side. On everything
// else there is one last turn with the error.
func TestMessagesEnd(t *testing.T) {
	for _, tt := range []struct {
		code   StatusCode
		silent bool
	}{
		{StatusNormalClosure, true}, {StatusGoingAway, true},
		{StatusNoStatusReceived, false}, {StatusInternalError, false}, {4000, false},
	} {
		for name, finish := range map[string]func(c *Conn, p *wstest.Peer){
			"the peer": func(_ *Conn, p *wstest.Peer) {
				if tt.code == StatusNoStatusReceived {
					p.Send(wstest.EmptyClose())
					return
				}
				p.Send(wstest.Close(tt.code, ""))
			},
			"we": func(c *Conn, p *wstest.Peer) {
				go c.Close(tt.code, "")
				p.Next("our Close frame")
				p.Send(wstest.Close(StatusNormalClosure, ""))
			},
		} {
			t.Run(fmt.Sprintf("%d by %s", tt.code, name), func(t *testing.T) {
				play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
					finish(c, p)
					turns := 0
					for m, err := range c.Messages(t.Context()) {
						turns++
						require.Error(t, err)
						require.Equal(t, c.Err(), err)
						require.Equal(t, Message{}, m)
					}
					require.Equal(t, !tt.silent, turns == 1, "%d turns", turns)
				})
			})
		}
	}
}

func TestMessagesIsLeftAndTakenUpAgain(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		all := c.Messages(t.Context())
		for i := range 10 {
			s := fmt.Sprint(i)
			p.Send(wstest.Text(s), wstest.Text(s+"!"))
			for m, err := range all {
				require.NoError(t, err)
				require.Equal(t, s, string(m.Data))
				break
			}
			ways[0].want(t, c, received{Type: Text, Data: s + "!"})
		}
	})
}

// A panic in the body is the program's own affair.
func TestPanicInALoopOverMessages(t *testing.T) {
	play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
		p.Send(wstest.Text("one"), wstest.Text("two"))
		require.PanicsWithValue(t, "oops", func() {
			for range c.Messages(t.Context()) {
				panic("oops")
			}
		})
		ways[0].want(t, c, received{Type: Text, Data: "two"})
	})
}

// Behind what is lent lies the beginning of the next frame, which another reader
// takes up: it has to move to another buffer.
func TestLentDataWithACutFrameBehind(t *testing.T) {
	for cut := 1; cut < 6; cut++ {
		play(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer) {
			role := peerOf(c.out.role)
			next := wstest.Ping("a frame that is cut").Wire(nil, role, frame.Key{1, 2, 3, 4})
			p.SendWire(append(wstest.Text("lent").Wire(nil, role, frame.Key{5, 6, 7, 8}), next[:cut]...))
			synctest.Wait()
			for m, err := range c.Messages(t.Context()) {
				require.NoError(t, err)
				p.SendWire(next[cut:])
				p.Send(wstest.Text("the next message"))
				ways[0].want(t, c, received{Type: Text, Data: "the next message"})
				p.Want("the pong", wstest.Pong("a frame that is cut"))
				require.Equal(t, "lent", string(m.Data))
				break
			}
		})
	}
}
