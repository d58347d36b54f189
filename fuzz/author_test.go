package fuzz

import (
	"context"
	"errors"
	"io"
	"net"
	"testing/synctest"
	"time"

	"github.com/parleyws/websocket/conn"
)

// This file is what an author can do, and what must come of it.

// context returns the context for a write. If it may end, it ends after some bytes.
func (a *author) context(mayEnd bool) context.Context {
	if !mayEnd {
		return context.Background()
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel, a.room = cancel, int(a.script.byte())+int(a.script.byte())<<8
	a.nc.cutAt = -1
	a.nc.cancelAfter(a.room, cancel)
	return ctx
}

func (a *author) disarm() {
	a.nc.cancelAfter(0, nil)
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
}

// done takes note of messages that were written in one call. If its context has
// ended, those count of which a byte was sent.
func (a *author) done(err error, messages ...message) {
	a.t.Helper()
	at, cut := 0, false
	for _, m := range messages {
		if a.cancel == nil || at < a.room {
			a.want = append(a.want, m)
		}
		at += a.wireSize(m)
		cut = a.cancel != nil && a.room < at
	}
	a.disarm()
	if cut != errors.Is(err, context.Canceled) || !cut && err != nil {
		a.t.Fatalf("%d bytes, of which %d may be sent: %v", at, a.room, err)
	}
}

// wireSize returns the size of a frame that is a whole message.
func (a *author) wireSize(m message) int {
	f := sessionFrame{payload: []byte(m.data)}
	return len(f.append(nil, !a.server, [4]byte{}))
}

func (a *author) write(kind byte, mayEnd bool) {
	m := a.message(kind)
	ctx := a.context(mayEnd)
	typ, p := m.to()
	err := a.c.Write(ctx, typ, p)
	clear(p) // it is ours again
	a.done(err, m)
}

func (a *author) writePrepared(kind byte, mayEnd bool) {
	m := a.message(kind)
	prepared := a.prepare(m)
	a.done(a.c.WritePrepared(a.context(mayEnd), prepared), m)
}

func (a *author) prepare(m message) *conn.Prepared {
	prepared, err := conn.NewPrepared(m.to())
	if err != nil {
		a.t.Fatal(err)
	}
	return prepared
}

func (a *author) writeBatch(kind byte, mayEnd bool) {
	var messages []message
	var batch []conn.Message
	for range a.script.byte() % 5 {
		m := a.message(kind)
		typ, p := m.to()
		messages, batch = append(messages, m), append(batch, conn.Message{Type: typ, Data: p})
	}
	err := a.c.WriteBatch(a.context(mayEnd), batch...)
	for _, m := range batch {
		clear(m.Data)
	}
	a.done(err, messages...)
}

// tryWrite writes without waiting. While a message is streamed it is queued.
func (a *author) tryWrite(kind byte, prepared bool) {
	m := a.message(kind)
	typ, p := m.to()
	var err error
	if prepared {
		err = a.c.TryWritePrepared(a.prepare(m))
	} else {
		err = a.c.TryWrite(typ, p)
		clear(p)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	if a.stream != nil {
		a.stream.behind = append(a.stream.behind, m)
		return
	}
	a.want = append(a.want, m)
}

// ping sends a Ping that nobody answers.
func (a *author) ping() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := a.c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		a.t.Fatal(err)
	}
	a.pings++
}

// stream is a message that is being streamed.
type stream struct {
	io.WriteCloser
	message
	start  int       // where it begins on the wire
	behind []message // that wait for its end
}

func (a *author) begin(kind byte, mayEnd bool) {
	w, err := a.c.Writer(a.context(mayEnd), conn.MessageType(kind))
	if err != nil {
		a.t.Fatal(err)
	}
	a.stream = &stream{WriteCloser: w, message: message{kind: kind}, start: len(a.nc.told())}
}

// fragment writes a piece to the stream, in two pieces.
func (a *author) fragment(flush bool) {
	if a.stream == nil {
		return
	}
	m := a.message(a.stream.kind)
	a.stream.data += m.data
	at := min(int(a.script.byte()), len(m.data))
	_, err := io.WriteString(a.stream, m.data[:at])
	if err == nil && flush {
		err = a.stream.WriteCloser.(interface{ Flush() error }).Flush()
	}
	if err == nil {
		_, err = io.WriteString(a.stream, m.data[at:])
	}
	if err != nil {
		a.streamCut(err, false)
	}
}

// finish ends the stream, if there is one.
func (a *author) finish() {
	if a.stream == nil {
		return
	}
	last := len(a.nc.told())
	if err := a.stream.Close(); err != nil {
		a.streamCut(err, a.nc.cutAt > last)
		return
	}
	a.want = append(append(a.want, a.stream.message), a.stream.behind...)
	a.stream = nil
	a.disarm()
}

// streamCut takes note that the context of a stream has ended: if nothing was sent
// there was no message, if its last byte will be it is whole, and in between the
// connection is closed, since half a message must not look whole.
func (a *author) streamCut(err error, whole bool) {
	a.t.Helper()
	s := a.stream
	a.stream = nil
	sent := a.nc.cutAt - s.start
	a.disarm()
	switch {
	case !errors.Is(err, context.Canceled) || sent != a.room:
		a.t.Fatalf("a stream of which %d bytes may be sent, and %d were: %v", a.room, sent, err)
	case whole:
		a.want = append(a.want, s.message)
	case sent > 0:
		a.code, a.reason = int(conn.StatusInternalError), "a message could not be completed"
	}
	if ended := errors.Is(a.c.Err(), net.ErrClosed); ended != (a.code != 0) {
		a.t.Fatalf("%d bytes of a stream were sent, whole %v: %v", sent, whole, a.c.Err())
	}
}

// close ends all. A code that may not be sent does not.
func (a *author) close(code uint16, reason string) {
	if a.c.Err() != nil {
		<-a.c.Done()
		return
	}
	synctest.Wait()
	a.code, a.reason = int(code), reason
	err := a.c.Close(conn.StatusCode(code), reason)
	if empty := code == noCode && reason == ""; !validCode(int(code)) && !empty {
		if err == nil || a.c.Err() != nil {
			a.t.Fatalf("Close(%d) returns %v, and the connection is at %v", code, err, a.c.Err())
		}
		a.code, a.reason = int(conn.StatusNormalClosure), ""
		err = a.c.Close(conn.StatusNormalClosure, "")
	}
	if err != nil {
		a.t.Fatalf("Close(%d): %v", code, err)
	}
}

// requireRefused tries everything once more.
func (a *author) requireRefused() {
	ctx, c := context.Background(), a.c
	typ, p := message{opText, "too late"}.to()
	prepared := a.prepare(message{opText, "too late"})
	_, pinged := c.Ping(ctx)
	_, streamed := c.Writer(ctx, typ)
	_, _, read := c.Read(ctx)
	for i, err := range []error{
		pinged, streamed, read, c.Write(ctx, typ, p), c.TryWrite(typ, p), c.WritePrepared(ctx, prepared),
		c.TryWritePrepared(prepared), c.WriteBatch(ctx, conn.Message{Type: typ, Data: p}),
	} {
		if err == nil || err != c.Err() {
			a.t.Fatalf("method %d, after the end (%v): %v", i, c.Err(), err)
		}
	}
	if a.stream != nil && a.stream.Close() == nil {
		a.t.Fatal("a stream was completed after the end")
	}
}
