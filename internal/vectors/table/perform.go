package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/parleyws/websocket/conn"
	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/handshake"
	"github.com/parleyws/websocket/internal/netpipe"
	"github.com/parleyws/websocket/internal/vectors"
)

// patience is how long a vector may take. Those that pass take milliseconds.
const patience = 10 * time.Second

// result is a vector and what is wrong with what came of it.
type result struct {
	vector vectors.Vector
	err    error
}

func runAll(vs []vectors.Vector) []result {
	results := make([]result, len(vs))
	for i, v := range vs {
		results[i] = result{v, run(v)}
	}
	return results
}

// run plays the peer of a connection that reads v.
func run(v vectors.Vector) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nc, peer := netpipe.Pipe()
	c := conn.New(&handshake.Upgraded{Conn: nc, Role: v.Role}, configOf(v))
	defer c.CloseNow()
	defer peer.Close()
	e := &ear{answered: make(chan struct{}), pongs: len(v.Pongs), over: make(chan struct{})}
	go e.listen(peer)
	go speak(peer, v, e.answered)
	messages, err := readAll(ctx, c)
	if ctx.Err() != nil {
		c.CloseNow() // so that e.listen ends
	}
	<-e.over
	return errors.Join(judgeMessages(v, messages), judgeEnd(v, err), judgeSaid(v, e.heard))
}

// speak sends the bytes of v. An endpoint need not write to a peer that is gone,
// so it is silent for ever only after the pongs have come.
func speak(peer *netpipe.Conn, v vectors.Vector, answered <-chan struct{}) {
	if _, err := peer.Write(v.Wire); err == nil { // or the endpoint had enough: the ear knows what it said
		<-answered
		peer.CloseWrite()
	}
}

func readAll(ctx context.Context, c *conn.Conn) (messages []conn.Message, err error) {
	for {
		typ, data, err := c.Read(ctx)
		if err != nil {
			return messages, err
		}
		messages = append(messages, conn.Message{Type: typ, Data: data})
	}
}

// said is a frame of the endpoint.
type said struct {
	op      frame.Opcode
	payload []byte
}

// ear hears the endpoint out.
type ear struct {
	pongs    int           // that are to come
	answered chan struct{} // closed when they have
	heard    []said
	over     chan struct{} // closed when no more can come
}

func (e *ear) listen(peer io.Reader) {
	defer close(e.over)
	answered := sync.OnceFunc(func() { close(e.answered) })
	defer answered()
	for r := frame.NewReader(peer); ; {
		if len(e.heard) >= e.pongs {
			answered()
		}
		h, err := r.Next()
		if err != nil {
			return
		}
		payload, err := io.ReadAll(r)
		if err != nil {
			return
		}
		e.heard = append(e.heard, said{h.Opcode, payload})
	}
}

func judgeMessages(v vectors.Vector, got []conn.Message) error {
	if len(got) != len(v.Messages) {
		return fmt.Errorf("%d messages were delivered, want %d", len(got), len(v.Messages))
	}
	for i, want := range v.Messages {
		if got[i].Type != want.Type || !bytes.Equal(got[i].Data, want.Data) {
			return fmt.Errorf("message %d is not the one that was sent", i+1)
		}
	}
	return nil
}

// judgeEnd looks at the error with which reading ended.
func judgeEnd(v vectors.Vector, err error) error {
	var ok bool
	switch v.End {
	case vectors.Open, vectors.Incomplete:
		ok = conn.CloseStatus(err) == conn.StatusAbnormalClosure && errors.Is(err, io.ErrUnexpectedEOF)
	case vectors.Closed:
		closed, is := errors.AsType[*conn.CloseError](err)
		ok = is && closed.Code == v.Code && closed.Reason == v.Reason
	case vectors.Failed:
		rule, is := errors.AsType[*conn.ProtocolError](err)
		ok = is && rule.Code == v.Code
	}
	if !ok {
		return fmt.Errorf("ended with %q, want %s %d", err, v.End, v.Code)
	}
	return nil
}

// judgeSaid looks at what went to the peer: the pongs, and then one Close frame
// or none.
func judgeSaid(v vectors.Vector, got []said) error {
	want := make([]said, 0, len(v.Pongs)+1)
	for _, payload := range v.Pongs {
		want = append(want, said{frame.Pong, payload})
	}
	closes := v.End == vectors.Closed || v.End == vectors.Failed
	if closes {
		want = append(want, said{op: frame.Close})
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d frames were sent, want %d", len(got), len(want))
	}
	for i := range v.Pongs {
		if got[i].op != frame.Pong || !bytes.Equal(got[i].payload, want[i].payload) {
			return fmt.Errorf("frame %d is no PONG with the payload of its ping", i+1)
		}
	}
	if !closes {
		return nil
	}
	return judgeClose(v, got[len(got)-1])
}

func judgeClose(v vectors.Vector, last said) error {
	code, _, err := frame.ParseClose(last.payload)
	if last.op != frame.Close || err != nil || code != v.Code {
		return fmt.Errorf("the last frame is %s with code %d, want CLOSE with %d", last.op, code, v.Code)
	}
	return nil
}

// configOf sets the limit of v. For a vector none is 0, for a Config negative.
func configOf(v vectors.Vector) *conn.Config {
	if v.Max == 0 {
		return &conn.Config{MaxMessage: -1}
	}
	return &conn.Config{MaxMessage: v.Max}
}
