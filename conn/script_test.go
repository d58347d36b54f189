package conn

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// The two sides of a connection. A rule that holds for both is tested as both.
var roles = []frame.Role{frame.Client, frame.Server}

func peerOf(role frame.Role) frame.Role {
	if role == frame.Client {
		return frame.Server
	}
	return frame.Client
}

// play runs a test as client and as server, each in a synctest bubble: c is the
// endpoint under test, p the scripted peer at the other end of a pipe.
func play(t *testing.T, cfg *Config, test func(t *testing.T, c *Conn, p *wstest.Peer)) {
	t.Helper()
	for _, role := range roles {
		t.Run(role.String(), func(t *testing.T) { playAs(t, role, cfg, test) })
	}
}

// playAs is play in one role.
func playAs(t *testing.T, role frame.Role, cfg *Config, test func(t *testing.T, c *Conn, p *wstest.Peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		nc, other := wstest.Pipe()
		c := New(upgraded(nc, role), calm(cfg))
		p := wstest.NewPeer(t, other, peerOf(role))
		p.Patience = time.Minute
		t.Cleanup(func() { end(c) })
		test(t, c, p)
	})
}

// calm is cfg with KeepAlive off, unless it says something of it: a test that lets
// time pass has no Pings in it that it does not ask for.
func calm(cfg *Config) *Config {
	var calm Config
	if cfg != nil {
		calm = *cfg
	}
	if calm.KeepAlive == (KeepAlive{}) {
		calm.KeepAlive.Interval = -1
	}
	return &calm
}

// end ends c, whatever its state, and waits for its end.
func end(c *Conn) {
	c.CloseNow()
	<-c.Done()
}

// call runs f in a goroutine of its own. The channel gives what it returns.
func call(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return result
}

// received is what a way of reading returned.
type received struct {
	Type MessageType
	Data string
	Err  error
}

// read is c.Read for the lines of a table.
func read(ctx context.Context, c *Conn) received {
	typ, p, err := c.Read(ctx)
	return received{typ, string(p), err}
}

// startRead starts a read that is expected to wait.
func startRead(ctx context.Context, c *Conn) <-chan received {
	result := make(chan received, 1)
	go func() { result <- read(ctx, c) }()
	return result
}

// notYet fails the test if there is a result while all goroutines wait.
func notYet[T any](t *testing.T, result <-chan T, sentence string) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-result:
		t.Fatalf("%s\ngot: %v", sentence, got)
	default:
	}
}

// way is one of the ways to read a message.
type way struct {
	name string
	next func(ctx context.Context, c *Conn) (MessageType, []byte, error)
}

// errLoopEnded says that Messages ended by itself, as it does on 1000 and 1001.
var errLoopEnded = errors.New("the loop over Messages ended without an error")

var ways = []way{
	{"Read", func(ctx context.Context, c *Conn) (MessageType, []byte, error) {
		return c.Read(ctx)
	}},
	{"AppendRead", func(ctx context.Context, c *Conn) (MessageType, []byte, error) {
		const before = "what was there before"
		typ, p, err := c.AppendRead(ctx, append(make([]byte, 0, 40), before...))
		if string(p[:len(before)]) != before || err != nil && len(p) != len(before) {
			return 0, nil, errors.New("AppendRead has not returned dst as it was")
		}
		return typ, p[len(before):], err
	}},
	{"Messages", func(ctx context.Context, c *Conn) (MessageType, []byte, error) {
		for m, err := range c.Messages(ctx) {
			return m.Type, append([]byte{}, m.Data...), err
		}
		return 0, nil, errLoopEnded
	}},
	{"Reader", func(ctx context.Context, c *Conn) (MessageType, []byte, error) {
		typ, r, err := c.Reader(ctx)
		if err != nil {
			return 0, nil, err
		}
		p, err := io.ReadAll(r)
		return typ, p, err
	}},
}

// everyWay runs a test with each way of reading, in both roles.
func everyWay(t *testing.T, cfg *Config, test func(t *testing.T, c *Conn, p *wstest.Peer, w way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			play(t, cfg, func(t *testing.T, c *Conn, p *wstest.Peer) { test(t, c, p, w) })
		})
	}
}

// receive reads the next message in one of the ways.
func (w way) receive(ctx context.Context, c *Conn) received {
	typ, p, err := w.next(ctx, c)
	if err != nil {
		p, typ = nil, 0
	}
	return received{typ, string(p), err}
}

// wantMessages reads messages in one of the ways.
func (w way) want(t *testing.T, c *Conn, want ...received) {
	t.Helper()
	for _, m := range want {
		require.Equal(t, m, w.receive(t.Context(), c))
	}
}

// frames returns what an endpoint of that role has sent, and fails the test if
// that breaks a rule: a frame or an order of frames that its peer would refuse,
// a second Close frame, anything after the Close frame.
func frames(t *testing.T, role frame.Role, wire []byte) []wstest.Frame {
	t.Helper()
	rules := frame.Validator{Role: peerOf(role)}
	var all []wstest.Frame
	for len(wire) > 0 {
		h, n, err := frame.ParseHeader(wire)
		require.NoError(t, err)
		require.NotZero(t, n, "the stream ends inside a header")
		require.NoError(t, rules.Next(h), "after %v", all)
		require.LessOrEqual(t, h.Length, int64(len(wire)-n), "the stream ends inside a payload")
		payload := wire[n : n+int(h.Length)]
		if h.Masked {
			h.Key.XOR(payload)
		}
		if k := len(all); k > 0 {
			require.NotEqual(t, frame.Close, all[k-1].Opcode, "%v comes after the Close frame: RFC 6455, section 5.5.1", h)
		}
		all = append(all, wstest.Frame{Header: h, Payload: payload})
		wire = wire[n+len(payload):]
	}
	return all
}

// chunks returns the lengths of random pieces of something n bytes long.
func chunks(rnd *rand.Rand, n int) []int {
	var all []int
	for n > 0 {
		k := 1 + rnd.IntN(min(n, 1<<rnd.IntN(14)))
		all = append(all, k)
		n -= k
	}
	return all
}

// pattern returns n bytes that differ from place to place.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8*13)
	}
	return p
}

// allocatedBy returns how many bytes were allocated while f ran, by anybody.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
