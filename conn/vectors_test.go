package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/vectors"
	"github.com/parleyws/websocket/internal/wstest"
)

// outcome is what a program and its peer saw of a connection.
type outcome struct {
	messages []received
	err      error // of the read after them
	wire     []byte
}

// readAll reads messages in one way until there is an error.
func (o *outcome) readAll(ctx context.Context, c *Conn, w way) {
	if w.next == nil {
		o.loop(ctx, c)
		return
	}
	for {
		got := w.receive(ctx, c)
		if o.err = got.Err; o.err != nil {
			return
		}
		o.messages = append(o.messages, got)
	}
}

// oneLoop is the way to read all messages in one loop.
var oneLoop = way{name: "one loop"}

func (o *outcome) loop(ctx context.Context, c *Conn) {
	for m, err := range c.Messages(ctx) {
		if o.err = err; err != nil {
			return
		}
		o.messages = append(o.messages, received{Type: m.Type, Data: string(m.Data)})
	}
	o.err = errLoopEnded
}

// split is how the bytes of a vector arrive.
type split struct {
	name string
	cuts []int // each piece arrives when nothing is left of the one before
	sips bool  // reads get one byte, whatever is there
}

// splitsOf returns the splits for v. One byte at a time takes too long for long
// vectors, whose bytes are all there, and are read one at a time.
func splitsOf(rnd *rand.Rand, v vectors.Vector) []split {
	const long = 300
	n := len(v.Wire)
	splits := []split{
		{name: "whole", cuts: []int{n}},
		{name: "random chunks", cuts: chunks(rnd, n)},
	}
	if n <= long {
		splits = append(splits, split{name: "byte by byte", cuts: ones(n)})
	} else {
		splits = append(splits, split{name: "byte by byte", cuts: []int{n}, sips: true})
	}
	if v.End == vectors.Failed && v.FailAt < n {
		splits = append(splits, split{name: "up to the mistake", cuts: []int{v.FailAt}})
	}
	return splits
}

// sips gives one byte to a read.
type sips struct{ *wstest.Conn }

func (s sips) Read(p []byte) (int, error) { return s.Conn.Read(p[:min(1, len(p))]) }

// someWays are all ways to read, or one of them where it takes long.
func someWays(rnd *rand.Rand, s split) []way {
	if s.sips || testing.Short() {
		i := rnd.IntN(len(ways))
		return ways[i : i+1]
	}
	return ways
}

// Every vector, read in every way, whole, byte by byte and in random chunks: the
// messages, the pongs, the Close frame, the error. A failure is told with the
// byte that is to blame, whether or not more come.
func TestRule24Vectors(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 5))
	for _, v := range vectors.Load(t, "*") {
		for _, s := range splitsOf(rnd, v) {
			for _, w := range someWays(rnd, s) {
				t.Run(v.String()+"/"+w.name+"/"+s.name, func(t *testing.T) { requireOutcome(t, v, w, s) })
			}
		}
	}
}

// The same with all messages cut into frames of one byte: it is for the sender to
// choose the fragments. RFC 6455, section 5.4.
func TestRule24VectorsInFragments(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 54))
	for _, v := range vectors.Load(t, "*") {
		v = v.Fragment(func(int) int { return 1 })
		w := ways[rnd.IntN(len(ways))]
		s := splitsOf(rnd, v)[rnd.IntN(2)]
		t.Run(v.String()+"/"+w.name+"/"+s.name, func(t *testing.T) { requireOutcome(t, v, w, s) })
	}
}

// Text that is cut in two at every byte, good and bad.
func TestRule30RunesAreCutAnywhere(t *testing.T) {
	const long = 100
	rnd := rand.New(rand.NewPCG(3629, 8))
	for _, v := range append(vectors.Load(t, "kuhn"), vectors.Load(t, "utf8")...) {
		for n := 1; n < len(v.Wire) && len(v.Wire) <= long; n++ {
			v := v.Fragment(func(left int) int { return min(left, n) })
			w := ways[rnd.IntN(len(ways))]
			t.Run(fmt.Sprint(v, "/", w.name, "/", n), func(t *testing.T) {
				requireOutcome(t, v, w, split{cuts: []int{len(v.Wire)}})
			})
		}
	}
}

// The same over sockets, where reading and writing take another path.
func TestRule24VectorsOverTCP(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 9))
	for i, v := range vectors.Load(t, "*") {
		if testing.Short() && i%5 != 0 {
			continue
		}
		for _, w := range []way{ways[rnd.IntN(len(ways))], oneLoop} {
			t.Run(v.String()+"/"+w.name, func(t *testing.T) {
				nc, other := tcpPair(t)
				if v.Role == frame.Server {
					nc, other = other, nc
				}
				c := New(upgraded(nc, v.Role), configOf(v))
				judge(t, v, w, c, perform(t, v, w, c, other, []int{len(v.Wire)}))
			})
		}
	}
}

// requireOutcome reads v in one way, split so, in a synctest bubble.
func requireOutcome(t *testing.T, v vectors.Vector, w way, s split) {
	synctest.Test(t, func(t *testing.T) {
		nc, other := wstest.Pipe()
		var stream net.Conn = nc
		if s.sips {
			stream = sips{nc}
		}
		c := New(upgraded(stream, v.Role), calm(configOf(v)))
		judge(t, v, w, c, perform(t, v, w, c, other, s.cuts))
	})
}

func configOf(v vectors.Vector) *Config { return &Config{MaxMessage: limitOf(v)} }

