package browser

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/parleyws/websocket/frame"
	"github.com/parleyws/websocket/internal/wstest"
)

func TestMain(m *testing.M) { wstest.Main(m) }

// fake is a browser that keeps a record.
type fake struct {
	mu       sync.Mutex
	record   []string // "TEXT abc", "close 1000 bye"
	buffered int
	released int
}

var errThrown = errors.New("the browser throws")

func (f *fake) Send(typ frame.Opcode, p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if string(p) == "throw" {
		return errThrown
	}
	f.record = append(f.record, fmt.Sprintf("%v %s", typ, p))
	return nil
}

func (f *fake) Close(code frame.StatusCode, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.record = append(f.record, fmt.Sprintf("close %d %s", code, reason))
}

func (f *fake) Buffered() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.buffered
}

func (f *fake) setBuffered(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buffered = n
}

func (f *fake) Release() { f.released++ } // called with Stream.mu held

// did returns what the browser was told since the last time.
func (f *fake) did() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.record
	f.record = nil
	return r
}

func newStream() (*Stream, *fake) {
	f := new(fake)
	return New(f, "ws://example.com/chat"), f
}

// masked is a frame of a client.
func masked(op frame.Opcode, fin bool, payload string) []byte {
	h := frame.Header{Opcode: op, Fin: fin, Masked: true, Key: frame.Key{1, 2, 3, 4}, Length: int64(len(payload))}
	p := h.Append(nil)
	p = append(p, payload...)
	h.Key.XOR(p[len(p)-len(payload):])
	return p
}

// readAll reads frames until the stream ends, with reads of n bytes.
func readAll(s io.Reader, n int) (frames []string, err error) {
	var got []byte
	for p := make([]byte, n); err == nil; {
		var m int
		m, err = s.Read(p)
		got = append(got, p[:m]...)
	}
	for len(got) > 0 {
		h, size, bad := frame.ParseHeader(got)
		if bad != nil || size == 0 || len(got) < size+int(h.Length) {
			return frames, fmt.Errorf("no frames: %x", got)
		}
		frames = append(frames, fmt.Sprintf("%v %s", h, got[size:size+int(h.Length)]))
		got = got[size+int(h.Length):]
	}
	return frames, err
}
