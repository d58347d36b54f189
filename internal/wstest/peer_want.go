package wstest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing/synctest"

	"github.com/parleyws/websocket/frame"
)

// Want reads as many frames as are given, and fails the test unless the
// endpoint has sent just these, in whole frames and masked as its role demands.
// The sentence says what is expected in words, and why.
func (p *Peer) Want(sentence string, frames ...Frame) {
	p.t.Helper()
	for i, want := range frames {
		if got := p.Next(sentence); !got.same(want) {
			p.t.Fatalf("%s\ngot frame %d: %v\n       want: %v%s", sentence, i+1, got, want, p.history())
		}
	}
}

// WantMessage reads one data message, in however many fragments it comes.
// Control frames in between are not wanted.
func (p *Peer) WantMessage(sentence string, op frame.Opcode, payload []byte) {
	p.t.Helper()
	f := p.Next(sentence)
	whole := f
	for n := 1; !f.Fin; n++ {
		f = p.Next(sentence)
		if f.Opcode != frame.Continuation {
			p.t.Fatalf("%s\ngot after %d fragments: %v\nwant: a continuation%s", sentence, n, f, p.history())
		}
		whole.Payload = append(whole.Payload, f.Payload...)
	}
	whole.Fin = true
	if want := Op(op, payload); !whole.same(want) {
		whole.Length = int64(len(whole.Payload))
		p.t.Fatalf("%s\ngot message: %v\n       want: %v%s", sentence, whole, want, p.history())
	}
}

// WantClose reads a close frame with that code, frame.StatusNoStatusReceived
// for one without a body. It returns the reason.
func (p *Peer) WantClose(sentence string, code frame.StatusCode) (reason string) {
	p.t.Helper()
	f := p.Next(sentence)
	got, reason, err := frame.ParseClose(f.Payload)
	if f.Opcode != frame.Close || !f.Fin || f.Rsv1 || f.Rsv2 || f.Rsv3 || err != nil || got != code {
		p.t.Fatalf("%s\n got: %v\nwant: CLOSE FIN with code %v%s", sentence, f, code, p.history())
	}
	return reason
}

// Next reads the next frame, whatever it is.
func (p *Peer) Next(sentence string) Frame {
	p.t.Helper()
	f, err := p.next()
	if err != nil {
		p.t.Fatalf("%s\nno frame: %v%s", sentence, err, p.history())
	}
	if fromClient := p.role == frame.Server; f.Masked != fromClient {
		p.t.Fatalf("%s\ngot: %v\na client masks every frame and a server none: RFC 6455, section 5.1%s", sentence, f, p.history())
	}
	return f
}

// WantEOF wants the endpoint to have ended its stream, with nothing before.
func (p *Peer) WantEOF(sentence string) {
	p.t.Helper()
	p.wantEnd(sentence, io.EOF)
}

// WantReset wants the endpoint to have reset the connection.
func (p *Peer) WantReset(sentence string) {
	p.t.Helper()
	p.wantEnd(sentence, syscall.ECONNRESET)
}

func (p *Peer) wantEnd(sentence string, want error) {
	p.t.Helper()
	switch f, err := p.next(); {
	case err == nil:
		p.t.Fatalf("%s\n got: %v\nwant: %v%s", sentence, f, want, p.history())
	case !errors.Is(err, want):
		p.t.Fatalf("%s\n got: %v\nwant: %v%s", sentence, err, want, p.history())
	}
}

// WantIdle wants the endpoint to have nothing to say: once all goroutines of
// the synctest bubble are blocked, nothing has arrived, the end of the stream
// included. The Peer must have one end of a Pipe.
func (p *Peer) WantIdle(sentence string) {
	p.t.Helper()
	synctest.Wait()
	c, ok := p.nc.(*Conn)
	switch {
	case !ok:
		p.t.Fatalf("WantIdle needs one end of a Pipe, not %T", p.nc)
	case !c.Idle():
		f, err := p.next()
		p.t.Fatalf("%s\n got: %v, error %v\nwant: nothing%s", sentence, f, err, p.history())
	}
}

// history tells what the endpoint has sent, for failure messages.
func (p *Peer) history() string {
	var s strings.Builder
	s.WriteString("\nall frames so far:")
	for _, f := range p.frames {
		fmt.Fprintf(&s, "\n\t%v", f)
	}
	return s.String()
}