// listenTo has the peer read all that v's endpoint says. ponged is closed when the
// Pongs are there: where sockets cannot be tried without waiting, a goroutine sends
// them, and the end of the stream would overtake it.
func listenTo(peer net.Conn, v vectors.Vector) (ponged <-chan bool, said <-chan []byte) {
	first, all := make(chan bool), make(chan []byte, 1)
	go func() {
		pongs := make([]byte, pongsOf(v))
		n, _ := io.ReadFull(peer, pongs)
		close(first)
		rest, _ := io.ReadAll(peer)
		all <- append(pongs[:n], rest...)
	}()
	return first, all
}

// pongsOf returns how many bytes the Pongs take that a peer is owed which reads on.
func pongsOf(v vectors.Vector) (n int) {
	for _, payload := range v.Pongs {
		h := frame.Header{Opcode: frame.Pong, Masked: v.Role == frame.Client, Length: int64(len(payload))}
		n += h.Size() + len(payload)
	}
	return n
}

// perform lets c read the bytes of v, and its peer everything that c says.
func perform(t *testing.T, v vectors.Vector, w way, c *Conn, peer net.Conn, cuts []int) *outcome {
	defer peer.Close()
	o := new(outcome)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		o.readAll(t.Context(), c, w)
	}()
	ponged, listening := listenTo(peer, v)
	send(peer, v.Wire, cuts)
	over := v.End == vectors.Closed || v.End == vectors.Failed
	inMemory := false // and in a bubble
	switch peer.(type) {
	case *wstest.Conn, *handshake.Stream:
		inMemory = true
	}
	switch {
	case inMemory:
		synctest.Wait() // every pong that is due has been sent
	case c.raw == nil && !over:
		<-ponged
	}
	if !over || !inMemory {
		require.NoError(t, peer.(interface{ CloseWrite() error }).CloseWrite())
	}
	<-reading
	<-c.Done()
	o.wire = <-listening
	return o
}

// send writes pieces so that each arrives alone, where that can be done. What is
// in none of them is not sent.
func send(peer net.Conn, wire []byte, cuts []int) {
	for _, n := range cuts {
		if _, err := peer.Write(wire[:n]); err != nil {
			return // c has ended the connection
		}
		wire = wire[n:]
		if len(cuts) > 1 {
			synctest.Wait()
		}
	}
}

func judge(t *testing.T, v vectors.Vector, w way, c *Conn, o *outcome) {
	t.Helper()
	judgeMessages(t, v, o)
	judgeError(t, v, c.Err())
	switch {
	case errors.Is(o.err, errLoopEnded):
		require.ErrorIs(t, c.Err(), io.EOF, "the loop may end by itself on 1000 and 1001 only")
	case w.name == "Reader" && v.End != vectors.Open && o.err != c.Err():
		judgeTruncated(t, c, o.err)
	default:
		require.Equal(t, c.Err(), o.err)
	}
	for range 2 {
		require.Equal(t, c.Err(), read(t.Context(), c).Err, "the same error for ever")
	}
	judgeFrames(t, v, frames(t, v.Role, o.wire))
}

func judgeMessages(t *testing.T, v vectors.Vector, o *outcome) {
	t.Helper()
	require.Len(t, o.messages, len(v.Messages))
	for i, m := range v.Messages {
		require.Equal(t, m.Type, o.messages[i].Type)
		if o.messages[i].Data != string(m.Data) {
			t.Fatalf("message %d: got %d bytes, want %d bytes, or they differ", i, len(o.messages[i].Data), len(m.Data))
		}
	}
}

// judgeError looks at the end of the connection as the API tells it.
func judgeError(t *testing.T, v vectors.Vector, err error) {
	t.Helper()
	normal := v.End == vectors.Closed && (v.Code == StatusNormalClosure || v.Code == StatusGoingAway)
	require.Equal(t, normal, errors.Is(err, io.EOF), "%v: io.EOF is a normal closure and nothing else", err)
	switch v.End {
	case vectors.Open, vectors.Incomplete:
		require.Equal(t, &CloseError{Code: StatusAbnormalClosure}, err)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, StatusAbnormalClosure, CloseStatus(err))
	case vectors.Closed:
		require.Equal(t, &CloseError{Code: v.Code, Reason: v.Reason}, err)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, v.Code, CloseStatus(err))
	case vectors.Failed:
		rule, ok := errors.AsType[*ProtocolError](err)
		require.True(t, ok, "%T %v", err, err)
		require.Equal(t, v.Code, rule.Code)
		require.NotEmpty(t, rule.Section)
		require.NotErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, v.Code, CloseStatus(err))
	}
}

// A streamed message that the connection's end cut off is never a clean EOF.
func judgeTruncated(t *testing.T, c *Conn, err error) {
	t.Helper()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, err, io.EOF)
	require.Equal(t, CloseStatus(c.Err()), CloseStatus(err))
}

// judgeFrames looks at what the endpoint said: the pongs, and then one Close
// frame or none.
func judgeFrames(t *testing.T, v vectors.Vector, said []wstest.Frame) {
	t.Helper()
	for i, payload := range v.Pongs {
		require.Less(t, i, len(said), "the pong %q has not come", payload)
		require.Equal(t, frame.Pong, said[i].Opcode)
		require.True(t, bytes.Equal(payload, said[i].Payload), "pong %d: %q, want %q", i, said[i].Payload, payload)
	}
	said = said[len(v.Pongs):]
	if v.End == vectors.Open || v.End == vectors.Incomplete {
		require.Empty(t, said, "who is gone is not written to")
		return
	}
	require.Len(t, said, 1, "one Close frame and nothing else")
	code, reason, err := frame.ParseClose(said[0].Payload)
	require.NoError(t, err)
	require.Equal(t, frame.Close, said[0].Opcode)
	require.Equal(t, v.Code, code)
	for _, leak := range []string{".go:", "conn:", "frame:", "EOF"} {
		require.False(t, strings.Contains(reason, leak), "%q: Go's error text is not for the peer", reason)
	}
}
