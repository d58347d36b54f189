package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parleyws/websocket/frame"
)

var (
	errClosed = errors.New("the end has closed the connection")
	errGone   = errors.New("the other end does not take any more")
)

// pump passes on what one end sends until it has sent a Close frame, or there is no going
// on, and then tells both why.
func (s *session) pump(from, to *end) {
	buf := make([]byte, pieceSize)
	for {
		err := s.pass(from, to, buf)
		var broken *frame.Error
		switch {
		case err == nil:
			continue
		case err == errClosed:
			s.hasten()
		case errors.As(err, &broken):
			// RFC 6455, section 7.1.7: the peer that broke the rule is told which kind.
			s.log.Printf("#%d %s %v", s.id, from.name, err)
			s.close(from, broken.Code, broken.Reason)
			s.lost(to)
		case err == errGone:
			s.lost(from)
		default:
			s.log.Printf("#%d %s is gone: %v", s.id, from.name, err)
			s.lost(to)
		}
		return
	}
}

// pass passes on one frame.
func (s *session) pass(from, to *end, buf []byte) error {
	h, err := from.r.Next()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := from.rules.Next(h); err != nil {
		return err
	}
	from.count++
	if h.Opcode.IsControl() {
		return s.passControl(from, to, h, began, buf)
	}
	// The lock is held while the payload comes: nothing may be put into a frame.
	to.mu.Lock()
	defer to.mu.Unlock()
	shown, err := copyPayload(from, to, h, buf, s.dump)
	if err == nil {
		s.show(from, to, h, began, s.excerpt(h, shown))
	}
	return err
}

// copyPayload passes on a data frame piece by piece, and returns its beginning.
func copyPayload(from, to *end, h frame.Header, buf []byte, keep int) (beginning []byte, err error) {
	if !to.closed && to.w.WriteHeader(to.header(h)) != nil {
		return nil, errGone
	}
	for left := h.Length; left > 0; {
		n, err := from.r.Read(buf)
		if err != nil {
			return nil, err
		}
		left -= int64(n)
		if room := keep - len(beginning); room > 0 {
			beginning = append(beginning, buf[:min(n, room)]...)
		}
		if to.closed {
			continue // RFC 6455, section 5.5.1: no data after a Close frame
		}
		if _, err := to.w.Write(buf[:n]); err != nil {
			return nil, errGone
		}
	}
	return beginning, nil
}

// passControl passes on a control frame, which is at most 125 bytes and thus passed on
// as a whole: it holds up nobody.
func (s *session) passControl(from, to *end, h frame.Header, began time.Time, buf []byte) error {
	payload := buf[:h.Length]
	if _, err := io.ReadFull(from.r, payload); err != nil {
		return err
	}
	detail := s.excerpt(h, payload)
	if h.Opcode == frame.Close {
		code, reason, err := frame.ParseClose(payload)
		if err != nil {
			return err
		}
		detail = fmt.Sprintf(" %v %q", code, reason)
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	var err error
	if !to.closed {
		to.closed = h.Opcode == frame.Close
		err = to.w.WriteFrame(to.header(h), payload)
	}
	s.show(from, to, h, began, detail)
	switch {
	case h.Opcode == frame.Close:
		return errClosed
	case err != nil:
		return errGone
	default:
		return nil
	}
}

// show logs a frame. to is locked.
func (s *session) show(from, to *end, h frame.Header, began time.Time, detail string) {
	if to.closed && h.Opcode != frame.Close {
		detail += " (dropped: it comes after a Close frame)"
	}
	s.log.Printf("#%d %s → %v in %v%s", s.id, from.name, h, time.Since(began).Round(time.Microsecond), detail)
}

// excerpt is the beginning of a payload, fit for a terminal whatever is in it.
func (s *session) excerpt(h frame.Header, payload []byte) string {
	payload = payload[:min(len(payload), s.dump)]
	switch {
	case len(payload) == 0:
		return ""
	case h.Opcode == frame.Text && !h.Rsv1:
		return fmt.Sprintf(" %q", payload)
	default:
		return fmt.Sprintf(" % x", payload)
	}
}
