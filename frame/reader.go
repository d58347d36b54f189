package frame

import (
	"bufio"
	"io"
)

// Reader reads frames from a byte stream: Next for the header, then Read for
// the payload, which comes unmasked.
//
//	r := frame.NewReader(conn)
//	for {
//		h, err := r.Next()
//		if err != nil {
//			return err // io.EOF after the last frame
//		}
//		payload, err := io.ReadAll(r)
//		…
//	}
//
// A Reader holds one buffer of 4 KiB whatever lengths the peer declares, and
// allocates nothing per frame. It may read ahead of the frame it is at. It does
// not judge the order of frames: give each header to a [Validator].
type Reader struct {
	br   *bufio.Reader
	key  Key   // turned to the next byte of the payload; zero when not masked
	left int64 // bytes of the payload that are still to come
	err  error // terminal: what every later call returns
}

// NewReader returns a Reader of the frames in r.
func NewReader(r io.Reader) *Reader {
	return &Reader{br: bufio.NewReader(&stickyReader{r: r})}
}

// Next skips what is left of the current frame's payload and returns the header
// of the next frame.
//
// The error is io.EOF if the stream ends between two frames,
// io.ErrUnexpectedEOF if it ends within one, an [*Error] from [ParseHeader], or
// what the underlying reader returned. Every later call returns the same.
func (r *Reader) Next() (Header, error) {
	if r.err == nil {
		r.err = r.skip()
	}
	if r.err != nil {
		return Header{}, r.err
	}
	h, err := r.header()
	if err != nil {
		r.err = err
		return Header{}, err
	}
	r.left = h.Length
	if r.key = (Key{}); h.Masked {
		r.key = h.Key
	}
	return h, nil
}

// Read reads payload of the current frame, unmasked, into p. It returns io.EOF
// at the end of the frame, and io.ErrUnexpectedEOF if the stream ends before.
// Once Next has failed, Read returns the same error.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.br.Read(p[:min(int64(len(p)), r.left)])
	r.key = r.key.XOR(p[:n])
	r.left -= int64(n)
	r.err = unexpected(err)
	return n, r.err
}

// skip drops the rest of the current payload.
func (r *Reader) skip() error {
	for r.left > 0 {
		n, err := r.br.Discard(int(min(r.left, 1<<30))) // an int has 32 bits somewhere
		r.left -= int64(n)
		if err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// header reads a header. It waits for no byte that the header does not have.
func (r *Reader) header() (Header, error) {
	for {
		p, _ := r.br.Peek(min(r.br.Buffered(), MaxHeaderSize))
		h, n, err := ParseHeader(p)
		if n > 0 {
			_, err = r.br.Discard(n)
		}
		if n > 0 || err != nil {
			return h, err
		}
		if _, err := r.br.Peek(len(p) + 1); err != nil {
			if len(p) > 0 {
				err = unexpected(err)
			}
			return Header{}, err
		}
	}
}

// unexpected is err, except that the stream should not have ended here.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// stickyReader gives bytes and error apart, the bytes first, and then that error
// for ever, whatever its reader does.
type stickyReader struct {
	r   io.Reader
	err error
}

func (s *stickyReader) Read(p []byte) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	n, s.err = s.r.Read(p)
	if n > 0 {
		return n, nil
	}
	return 0, s.err
}
