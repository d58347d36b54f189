package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

// A cancelled read never harms the connection: wherever it was, the next one
// goes on there, in whatever way.

// script is what a peer of that role sends in the tests of this file, and what
// is in it.
type script struct {
	frames []wstest.Frame
	want   []received
}

// short has cuts of all kinds: in headers, in payloads, between fragments, in
// control frames, in the middle of a rune.
var short = script{
	frames: []wstest.Frame{
		wstest.Text("Hél").NoFin(), wstest.Ping("?"), wstest.Cont("").NoFin(), wstest.Cont("lo"),
		wstest.Binary(nil), wstest.Text("next"),
	},
	want: []received{{Type: Text, Data: "Héllo"}, {Type: Binary}, {Type: Text, Data: "next"}},
}

// long is read past the buffer.
var long = script{
	frames: []wstest.Frame{wstest.Binary(pattern(10_000)), wstest.Text("next")},
	want:   []received{{Type: Binary, Data: string(pattern(10_000))}, {Type: Text, Data: "next"}},
}

func (s script) wire(role frame.Role) (wire []byte) {
	for _, f := range s.frames {
		wire = f.Wire(wire, role, frame.Key{1, 2, 3, 4})
	}
	return wire
}

// cuts returns the places in wire to stop at: all of them, or those around which
// something changes.
func cuts(wire []byte) (all []int) {
	for i := range wire {
		if len(wire) < 100 || i < 16 || i > len(wire)-16 || i%4096 < 3 || i%1000 == 0 {
			all = append(all, i)
		}
	}
	return all
}

func TestCancelledReadIsResumed(t *testing.T) {
	for _, first := range ways[:3] {
		for _, second := range ways {
			for name, s := range map[string]script{"short": short, "long": long} {
				t.Run(fmt.Sprintf("%s then %s/%s", first.name, second.name, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						for _, role := range roles {
							wire := s.wire(peerOf(role))
							for _, cut := range cuts(wire) {
								resume(t, role, wire, cut, first, second, s.want)
							}
						}
					})
				})
			}
		}
	}
}

// resume reads in the first way until there is nothing more before the cut, and
// then in the second way.
func resume(t *testing.T, role frame.Role, wire []byte, cut int, first, second way, want []received) {
	t.Helper()
	nc, peer := wstest.Pipe()
	c := New(upgraded(nc, role), calm(nil))
	defer end(c)
	_, err := peer.Write(wire[:cut])
	require.NoError(t, err)
	got := readUntilCancelled(t, c, first)
	_, err = peer.Write(wire[cut:])
	require.NoError(t, err)
	for len(got) < len(want) {
		m := second.receive(t.Context(), c)
		require.NoError(t, m.Err, "%v, cut at %d", role, cut)
		got = append(got, m)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v, cut at %d: %.200q, want %.200q", role, cut, got, want)
	}
}

// readUntilCancelled reads until a read waits, and cancels that.
func readUntilCancelled(t *testing.T, c *Conn, w way) (got []received) {
	t.Helper()
	for {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan received, 1)
		go func() { result <- w.receive(ctx, c) }()
		synctest.Wait()
		cancel()
		m := <-result
		if m.Err != nil {
			require.ErrorIs(t, m.Err, context.Canceled)
			return got
		}
		got = append(got, m)
	}
}

// A message that is cut by a deadline at every single byte arrives whole.
func TestReadIsCancelledAtEveryByte(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		if w.name == "Reader" {
			return // a Reader that was cancelled is of no more use, see below
		}
		wire := short.wire(peerOf(c.out.role))
		var got []received
		for _, b := range wire {
			p.SendWire([]byte{b})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			m := w.receive(ctx, c)
			cancel()
			if m.Err == nil {
				got = append(got, m)
				continue
			}
			require.ErrorIs(t, m.Err, context.DeadlineExceeded)
		}
		require.Equal(t, short.want, got)
	})
}

// Where a Reader was cancelled, or left, the next read begins with the next
// message.
func TestReadAfterCancelledReader(t *testing.T) {
	for _, second := range ways {
		t.Run(second.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, role := range roles {
					for _, s := range []script{short, long} {
						wire := s.wire(peerOf(role))
						for _, cut := range cuts(wire) {
							skip(t, role, wire, cut, second, s.want)
						}
					}
				}
			})
		})
	}
}

