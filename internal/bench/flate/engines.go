package main

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	ours "github.com/parleyws/websocket/internal/flate"
)

// An engine is an implementation of DEFLATE at one level, as servers use it.
// What is nil it does not do, or does as another row shows.
//
// A compress function appends src, compressed and flushed, to dst. A decompress
// function fills dst with what src inflates to; both know how much that is, so
// that nobody pays for finding the end.
type engine struct {
	name string
	bits int // of its window; with less than 15 it cannot inflate what others compress

	// One message by itself, as without context takeover.
	compress   func(dst, src []byte) []byte
	decompress func(dst, src []byte) error

	// The state of one connection with context takeover, for message after
	// message.
	newCompressor   func() func(dst, src []byte) []byte
	newDecompressor func() func(dst, src []byte) error
}

// The engines by name, as the bars refer to them.
const (
	oursFastest  = "parley 1"
	ours12       = "parley 1, 12 bits"
	oursSmallest = "parley 3"
	std1         = "compress/flate 1"
	std6         = "compress/flate 6"
	klauspost1   = "klauspost 1"
)

func engines() []engine {
	return []engine{
		parley(oursFastest, ours.Fastest, 15),
		parley(ours12, ours.Fastest, 12),
		parley("parley 2", ours.Balanced, 15),
		parley(oursSmallest, ours.Smallest, 15),
		standard(std1, 1),
		standard(std6, 6),
		klauspost(klauspost1, 1),
		stateless(),
	}
}

// parley is ours. Messages by themselves take a compressor from the package's pool
// and give it back, as package conn does.
func parley(name string, level ours.Level, bits int) engine {
	e := engine{name: name, bits: bits}
	e.compress = func(dst, src []byte) []byte {
		c := ours.NewCompressor(level, bits)
		defer c.Release()
		return c.Append(dst, src, true)
	}
	e.newCompressor = func() func(dst, src []byte) []byte {
		c := ours.NewCompressor(level, bits)
		return func(dst, src []byte) []byte { return c.Append(dst, src, true) }
	}
	if level != ours.Fastest {
		return e // a decompressor has no level
	}
	e.decompress = func(dst, src []byte) error {
		d := ours.NewDecompressor(bits)
		defer d.Release()
		return inflate(d, dst, src)
	}
	e.newDecompressor = func() func(dst, src []byte) error {
		d := ours.NewDecompressor(bits)
		return func(dst, src []byte) error { return inflate(d, dst, src) }
	}
	return e
}

func inflate(d *ours.Decompressor, dst, src []byte) error {
	n, m, err := d.Inflate(dst, src)
	if err != nil || n < len(dst) || m < len(src) {
		return fmt.Errorf("inflated %d of %d bytes to %d of %d: %w", m, len(src), n, len(dst), err)
	}
	return d.EndMessage()
}

// A resetWriter is a compressor with the API of compress/flate.
type resetWriter interface {
	io.Writer
	Flush() error
	Reset(io.Writer)
}

// standard is compress/flate. Messages by themselves take a writer or reader
// from a pool and reset it, as gorilla/websocket does and coder/websocket. A
// connection with takeover has its own writer, which is flushed, and its own
// reader, which goes on reading one stream.
func standard(name string, level int) engine {
	e := withWriter(name, func(w io.Writer) (resetWriter, error) { return stdflate.NewWriter(w, level) })
	if level == 1 {
		e.readWith(func(r io.Reader) io.ReadCloser { return stdflate.NewReader(r) })
	}
	return e
}

// klauspost is github.com/klauspost/compress, used in the same way.
func klauspost(name string, level int) engine {
	e := withWriter(name, func(w io.Writer) (resetWriter, error) { return flate.NewWriter(w, level) })
	e.readWith(func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	return e
}

// stateless is klauspost/compress in the mode that has no state between
// messages.
func stateless() engine {
	return engine{name: "klauspost stateless", bits: 15, compress: func(dst, src []byte) []byte {
		out := bytes.NewBuffer(dst)
		must(flate.StatelessDeflate(out, src, false, nil))
		return out.Bytes()
	}}
}

func withWriter(name string, newWriter func(io.Writer) (resetWriter, error)) engine {
	pool := sync.Pool{New: func() any { return newStream(newWriter) }}
	return engine{
		name: name,
		bits: 15,
		compress: func(dst, src []byte) []byte {
			s := pool.Get().(*stream)
			defer pool.Put(s)
			s.w.Reset(&s.out)
			return s.append(dst, src)
		},
		newCompressor: func() func(dst, src []byte) []byte { return newStream(newWriter).append },
	}
}

// A stream is a writer and where it writes to.
type stream struct {
	w   resetWriter
	out appender
}

func newStream(newWriter func(io.Writer) (resetWriter, error)) *stream {
	s := new(stream)
	w, err := newWriter(&s.out)
	must(err)
	s.w = w
	return s
}

func (s *stream) append(dst, src []byte) []byte {
	s.out.b = dst
	_, err := s.w.Write(src)
	must(err)
	must(s.w.Flush())
	dst, s.out.b = s.out.b, nil
	return dst
}

// An appender is the least that a bytes.Buffer could be.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

func (e *engine) readWith(newReader func(io.Reader) io.ReadCloser) {
	pool := sync.Pool{New: func() any { return newSource(newReader) }}
	e.decompress = func(dst, src []byte) error {
		s := pool.Get().(*source)
		defer pool.Put(s)
		s.in.Reset(src)
		if err := s.r.(stdflate.Resetter).Reset(&s.in, nil); err != nil {
			return err
		}
		_, err := io.ReadFull(s.r, dst)
		return err
	}
	e.newDecompressor = func() func(dst, src []byte) error { return newSource(newReader).fill }
}

// A source is a reader and where it reads from: the messages, and what it has
// left of the one before.
type source struct {
	r    io.ReadCloser
	in   bytes.Reader
	left bytes.Buffer
}

func newSource(newReader func(io.Reader) io.ReadCloser) *source {
	s := new(source)
	s.r = newReader(&s.left)
	return s
}

func (s *source) fill(dst, src []byte) error {
	s.left.Write(src)
	_, err := io.ReadFull(s.r, dst)
	return err
}

func must(err error) {
	if err != nil {
		panic("BUG: compressing into memory: " + err.Error())
	}
}
