package frame

import (
	"bufio"
	"errors"
	"io"
)

// Writer writes frames to a byte stream: whole ones with WriteFrame, or in
// pieces with WriteHeader and Write, which is how a proxy passes on a frame that
// is larger than it cares to hold.
//
// A Writer holds one buffer of 4 KiB and allocates nothing per frame. It does
// not judge what it is told to write: a [Validator] in the peer's role can.
type Writer struct {
	bw   *bufio.Writer // empty between two frames
	mask bool
	key  Key   // turned to the next byte of the payload
	left int64 // bytes that the current frame still wants
	err  error // of the stream: what every later call returns
}

// NewWriter returns a Writer of frames to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{bw: bufio.NewWriter(w)}
}

// WriteFrame writes one frame. Its Length is that of the payload, whatever h
// says. If h is Masked, the payload is masked on the way with h.Key, for which
// see [NewKey]; payload itself is only read, and not kept.
//
// A frame that fits 4 KiB with its header is one Write to the stream beneath.
// Once that has failed, every call returns the same error.
func (w *Writer) WriteFrame(h Header, payload []byte) error {
	h.Length = int64(len(payload))
	if err := w.begin(h); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}

// WriteHeader begins a frame of h.Length payload bytes, which are to follow in
// one or more calls of Write. The header is held back until the first of them,
// so that the two go out together. While the frame before wants more bytes,
// WriteHeader fails and nothing is written.
func (w *Writer) WriteHeader(h Header) error {
	if err := w.begin(h); err != nil || h.Length > 0 {
		return err
	}
	return w.flush()
}

// Write writes payload of the frame that WriteHeader began, masked if its header
// says so; p is only read. When Write returns, the stream beneath has the bytes.
// If p is longer than what the frame still wants, Write fails and writes
// nothing.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > w.left {
		return 0, errors.New("frame: the payload is longer than its header said, begin another frame with WriteHeader")
	}
	w.left -= int64(len(p))
	if w.mask {
		w.writeMasked(p)
	} else {
		w.bw.Write(p) // an error comes again from flush
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *Writer) begin(h Header) error {
	if w.err != nil {
		return w.err
	}
	if w.left > 0 {
		return errors.New("frame: the frame before is incomplete, write the rest of its payload first")
	}
	w.key, w.mask, w.left = h.Key, h.Masked, h.Length
	_, err := w.bw.Write(h.Append(w.bw.AvailableBuffer()))
	return err
}

// writeMasked masks p into the free space of the buffer, as often as it takes.
func (w *Writer) writeMasked(p []byte) {
	for len(p) > 0 && w.err == nil {
		room := w.bw.AvailableBuffer()
		n := min(len(p), cap(room))
		w.key = w.key.XORTo(room[:n], p[:n])
		w.bw.Write(room[:n])
		if p = p[n:]; w.bw.Available() == 0 {
			w.flush()
		}
	}
}

func (w *Writer) flush() error {
	w.err = w.bw.Flush()
	return w.err
}
