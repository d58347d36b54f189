package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/parleyws/websocket/frame"
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
	for {
		got := w.receive(ctx, c)
		if o.err = got.Err; o.err != nil {
			return
		}
		o.messages = append(o.messages, got)
	}
}

// byteByByte are the vectors that are short enough for it here; the machine sees
// all of them so.
const byteByByte = 300

// Every vector, read in every way, whole, byte by byte and in random chunks: the
// messages, the pongs, the Close frame, the error.
func TestRule24Vectors(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6455, 5))
	for _, v := range vectors.Load(t, "*") {
		splits := map[string][]int{"whole": {len(v.Wire)}, "random chunks": chunks(rnd, len(v.Wire))}
		if len(v.Wire) <= byteByByte {
			splits["byte by byte"] = ones(len(v.Wire))
		}
		for _, w := range ways {
			for name, cuts := range splits {
				t.Run(v.String()+"/"+w.name+"/"+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						nc, other := wstest.Pipe()
						c := New(upgraded(nc, v.Role), calm(configOf(v)))
						judge(t, v, w, c, perform(t, v, w, c, other, cuts))
					})
				})
			}
		}
	}
}

// The same over sockets, where reading and writing take another path.
func TestRule24VectorsOverTCP(t *testing.T) {
	for i, v := range vectors.Load(t, "*") {
		if testing.Short() && i%5 != 0 {
			continue
		}
		w := ways[i%len(ways)]
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

func configOf(v vectors.Vector) *Config { return &Config{MaxMessage: limitOf(v)} }

// perform lets c read the bytes of v, and its peer everything that c says.
func perform(t *testing.T, v vectors.Vector, w way, c *Conn, peer net.Conn, cuts []int) *outcome {
	defer peer.Close()
	o := new(outcome)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		o.readAll(t.Context(), c, w)
	}()
	listening := make(chan []byte, 1)
	go func() {
		wire, _ := io.ReadAll(peer)
		listening <- wire
	}()
	send(peer, v.Wire, cuts)
	if _, ok := peer.(*wstest.Conn); ok {
		synctest.Wait() // every pong that is due has been sent
	}
	if over := v.End == vectors.Closed || v.End == vectors.Failed; !over || c.raw != nil {
		require.NoError(t, peer.(interface{ CloseWrite() error }).CloseWrite())
	}
	<-reading
	<-c.Done()
	o.wire = <-listening
	return o
}

// send writes pieces so that each arrives alone, where that can be done.
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