// skip lets a Reader be cancelled at the cut. The message is lost if the Reader
// was there already; everything else is not.
func skip(t *testing.T, role frame.Role, wire []byte, cut int, second way, want []received) {
	t.Helper()
	nc, peer := wstest.Pipe()
	c := New(upgraded(nc, role), calm(nil))
	defer end(c)
	_, err := peer.Write(wire[:cut])
	require.NoError(t, err)
	got, begun := streamUntilCancelled(t, c)
	if begun {
		want = slices.Delete(slices.Clone(want), len(got), len(got)+1)
	}
	_, err = peer.Write(wire[cut:])
	require.NoError(t, err)
	for len(got) < len(want) {
		m := second.receive(t.Context(), c)
		require.NoError(t, m.Err, "%v, cut at %d", role, cut)
		got = append(got, m)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v, cut at %d: %.200q, want %.200q", role, cut, got, want)
	}
}

// streamUntilCancelled reads through Reader until something waits, and cancels
// that. begun says that it was the stream of a message.
func streamUntilCancelled(t *testing.T, c *Conn) (got []received, begun bool) {
	t.Helper()
	for {
		ctx, cancel := context.WithCancel(t.Context())
		var typ MessageType
		var data []byte
		inMessage := false
		result := call(func() error {
			var r io.Reader
			var err error
			if typ, r, err = c.Reader(ctx); err != nil {
				return err
			}
			inMessage = true
			data, err = io.ReadAll(r)
			return err
		})
		synctest.Wait()
		cancel()
		if err := <-result; err != nil {
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, io.EOF)
			return got, inMessage
		}
		got = append(got, received{Type: typ, Data: string(data)})
	}
}

// A context that has ended reads nothing, even if a message is there already.
func TestReadUnderEndedContext(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		p.Send(wstest.Text("hello"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			require.Equal(t, received{Err: context.Canceled}, w.receive(ctx, c))
		}
		past, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		require.Equal(t, received{Err: context.DeadlineExceeded}, w.receive(past, c))
		w.want(t, c, received{Type: Text, Data: "hello"})
		require.NoError(t, c.Err())
	})
}

// The deadline of a context that ended earlier must not hit a later read.
func TestOldContextsDoNotHitLaterReads(t *testing.T) {
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		if w.name == "Reader" {
			return // if ctx ends as its message has begun, the message is given up
		}
		for i := range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if i%2 == 0 { // just before, just after, or at the very moment
				time.Sleep(time.Duration(9+i%3) * time.Millisecond)
			}
			p.Send(wstest.Text("hello"))
			m := w.receive(ctx, c)
			time.Sleep(time.Duration(i%13) * time.Millisecond)
			cancel()
			if m.Err != nil {
				require.ErrorIs(t, m.Err, context.DeadlineExceeded)
				m = w.receive(t.Context(), c)
			}
			require.Equal(t, received{Type: Text, Data: "hello"}, m)
		}
	})
}

// Contexts with values, of other makes, and the connection's own.
func TestKindsOfContexts(t *testing.T) {
	type key struct{}
	everyWay(t, nil, func(t *testing.T, c *Conn, p *wstest.Peer, w way) {
		cancelled, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("a cause"))
		for _, ctx := range []context.Context{
			context.Background(), c.Context(), context.WithValue(c.Context(), key{}, 1),
			context.WithoutCancel(cancelled), foreign{t.Context()},
		} {
			p.Send(wstest.Text("hello"))
			require.Equal(t, received{Type: Text, Data: "hello"}, w.receive(ctx, c))
		}
		require.Equal(t, context.Canceled, w.receive(cancelled, c).Err)
	})
}

// foreign is a context that is not of package context, nor comparable.
type foreign []context.Context

func (f foreign) Deadline() (time.Time, bool) { return f[0].Deadline() }
func (f foreign) Done() <-chan struct{}       { return f[0].Done() }
func (f foreign) Err() error                  { return f[0].Err() }
func (f foreign) Value(k any) any             { return f[0].Value(k) }
