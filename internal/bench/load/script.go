//go:build linux

// Package load is the client side of the benchmark, the same for all servers: one
// thread that waits in epoll, on raw sockets, with frames that were masked
// beforehand. It costs much less than what it measures.
package load

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
)

// A Script is what a client sends, over and over, and what has to come back.
type Script struct {
	// Raw says that the server does not speak WebSocket. It gets the same
	// frames, and all of their bytes come back.
	Raw bool

	// InFlight is how many messages a client sends before it waits for the first
	// to come back, and how many are on their way from then on. There have to be
	// that many different messages.
	InFlight int

	compressed bool
	payloads   [][]byte
	wire       []byte // all frames, twice, so that any InFlight in a row are contiguous
	ends       []int  // of the frames in wire; one more in front
	want       [][]byte
}

// NewScript makes a script of messages.
func NewScript(messages [][]byte, text, compress bool) *Script {
	s := &Script{InFlight: 1, compressed: compress, payloads: messages, want: messages, ends: []int{0}}
	op := byte(opBinary)
	if text {
		op = opText
	}
	if compress {
		s.want = make([][]byte, len(messages)) // any
	}
	for range 2 {
		for i, m := range messages {
			if compress {
				m = deflate(m)
			}
			key := [4]byte{byte(i) ^ 0x5A, byte(i*31 + 7), 0xC3, byte(i * 17)}
			s.wire = appendFrame(s.wire, op, compress, key, m)
			s.ends = append(s.ends, len(s.wire))
		}
	}
	return s
}

// ForRaw returns the same script for a server that echoes bytes.
func (s *Script) ForRaw() *Script {
	raw := *s
	raw.Raw = true
	raw.want = nil
	for i := range s.payloads {
		raw.want = append(raw.want, s.frames(i, 1))
	}
	return &raw
}

// frames returns the bytes of n frames from the i-th on.
func (s *Script) frames(i, n int) []byte { return s.wire[s.ends[i]:s.ends[i+n]] }

// Wire returns the size of a frame. Without compression they all have the same.
func (s *Script) Wire() int { return s.ends[1] }

// check says what is wrong with the answer to the i-th message. In the loop there
// is no time to inflate answers.
func (s *Script) check(i int, r *reader, payload []byte) error {
	switch {
	case s.Raw || !s.compressed:
		return nil
	case !r.rsv1:
		return fmt.Errorf("the server does not compress")
	}
	text, err := inflate(payload)
	if err == nil && string(text) != string(s.payloads[i]) {
		err = fmt.Errorf("%d bytes came back that are not the %d that were sent", len(text), len(s.payloads[i]))
	}
	return err
}

// deflate compresses a message as a browser would.
func deflate(m []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err == nil {
		_, err = w.Write(m)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		panic("BUG: compressing into memory: " + err.Error())
	}
	return b.Bytes()[:b.Len()-4] // RFC 7692, section 7.2.1
}

// inflate is the other way round. The block that it adds besides the tail has the
// bit that ends the stream.
func inflate(p []byte) ([]byte, error) {
	whole := append(p[:len(p):len(p)], "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)
	r := flate.NewReader(bytes.NewReader(whole))
	return io.ReadAll(r)
}
